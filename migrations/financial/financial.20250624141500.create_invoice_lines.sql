-- Create financial.invoice_lines.
--
-- What an invoice is made of. Lines are part of their invoice and go with it.
-- depends: public.20250602090000.create_set_updated_at financial.20250624093000.create_invoices

CREATE TABLE financial.invoice_lines (
    id bigint GENERATED ALWAYS AS IDENTITY,
    invoice_id bigint NOT NULL,
    line_number integer NOT NULL,
    description text NOT NULL,
    quantity numeric(20, 6) NOT NULL DEFAULT 1,
    unit_price numeric(20, 4) NOT NULL,
    tax_rate numeric(7, 6) NOT NULL DEFAULT 0,
    amount numeric(20, 4) GENERATED ALWAYS AS (round(quantity * unit_price, 4)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT invoice_lines_pkey PRIMARY KEY (id),
    CONSTRAINT invoice_lines_invoice_id_line_number_key UNIQUE (invoice_id, line_number),
    CONSTRAINT invoice_lines_invoice_id_fkey
        FOREIGN KEY (invoice_id) REFERENCES financial.invoices (id) ON DELETE CASCADE,
    CONSTRAINT invoice_lines_line_number_is_positive CHECK (line_number >= 1),
    CONSTRAINT invoice_lines_description_is_not_blank CHECK (description ~ '[^[:space:]]'),
    -- NaN is greater than every number: without the upper bounds it would pass.
    CONSTRAINT invoice_lines_quantity_is_positive CHECK (quantity > 0 AND quantity < 'NaN'),
    CONSTRAINT invoice_lines_unit_price_is_a_number CHECK (unit_price <> 'NaN'),
    CONSTRAINT invoice_lines_tax_rate_is_a_share CHECK (tax_rate BETWEEN 0 AND 1)
);

CREATE TRIGGER invoice_lines_set_updated_at
    BEFORE UPDATE ON financial.invoice_lines
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE financial.invoice_lines IS 'Lines of the invoices, in the currency of the invoice.';
COMMENT ON COLUMN financial.invoice_lines.line_number IS 'Place on the invoice, from 1.';
COMMENT ON COLUMN financial.invoice_lines.unit_price IS 'Negative for a discount.';
COMMENT ON COLUMN financial.invoice_lines.tax_rate IS 'A share: 0.19 is 19 %.';
COMMENT ON COLUMN financial.invoice_lines.amount IS 'quantity times unit_price, without tax.';
