-- Create trading.strategies.
--
-- What trades by itself, on whose behalf, and with which parameters.
-- depends: public.20250602090000.create_set_updated_at public.20250602093000.create_users

CREATE TABLE trading.strategies (
    id bigint GENERATED ALWAYS AS IDENTITY,
    owner_id bigint NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'draft',
    parameters jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT strategies_pkey PRIMARY KEY (id),
    CONSTRAINT strategies_owner_id_name_key UNIQUE (owner_id, name),
    CONSTRAINT strategies_owner_id_fkey
        FOREIGN KEY (owner_id) REFERENCES public.users (id) ON DELETE RESTRICT,
    CONSTRAINT strategies_name_is_not_blank CHECK (name ~ '[^[:space:]]'),
    CONSTRAINT strategies_status_is_known CHECK (status IN ('draft', 'active', 'paused', 'archived')),
    CONSTRAINT strategies_parameters_is_an_object CHECK (jsonb_typeof(parameters) = 'object')
);

CREATE TRIGGER strategies_set_updated_at
    BEFORE UPDATE ON trading.strategies
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE trading.strategies IS 'Programs that place orders for their owners.';
COMMENT ON COLUMN trading.strategies.status IS
    'Only an active strategy places orders; an archived one is kept for its history.';
