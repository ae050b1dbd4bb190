-- Create financial.clients.
--
-- Whom the platform's users invoice.
-- depends: public.20250602090000.create_set_updated_at public.20250602093000.create_users

CREATE TABLE financial.clients (
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    kind text NOT NULL DEFAULT 'company',
    status text NOT NULL DEFAULT 'prospect',
    email text,
    country text,
    tax_number text,
    created_by bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT clients_pkey PRIMARY KEY (id),
    CONSTRAINT clients_email_key UNIQUE (email),
    CONSTRAINT clients_country_tax_number_key UNIQUE (country, tax_number),
    CONSTRAINT clients_created_by_fkey
        FOREIGN KEY (created_by) REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT clients_name_is_not_blank CHECK (name ~ '[^[:space:]]'),
    CONSTRAINT clients_kind_is_known CHECK (kind IN ('person', 'company')),
    CONSTRAINT clients_status_is_known CHECK (status IN ('prospect', 'active', 'inactive', 'archived')),
    CONSTRAINT clients_email_is_lower_case CHECK (email = lower(email)),
    CONSTRAINT clients_email_is_an_address
        CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email) <= 254),
    CONSTRAINT clients_country_is_a_code CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT clients_tax_number_has_a_country CHECK (tax_number IS NULL OR country IS NOT NULL)
);

CREATE INDEX idx_clients_created_by ON financial.clients (created_by);

CREATE TRIGGER clients_set_updated_at
    BEFORE UPDATE ON financial.clients
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE financial.clients IS 'Persons and companies that are invoiced.';
COMMENT ON COLUMN financial.clients.country IS 'ISO 3166-1 alpha-2.';
COMMENT ON COLUMN financial.clients.tax_number IS 'As the tax office of the country writes it.';
COMMENT ON COLUMN financial.clients.created_by IS 'NULL when imported, or when the user is gone.';
