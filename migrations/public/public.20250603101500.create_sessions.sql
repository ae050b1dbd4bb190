-- Create public.sessions.
--
-- A login outlives the process that granted it. Only the token's hash is kept, so a stolen dump opens
-- no session.
-- depends: public.20250602093000.create_users

CREATE TABLE public.sessions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id bigint NOT NULL,
    token_hash bytea NOT NULL,
    client_address inet,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_token_hash_key UNIQUE (token_hash),
    CONSTRAINT sessions_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_token_hash_is_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT sessions_last_seen_after_created CHECK (last_seen_at >= created_at),
    CONSTRAINT sessions_expires_after_created CHECK (expires_at > created_at),
    CONSTRAINT sessions_revoked_after_created CHECK (revoked_at >= created_at)
);

CREATE INDEX idx_sessions_user_id ON public.sessions (user_id);
CREATE INDEX idx_sessions_expires_at ON public.sessions (expires_at);

COMMENT ON TABLE public.sessions IS 'Logins; rows past expires_at may be purged at any time.';
COMMENT ON COLUMN public.sessions.token_hash IS 'SHA-256 of the random token that only the client holds.';
COMMENT ON COLUMN public.sessions.last_seen_at IS
    'Takes the place of updated_at: nothing else of a session changes but its end.';
