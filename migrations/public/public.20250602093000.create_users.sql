-- Create public.users.
--
-- Whoever may log in. Other schemas refer to users; one with a history is suspended, not deleted.
-- depends: public.20250602090000.create_set_updated_at

CREATE TABLE public.users (
    id bigint GENERATED ALWAYS AS IDENTITY,
    email text NOT NULL,
    display_name text NOT NULL,
    password_hash text,
    role text NOT NULL DEFAULT 'member',
    status text NOT NULL DEFAULT 'invited',
    last_login_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_email_is_lower_case CHECK (email = lower(email)),
    CONSTRAINT users_email_is_an_address
        CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND char_length(email) <= 254),
    CONSTRAINT users_display_name_is_not_blank CHECK (display_name ~ '[^[:space:]]'),
    CONSTRAINT users_password_is_hashed CHECK (password_hash ~ '^\$[a-z0-9-]+\$.+'),
    CONSTRAINT users_role_is_known CHECK (role IN ('admin', 'member', 'service')),
    CONSTRAINT users_status_is_known CHECK (status IN ('invited', 'active', 'suspended'))
);

CREATE TRIGGER users_set_updated_at
    BEFORE UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE public.users IS 'People and services that may log in.';
COMMENT ON COLUMN public.users.email IS 'The login name, always in lower case: compare with lower(input).';
COMMENT ON COLUMN public.users.password_hash IS
    'Modular crypt format ($argon2id$…), never the password; NULL when another service vouches for the user.';
