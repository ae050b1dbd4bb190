-- name: create
-- What was changed outside the migrations, until it is accounted for. Histories of older engines have no such table
-- before there is something to write into it.
CREATE TABLE IF NOT EXISTS {history}.drift (
    number bigint GENERATED ALWAYS AS IDENTITY,
    schema_name text NOT NULL,
    expected text NOT NULL,
    actual text NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    noticed_before text,
    accepted_at timestamptz,
    accepted_by text,
    reason text,
    settled_at timestamptz,
    CONSTRAINT drift_pkey PRIMARY KEY (number)
);
COMMENT ON TABLE {history}.drift IS
    'Changes of the structure that no migration made: fingerprints of a schema as expected and as it was.'

-- name: share
-- Roles that read the history go on reading all of it, where the table came later.
DO $share$ BEGIN
    EXECUTE coalesce((SELECT string_agg(format('GRANT SELECT ON {history}.drift TO %s',
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), '; ')
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = '{history}.head'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner),
        'SELECT 1');
END $share$

-- name: note
-- A schema is not what the last migrate left, seen before this one applied anything. Once for each state.
INSERT INTO {history}.drift (schema_name, expected, actual, noticed_before)
SELECT {schema}, {expected}, {actual}, {before}
WHERE NOT EXISTS (
    SELECT FROM {history}.drift WHERE schema_name = {schema} AND actual = {actual} AND settled_at IS NULL)

-- name: carry
-- The migrations of a run changed the schema, and what was not theirs is still in it.
UPDATE {history}.drift SET actual = {after}
WHERE schema_name = {schema} AND settled_at IS NULL AND (accepted_at IS NULL OR actual = {before})

-- name: settle
-- A schema is what the migrations make.
UPDATE {history}.drift SET settled_at = clock_timestamp() WHERE schema_name = {schema} AND settled_at IS NULL

-- name: accept
-- Somebody takes a schema as it is, for a reason.
INSERT INTO {history}.drift (schema_name, expected, actual, accepted_at, accepted_by, reason)
VALUES ({schema}, {expected}, {actual}, clock_timestamp(), {by}, {reason})
