-- Create public.system_settings.
--
-- What operators may change without a release: one documented row a setting.
-- lint: allow foreign-key-without-index: a table of a few dozen rows is read faster than an index
-- depends: public.20250602090000.create_set_updated_at public.20250602093000.create_users

CREATE TABLE public.system_settings (
    key text NOT NULL,
    value jsonb NOT NULL,
    description text NOT NULL,
    updated_by bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT system_settings_pkey PRIMARY KEY (key),
    -- No index on updated_by: the table has some dozens of rows.
    CONSTRAINT system_settings_updated_by_fkey
        FOREIGN KEY (updated_by) REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT system_settings_key_is_dotted_words CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
    CONSTRAINT system_settings_description_is_not_blank CHECK (description ~ '[^[:space:]]')
);

CREATE TRIGGER system_settings_set_updated_at
    BEFORE UPDATE ON public.system_settings
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE public.system_settings IS
    'Settings that operators change while the platform runs; never secrets.';
COMMENT ON COLUMN public.system_settings.key IS 'Dotted name such as pagination.page_size.';
COMMENT ON COLUMN public.system_settings.updated_by IS
    'NULL when a migration wrote the value, or its author is gone.';
