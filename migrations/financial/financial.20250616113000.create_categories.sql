-- Create financial.categories.
--
-- What a transaction was for: a tree, whose branches are all income, all expense or all transfer.
-- depends: public.20250602090000.create_set_updated_at

CREATE TABLE financial.categories (
    id bigint GENERATED ALWAYS AS IDENTITY,
    parent_id bigint,
    slug text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT categories_pkey PRIMARY KEY (id),
    CONSTRAINT categories_slug_key UNIQUE (slug),
    -- For the foreign key below, which makes a child take its parent's kind.
    CONSTRAINT categories_id_kind_key UNIQUE (id, kind),
    CONSTRAINT categories_parent_of_same_kind_fkey
        FOREIGN KEY (parent_id, kind) REFERENCES financial.categories (id, kind) ON DELETE RESTRICT,
    CONSTRAINT categories_parent_is_another CHECK (parent_id <> id),
    CONSTRAINT categories_slug_is_lower_case_words CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    CONSTRAINT categories_name_is_not_blank CHECK (name ~ '[^[:space:]]'),
    CONSTRAINT categories_kind_is_known CHECK (kind IN ('income', 'expense', 'transfer'))
);

CREATE INDEX idx_categories_parent_id ON financial.categories (parent_id);

CREATE TRIGGER categories_set_updated_at
    BEFORE UPDATE ON financial.categories
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE financial.categories IS 'What transactions were for; a tree.';
COMMENT ON COLUMN financial.categories.parent_id IS 'NULL at the top.';
COMMENT ON COLUMN financial.categories.slug IS 'Stable name for programs; the name for people may change.';
