-- Create financial.institutions.
--
-- Banks, brokers and payment providers: where accounts are held.
-- depends: public.20250602090000.create_set_updated_at

CREATE TABLE financial.institutions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    kind text NOT NULL,
    country text NOT NULL,
    bic text,
    status text NOT NULL DEFAULT 'active',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT institutions_pkey PRIMARY KEY (id),
    CONSTRAINT institutions_country_name_key UNIQUE (country, name),
    CONSTRAINT institutions_bic_key UNIQUE (bic),
    CONSTRAINT institutions_name_is_not_blank CHECK (name ~ '[^[:space:]]'),
    CONSTRAINT institutions_kind_is_known CHECK (kind IN ('bank', 'broker', 'payment_provider')),
    CONSTRAINT institutions_country_is_a_code CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT institutions_bic_is_iso_9362 CHECK (bic ~ '^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$'),
    CONSTRAINT institutions_status_is_known CHECK (status IN ('active', 'closed'))
);

CREATE TRIGGER institutions_set_updated_at
    BEFORE UPDATE ON financial.institutions
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE financial.institutions IS 'Banks, brokers and payment providers that hold accounts.';
COMMENT ON COLUMN financial.institutions.country IS 'ISO 3166-1 alpha-2.';
COMMENT ON COLUMN financial.institutions.bic IS
    'ISO 9362 business identifier code; NULL where the institution has none.';
