-- name: tables
-- The tables of these names in any schema, and their columns.
SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname,
    (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
    ORDER BY n.nspname, c.relname), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname IN ({names}) AND n.nspname NOT LIKE 'pg\_%'

-- name: apply of prisma
-- As `migrate deploy` leaves it; a try that failed before is set aside, as `resolve --rolled-back` does.
WITH aside AS (
    UPDATE {table} SET rolled_back_at = clock_timestamp()
    WHERE migration_name = {name} AND finished_at IS NULL AND rolled_back_at IS NULL
)
INSERT INTO {table} (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
SELECT gen_random_uuid()::text, {checksum}, clock_timestamp(), {name}, now(), 1
WHERE NOT EXISTS (
    SELECT FROM {table} WHERE migration_name = {name} AND finished_at IS NOT NULL AND rolled_back_at IS NULL)

-- name: rollback of prisma
-- It is pending again.
UPDATE {table} SET rolled_back_at = clock_timestamp() WHERE migration_name = {name} AND rolled_back_at IS NULL

-- name: apply of flyway
-- One row more; one of a try that failed goes, as `repair` does.
WITH failed AS (
    DELETE FROM {table} WHERE script = {script} AND NOT success
)
INSERT INTO {table} (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
SELECT coalesce(max(installed_rank), 0) + 1, {version}, {title}, {kind}, {script}, {checksum}::integer, current_user, 0,
    true
FROM {table}
HAVING {repeatable} OR count(*) FILTER (WHERE script = {script} AND success) = 0

-- name: rollback of flyway
-- It is pending again.
DELETE FROM {table} WHERE script = {script}

-- name: insert of a version
-- The version, once.
INSERT INTO {table} (version) SELECT {version} WHERE NOT EXISTS (SELECT FROM {table} WHERE version = {version})

-- name: insert of a version with its checksum
-- The version, once, as late releases write it.
INSERT INTO {table} (version, checksum)
SELECT {version}, {checksum} WHERE NOT EXISTS (SELECT FROM {table} WHERE version = {version})

-- name: insert of a version with its name
-- The version, once, as late releases write it.
INSERT INTO {table} (version, name)
SELECT {version}, {title} WHERE NOT EXISTS (SELECT FROM {table} WHERE version = {version})

-- name: delete of a version
-- It is pending again.
DELETE FROM {table} WHERE version = {version}

-- name: apply of goose
-- A row, unless the last one says that it is applied.
INSERT INTO {table} (version_id, is_applied)
SELECT {version}::bigint, true
WHERE NOT coalesce(
    (SELECT is_applied FROM {table} WHERE version_id = {version}::bigint ORDER BY id DESC LIMIT 1), false)

-- name: rollback of goose
-- It is pending again.
DELETE FROM {table} WHERE version_id = {version}::bigint

-- name: apply of golang-migrate
-- The one row moves up to this version; it stays where a later one has run, and its mark is taken away where it is this.
WITH moved AS (
    UPDATE {table} SET version = {version}::bigint, dirty = false
    WHERE version < {version}::bigint OR (version = {version}::bigint AND dirty)
)
INSERT INTO {table} (version, dirty) SELECT {version}::bigint, false WHERE NOT EXISTS (SELECT FROM {table})

-- name: rollback of golang-migrate
-- To the one before, which is none where this was the first.
WITH gone AS (
    DELETE FROM {table} WHERE version = {version}::bigint AND {before} IS NULL
)
UPDATE {table} SET version = {before}::bigint, dirty = false WHERE version = {version}::bigint AND {before} IS NOT NULL

-- name: apply of sqlx
-- A finished row, in place of one that was not.
INSERT INTO {table} (version, description, success, checksum, execution_time)
VALUES ({version}::bigint, {title}, true, decode({checksum}, 'hex'), 0)
ON CONFLICT (version) DO UPDATE SET success = true, checksum = excluded.checksum, installed_on = now()

-- name: rollback of sqlx
-- It is pending again.
DELETE FROM {table} WHERE version = {version}::bigint

-- name: apply of node-pg-migrate
-- The name, once.
INSERT INTO {table} (name, run_on) SELECT {name}, now() WHERE NOT EXISTS (SELECT FROM {table} WHERE name = {name})

-- name: rollback of node-pg-migrate
-- It is pending again.
DELETE FROM {table} WHERE name = {name}
