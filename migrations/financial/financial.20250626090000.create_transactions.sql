-- Create financial.transactions.
--
-- Movements on accounts. The index on account_id comes with the pagination indices, as part of a longer key.
-- depends: public.20250602090000.create_set_updated_at financial.20250616113000.create_categories financial.20250619101000.create_accounts financial.20250624093000.create_invoices

CREATE TABLE financial.transactions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    account_id bigint NOT NULL,
    category_id bigint,
    invoice_id bigint,
    external_id text,
    status text NOT NULL DEFAULT 'pending',
    date date NOT NULL,
    amount numeric(20, 4) NOT NULL,
    currency text NOT NULL,
    counterparty text,
    description text NOT NULL DEFAULT '',
    posted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT transactions_pkey PRIMARY KEY (id),
    CONSTRAINT transactions_account_id_external_id_key UNIQUE (account_id, external_id),
    CONSTRAINT transactions_account_in_same_currency_fkey
        FOREIGN KEY (account_id, currency) REFERENCES financial.accounts (id, currency) ON DELETE RESTRICT,
    CONSTRAINT transactions_category_id_fkey
        FOREIGN KEY (category_id) REFERENCES financial.categories (id) ON DELETE RESTRICT,
    CONSTRAINT transactions_invoice_id_fkey
        FOREIGN KEY (invoice_id) REFERENCES financial.invoices (id) ON DELETE RESTRICT,
    CONSTRAINT transactions_status_is_known CHECK (status IN ('pending', 'posted', 'failed', 'reversed')),
    CONSTRAINT transactions_amount_is_a_movement CHECK (amount <> 0 AND amount <> 'NaN'),
    CONSTRAINT transactions_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT transactions_posted_at_when_posted
        CHECK ((status IN ('posted', 'reversed')) = (posted_at IS NOT NULL))
);

CREATE INDEX idx_transactions_category_id
    ON financial.transactions (category_id)
    WHERE category_id IS NOT NULL;
CREATE INDEX idx_transactions_invoice_id
    ON financial.transactions (invoice_id)
    WHERE invoice_id IS NOT NULL;

CREATE TRIGGER transactions_set_updated_at
    BEFORE UPDATE ON financial.transactions
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE financial.transactions IS 'Movements on accounts.';
COMMENT ON COLUMN financial.transactions.external_id IS
    'The institution''s own identifier, so that an import may be repeated; NULL for entries made by hand.';
COMMENT ON COLUMN financial.transactions.date IS 'Booking date in the institution''s time zone.';
COMMENT ON COLUMN financial.transactions.amount IS 'Positive into the account, negative out of it.';
COMMENT ON COLUMN financial.transactions.invoice_id IS
    'The invoice that this movement pays, in whole or in part.';
