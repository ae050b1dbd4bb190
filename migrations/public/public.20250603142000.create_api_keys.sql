-- Create public.api_keys.
--
-- Programs log in with keys of their own, which can be named, limited and revoked one by one.
-- depends: public.20250602090000.create_set_updated_at public.20250602093000.create_users

CREATE TABLE public.api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    key_hash bytea NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_user_id_name_key UNIQUE (user_id, name),
    CONSTRAINT api_keys_prefix_key UNIQUE (prefix),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT api_keys_name_is_not_blank CHECK (name ~ '[^[:space:]]'),
    CONSTRAINT api_keys_prefix_is_eight_characters CHECK (prefix ~ '^[a-z0-9]{8}$'),
    CONSTRAINT api_keys_key_hash_is_sha256 CHECK (octet_length(key_hash) = 32),
    CONSTRAINT api_keys_scopes_have_no_null CHECK (array_position(scopes, NULL) IS NULL),
    CONSTRAINT api_keys_expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT api_keys_revoked_after_created CHECK (revoked_at >= created_at)
);

CREATE TRIGGER api_keys_set_updated_at
    BEFORE UPDATE ON public.api_keys
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE public.api_keys IS 'Keys with which programs act for a user.';
COMMENT ON COLUMN public.api_keys.prefix IS
    'The first characters of the key: not secret, shown in lists so that a key can be told from another.';
COMMENT ON COLUMN public.api_keys.key_hash IS
    'SHA-256 of the whole key, which is shown once and never stored.';
COMMENT ON COLUMN public.api_keys.expires_at IS 'NULL means that the key is good until it is revoked.';
