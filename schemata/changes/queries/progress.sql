-- name: create
-- How far the backfills of changes are, and until when what a contract set aside is kept. A history of which nobody
-- has asked for either has no such table.
-- In a block, because a role that owns nothing of the history may write into it, and may not make or comment on it.
DO $create$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'changes'
            AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})) THEN
        CREATE TABLE {history}.changes (
            change text NOT NULL,
            migration_id text,
            checksum text,
            expand_attempt bigint,
            key_columns text[],
            last_key text[],
            max_key text[],
            rows bigint NOT NULL DEFAULT 0,
            batches bigint NOT NULL DEFAULT 0,
            total_estimate bigint,
            started_at timestamptz,
            updated_at timestamptz,
            runner text,
            finished_at timestamptz,
            keep_until timestamptz,
            CONSTRAINT changes_pkey PRIMARY KEY (change)
        );
        COMMENT ON TABLE {history}.changes IS
            'How far the backfills of changes are (inv change-backfill), and until when a change can be undone.';
        -- Roles that read the history go on reading all of it.
        EXECUTE coalesce((SELECT string_agg(format('GRANT SELECT ON {history}.changes TO %s',
                CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), '; ')
            FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid = '{history}.head'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner),
            'SELECT 1');
    END IF;
END $create$

-- name: exists
-- Whether there is such a table.
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relname = 'changes')::text

-- name: read
-- What is known of the changes, with the age of the last sign of life in seconds.
SELECT coalesce(json_agg(json_build_object(
    'change', change, 'migration_id', migration_id, 'checksum', checksum, 'expand_attempt', expand_attempt,
    'key_columns', key_columns, 'last_key', last_key, 'max_key', max_key, 'rows', rows, 'batches', batches,
    'total_estimate', total_estimate, 'started_at', started_at, 'updated_at', updated_at, 'runner', runner,
    'finished_at', finished_at, 'keep_until', keep_until,
    'age', extract(epoch FROM clock_timestamp() - updated_at)) ORDER BY change), '[]')::text
FROM {history}.changes

-- name: start
-- A backfill begins, or begins again: nothing of an earlier expand, text or key counts. No row where another runner
-- was faster.
INSERT INTO {history}.changes AS c (change, migration_id, checksum, expand_attempt, key_columns, max_key,
    total_estimate, started_at, updated_at, runner)
VALUES ({change}, {migration_id}, {checksum}, {expand_attempt}, {key_columns}::text[], {max_key}::text[],
    {total_estimate}, clock_timestamp(), clock_timestamp(), {runner})
ON CONFLICT (change) DO UPDATE SET migration_id = excluded.migration_id, checksum = excluded.checksum,
    expand_attempt = excluded.expand_attempt, key_columns = excluded.key_columns, last_key = NULL,
    max_key = excluded.max_key, rows = 0, batches = 0, total_estimate = excluded.total_estimate,
    started_at = excluded.started_at, updated_at = excluded.updated_at, runner = excluded.runner, finished_at = NULL
WHERE c.runner IS NOT DISTINCT FROM {before}
RETURNING change

-- name: go_on
-- A backfill is taken up where the runner before left it. No row where another one was faster.
UPDATE {history}.changes SET runner = {runner}, updated_at = clock_timestamp()
WHERE change = {change} AND runner IS NOT DISTINCT FROM {before}
RETURNING change

-- name: renew
-- A sign of life of the runner. No row where another one has taken over.
UPDATE {history}.changes SET updated_at = clock_timestamp() WHERE change = {change} AND runner = {runner}
RETURNING change

-- name: release
-- The runner ends; what it did stays.
UPDATE {history}.changes SET runner = NULL, updated_at = clock_timestamp()
WHERE change = {change} AND runner = {runner}

-- name: advance
-- The rows of a batch, and how far the backfill is with them: both or neither. Fails (division by zero) where another
-- runner has taken over.
WITH done AS (
{update}
), moved AS (
    UPDATE {history}.changes SET last_key = {high}::text[], rows = rows + (SELECT count(*) FROM done),
        batches = batches + 1, updated_at = clock_timestamp()
    WHERE change = {change} AND runner = {runner} AND last_key IS NOT DISTINCT FROM {low}::text[]
    RETURNING change
)
SELECT (SELECT count(*) FROM done), 1 / (SELECT count(*) FROM moved)

-- name: finish
-- A backfill is done, in the transaction that records its migration.
UPDATE {history}.changes SET runner = NULL, updated_at = clock_timestamp(), finished_at = clock_timestamp()
WHERE change = {change}
