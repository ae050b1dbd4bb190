-- Create financial.accounts.
--
-- An account at an institution, in one currency. Closed accounts stay: transactions and orders refer to them.
-- depends: public.20250602090000.create_set_updated_at public.20250602093000.create_users financial.20250616090000.create_institutions

CREATE TABLE financial.accounts (
    id bigint GENERATED ALWAYS AS IDENTITY,
    institution_id bigint NOT NULL,
    owner_id bigint NOT NULL,
    number text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL DEFAULT 'active',
    currency text NOT NULL,
    balance numeric(20, 4) NOT NULL DEFAULT 0,
    opened_on date,
    closed_on date,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT accounts_pkey PRIMARY KEY (id),
    CONSTRAINT accounts_institution_id_number_key UNIQUE (institution_id, number),
    -- For foreign keys that make a row take the currency of its account.
    CONSTRAINT accounts_id_currency_key UNIQUE (id, currency),
    CONSTRAINT accounts_institution_id_fkey
        FOREIGN KEY (institution_id) REFERENCES financial.institutions (id) ON DELETE RESTRICT,
    CONSTRAINT accounts_owner_id_fkey
        FOREIGN KEY (owner_id) REFERENCES public.users (id) ON DELETE RESTRICT,
    CONSTRAINT accounts_number_is_not_blank CHECK (number ~ '[^[:space:]]'),
    CONSTRAINT accounts_name_is_not_blank CHECK (name ~ '[^[:space:]]'),
    CONSTRAINT accounts_kind_is_known CHECK (kind IN ('checking', 'savings', 'credit', 'brokerage', 'cash')),
    CONSTRAINT accounts_status_is_known CHECK (status IN ('active', 'frozen', 'closed')),
    CONSTRAINT accounts_currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT accounts_balance_is_a_number CHECK (balance <> 'NaN'),
    CONSTRAINT accounts_closed_on_when_closed CHECK ((status = 'closed') = (closed_on IS NOT NULL)),
    CONSTRAINT accounts_closed_after_opened CHECK (closed_on >= opened_on)
);

CREATE INDEX idx_accounts_owner_id ON financial.accounts (owner_id);

CREATE TRIGGER accounts_set_updated_at
    BEFORE UPDATE ON financial.accounts
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE financial.accounts IS 'Accounts at institutions, each in one currency.';
COMMENT ON COLUMN financial.accounts.number IS
    'As the institution writes it: an IBAN, a card''s last digits, a broker''s code.';
COMMENT ON COLUMN financial.accounts.currency IS 'ISO 4217; the unit of balance.';
COMMENT ON COLUMN financial.accounts.balance IS
    'As the institution last reported it; not the sum of the transactions.';
