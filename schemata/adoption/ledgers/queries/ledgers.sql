-- name: tables
-- The tables of these names in any schema, their columns, and whether this role may read them.
SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname,
    (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) ORDER BY n.nspname, c.relname),
    '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname IN ({names}) AND n.nspname NOT LIKE 'pg\_%'

-- name: prisma
-- Every try at every migration, in the order in which they began.
SELECT coalesce(json_agg(json_build_array(migration_name,
    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    to_char(rolled_back_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'sha256:' || checksum, logs, applied_steps_count) ORDER BY started_at, finished_at, id), '[]')::text
FROM {table}

-- name: flyway
-- Every row by rank. Its time has no zone: it is that of the server.
SELECT coalesce(json_agg(json_build_array(version, description, type, script, 'crc32:' || checksum,
    to_char(installed_on::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), success)
    ORDER BY installed_rank), '[]')::text
FROM {table}

-- name: sqitch
-- The deployed changes of a project, and of each other change the last event.
SELECT coalesce(json_agg(json_build_array(change_id, change, script_hash,
    to_char(committed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), event) ORDER BY committed_at), '[]')::text
FROM (
    SELECT c.change_id, c.change, 'sha1:' || (to_json(c) ->> 'script_hash') AS script_hash, c.committed_at,
        'deploy' AS event
    FROM {schema}.changes c
    WHERE {project} IN ('', c.project)
    UNION ALL
    SELECT e.change_id, e.change, NULL, e.committed_at, e.event
    FROM (
        SELECT DISTINCT ON (change_id) change_id, change, committed_at, event FROM {schema}.events
        WHERE event IN ('deploy', 'revert', 'fail') AND {project} IN ('', project) ORDER BY change_id, committed_at DESC
    ) e
    WHERE e.event <> 'deploy' AND NOT EXISTS (SELECT FROM {schema}.changes c WHERE c.change_id = e.change_id)
) found

-- name: dbmate
-- The versions; late releases keep a checksum beside them.
SELECT coalesce(json_agg(json_build_array(v.version, NULL, NULL, 'sha256:' || (to_json(v) ->> 'checksum'))
    ORDER BY v.version), '[]')::text
FROM {table} v

-- name: alembic-sql
-- Where the branches stand.
SELECT coalesce(json_agg(json_build_array(version_num, NULL, NULL, NULL) ORDER BY version_num), '[]')::text
FROM {table}

-- name: goose
-- Every run in order, those down included.
SELECT coalesce(json_agg(json_build_array(version_id,
    to_char(tstamp::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), is_applied) ORDER BY id), '[]')::text
FROM {table}

-- name: golang-migrate
-- Where it stands.
SELECT coalesce(json_agg(json_build_array(version, dirty)), '[]')::text
FROM {table}

-- name: diesel
-- The versions and when each ran.
SELECT coalesce(json_agg(json_build_array(version, NULL,
    to_char(run_on::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), NULL)
    ORDER BY run_on, version), '[]')::text
FROM {table}

-- name: sqlx
-- The versions, and whether each was finished.
SELECT coalesce(json_agg(json_build_array(version, description,
    to_char(installed_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'sha384:' || encode(checksum, 'hex'),
    success) ORDER BY version), '[]')::text
FROM {table}

-- name: drizzle
-- The hashes, and the time of the journal's entry in milliseconds, which is how the tool knows it again.
SELECT coalesce(json_agg(json_build_array(created_at, to_json(d) ->> 'name', NULL, 'sha256:' || hash) ORDER BY id), '[]')::text
FROM {table} d

-- name: node-pg-migrate
-- The names and when each ran.
SELECT coalesce(json_agg(json_build_array(name, NULL,
    to_char(run_on::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), NULL) ORDER BY run_on, id), '[]')::text
FROM {table}

-- name: supabase
-- The versions; late releases keep the name beside them.
SELECT coalesce(json_agg(json_build_array(v.version, to_json(v) ->> 'name', NULL, NULL) ORDER BY v.version), '[]')::text
FROM {table} v
