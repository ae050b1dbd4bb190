-- Check the scopes of API keys.
--
-- A scope that no service knows grants nothing, and a misspelt one would be noticed only when the key is used: it is
-- refused where it is written. A service that brings a scope brings a migration that adds it here.
-- lint: allow check-validates: a person makes each key, so there are a few hundred rows at most
-- depends: public.20250603142000.create_api_keys

ALTER TABLE public.api_keys
    ADD CONSTRAINT api_keys_scopes_are_known
        CHECK (scopes <@ ARRAY['financial:read', 'financial:write', 'trading:read', 'trading:write']);

COMMENT ON COLUMN public.api_keys.scopes IS
    'What the key may do: a service, and whether it reads or writes there; neither includes the other.';
COMMENT ON COLUMN public.api_keys.last_used_at IS
    'To the minute: a service writes it at most once a minute for a key.';
