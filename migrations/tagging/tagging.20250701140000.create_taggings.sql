-- Create tagging.taggings.
--
-- Which row carries which tag. The row may be of any table with a bigint key, so no foreign key can hold it:
-- whoever deletes the row deletes its taggings.
-- depends: public.20250602093000.create_users tagging.20250701090000.create_tags

CREATE TABLE tagging.taggings (
    entity_schema text NOT NULL,
    entity_table text NOT NULL,
    entity_id bigint NOT NULL,
    tag_id bigint NOT NULL,
    tagged_by bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- In this order it answers which tags a row has.
    CONSTRAINT taggings_pkey PRIMARY KEY (entity_schema, entity_table, entity_id, tag_id),
    CONSTRAINT taggings_tag_id_fkey
        FOREIGN KEY (tag_id) REFERENCES tagging.tags (id) ON DELETE CASCADE,
    CONSTRAINT taggings_tagged_by_fkey
        FOREIGN KEY (tagged_by) REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT taggings_entity_schema_is_of_the_platform
        CHECK (entity_schema IN ('public', 'financial', 'tagging', 'trading')),
    CONSTRAINT taggings_entity_table_is_a_name CHECK (entity_table ~ '^[a-z_][a-z0-9_]{0,62}$'),
    CONSTRAINT taggings_tagging_is_not_tagged
        CHECK ((entity_schema, entity_table) <> ('tagging', 'taggings')),
    CONSTRAINT taggings_entity_id_is_positive CHECK (entity_id >= 1)
);

-- Which rows have a tag; also for the cascade.
CREATE INDEX idx_taggings_tag_id
    ON tagging.taggings (tag_id, entity_schema, entity_table, entity_id);
CREATE INDEX idx_taggings_tagged_by ON tagging.taggings (tagged_by) WHERE tagged_by IS NOT NULL;

COMMENT ON TABLE tagging.taggings IS
    'Which row of which table carries which tag; written and deleted, never changed.';
COMMENT ON COLUMN tagging.taggings.entity_id IS
    'The id of the row in entity_schema.entity_table; not checked to exist.';
COMMENT ON COLUMN tagging.taggings.tagged_by IS
    'NULL when a program tagged the row, or when the user is gone.';
