-- Create tagging.tags.
--
-- The labels that may be put on any row of the platform.
-- depends: public.20250602090000.create_set_updated_at public.20250602093000.create_users

CREATE TABLE tagging.tags (
    id bigint GENERATED ALWAYS AS IDENTITY,
    slug text NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    color text,
    created_by bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tags_pkey PRIMARY KEY (id),
    CONSTRAINT tags_slug_key UNIQUE (slug),
    CONSTRAINT tags_created_by_fkey
        FOREIGN KEY (created_by) REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT tags_slug_is_lower_case_words CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    CONSTRAINT tags_name_is_not_blank CHECK (name ~ '[^[:space:]]'),
    CONSTRAINT tags_color_is_hexadecimal CHECK (color ~ '^#[0-9a-f]{6}$')
);

CREATE INDEX idx_tags_created_by ON tagging.tags (created_by);

CREATE TRIGGER tags_set_updated_at
    BEFORE UPDATE ON tagging.tags
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE tagging.tags IS 'Labels for rows of any schema.';
COMMENT ON COLUMN tagging.tags.slug IS
    'Stable name for programs and addresses; the name for people may change.';
COMMENT ON COLUMN tagging.tags.color IS 'Such as #1f77b4, in lower case; NULL leaves the choice to the page.';
