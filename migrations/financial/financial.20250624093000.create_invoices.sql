-- Create financial.invoices.
--
-- The head of an invoice. Its sums are stored because an issued invoice must never change with a tax rate.
-- depends: public.20250602090000.create_set_updated_at financial.20250618080000.create_clients

CREATE TABLE financial.invoices (
    id bigint GENERATED ALWAYS AS IDENTITY,
    client_id bigint NOT NULL,
    number text NOT NULL,
    status text NOT NULL DEFAULT 'draft',
    issue_date date NOT NULL DEFAULT CURRENT_DATE,
    due_date date NOT NULL,
    currency text NOT NULL,
    subtotal numeric(20, 4) NOT NULL DEFAULT 0,
    tax numeric(20, 4) NOT NULL DEFAULT 0,
    total numeric(20, 4) NOT NULL DEFAULT 0,
    paid_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT invoices_pkey PRIMARY KEY (id),
    CONSTRAINT invoices_number_key UNIQUE (number),
    CONSTRAINT invoices_client_id_fkey
        FOREIGN KEY (client_id) REFERENCES financial.clients (id) ON DELETE RESTRICT,
    CONSTRAINT invoices_number_is_not_blank CHECK (number ~ '[^[:space:]]'),
    CONSTRAINT invoices_status_is_known CHECK (status IN ('draft', 'issued', 'paid', 'void')),
    CONSTRAINT invoices_due_after_issue CHECK (due_date >= issue_date),
    CONSTRAINT invoices_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$'),
    -- NaN is greater than every number: without the upper bounds it would pass for an amount.
    CONSTRAINT invoices_subtotal_is_not_negative CHECK (subtotal >= 0 AND subtotal < 'NaN'),
    CONSTRAINT invoices_tax_is_not_negative CHECK (tax >= 0 AND tax < 'NaN'),
    CONSTRAINT invoices_total_is_subtotal_and_tax CHECK (total = subtotal + tax),
    CONSTRAINT invoices_paid_at_when_paid CHECK ((status = 'paid') = (paid_at IS NOT NULL))
);

CREATE INDEX idx_invoices_client_id ON financial.invoices (client_id);

CREATE TRIGGER invoices_set_updated_at
    BEFORE UPDATE ON financial.invoices
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE financial.invoices IS 'Invoices to clients; the lines are in financial.invoice_lines.';
COMMENT ON COLUMN financial.invoices.status IS
    'draft, issued, paid or void; overdue is not stored: issued and due_date in the past.';
COMMENT ON COLUMN financial.invoices.currency IS
    'ISO 4217; the unit of every amount of the invoice and its lines.';
COMMENT ON COLUMN financial.invoices.subtotal IS
    'Sum of the lines'' amounts, written by the service in the transaction that writes the lines.';
