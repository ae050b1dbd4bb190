-- name: read
-- What is known of the changes, with the age of the last sign of life in seconds.
SELECT coalesce(json_agg(json_build_object(
    'change', change, 'migration_id', migration_id, 'checksum', checksum, 'expand_attempt', expand_attempt,
    'key_columns', key_columns, 'last_key', last_key, 'max_key', max_key, 'rows', rows, 'batches', batches,
    'total_estimate', total_estimate, 'started_at', started_at, 'updated_at', updated_at, 'runner', runner,
    'finished_at', finished_at,
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
