-- name: holders
-- Sessions that hold the advisory lock {key}. What this role may not see of them comes as NULL.
SELECT coalesce(json_agg(json_build_object(
    'pid', l.pid, 'user', coalesce(a.usename, ''), 'application', coalesce(a.application_name, ''),
    'client', coalesce(host(a.client_addr), ''),
    'since', coalesce(to_char(a.backend_start AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''),
    'state', coalesce(a.state, ''),
    'query', CASE WHEN a.query IS NULL OR a.query = '<insufficient privilege>' THEN '' ELSE left(a.query, 4000) END
)), '[]')::text
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid::bigint = {key_high} AND l.objid::bigint = {key_low}

-- name: lock_waiters
-- Sessions that wait for an advisory lock of this one. What this role may not see of them comes as NULL.
SELECT coalesce(json_agg(json_build_object(
    'pid', w.pid, 'user', coalesce(a.usename, ''), 'application', coalesce(a.application_name, ''),
    'client', coalesce(host(a.client_addr), ''),
    'since', coalesce(to_char(a.query_start AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''),
    'state', coalesce(a.state, ''),
    'query', CASE WHEN a.query IS NULL OR a.query = '<insufficient privilege>' THEN '' ELSE left(a.query, 4000) END
)), '[]')::text
FROM pg_locks w
JOIN pg_locks h ON h.locktype = 'advisory' AND h.granted AND h.pid = pg_backend_pid()
    AND (h.database, h.classid, h.objid, h.objsubid) = (w.database, w.classid, w.objid, w.objsubid)
LEFT JOIN pg_stat_activity a ON a.pid = w.pid
WHERE w.locktype = 'advisory' AND NOT w.granted

-- name: blockers
-- Sessions that backend {pid} waits for.
SELECT coalesce(json_agg(json_build_object(
    'pid', b.pid, 'user', coalesce(b.usename, ''), 'application', coalesce(b.application_name, ''),
    'client', coalesce(host(b.client_addr), ''),
    'since', coalesce(to_char(b.xact_start AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''),
    'state', coalesce(b.state, ''),
    'query', CASE WHEN b.query IS NULL OR b.query = '<insufficient privilege>' THEN '' ELSE left(b.query, 4000) END
)), '[]')::text
FROM unnest(pg_blocking_pids({pid})) p
JOIN pg_stat_activity b ON b.pid = p

-- name: invalid_indexes
-- Indexes that the planner does not use, and whether somebody builds them right now.
SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, t.relname,
    i.indisready, p.pid, p.phase) ORDER BY 1, 2), '[]')::text
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = i.indrelid
LEFT JOIN pg_stat_progress_create_index p ON p.index_relid = i.indexrelid
    AND p.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
WHERE NOT (i.indisvalid AND i.indisready) AND c.relkind = 'i' AND n.nspname IN ({schemas})

-- name: unvalidated_constraints
-- Constraints that are NOT VALID: new rows obey them, old rows were never checked.
SELECT coalesce(json_agg(json_build_array(n.nspname, t.relname, k.conname) ORDER BY 1, 2, 3), '[]')::text
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE NOT k.convalidated AND n.nspname IN ({schemas})

-- name: missing_schemas
-- Which of the schemas the database does not have.
SELECT coalesce(json_agg(name), '[]')::text
FROM unnest(ARRAY[{schemas}]) name
WHERE NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = name)

-- name: index_state
-- Whether one index is there, valid and ready, its table, and who builds it now.
SELECT json_build_array(i.indisvalid, i.indisready, n.nspname, c.relname, t.relname,
    (SELECT pid FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid LIMIT 1),
    pg_get_indexdef(i.indexrelid))::text
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = i.indrelid
WHERE n.nspname = {schema} AND c.relname = {name}

-- name: leftovers
-- Invalid indexes that a stopped REINDEX CONCURRENTLY left in {schema}, and that nobody builds now. REINDEX TABLE
-- leaves one on the TOAST table as well, which lives in pg_toast.
SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname)), '[]')::text
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class o ON o.reltoastrelid = i.indrelid
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
    AND coalesce(o.relnamespace, c.relnamespace) = (SELECT oid FROM pg_namespace WHERE nspname = {schema})
    AND NOT EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)

-- name: index_progress
-- How far backend {pid} is with the index that it builds.
SELECT json_build_array(phase, blocks_done, blocks_total, tuples_done, tuples_total,
    lockers_done, lockers_total, current_locker_pid)::text
FROM pg_stat_progress_create_index
WHERE pid = {pid}

-- name: existing_objects
-- What the schemas hold that belongs to no extension: by schema and kind how many, and the first few by name. Left out
-- is what goes with something that is counted: row types, array types, a range's functions, a column's sequence.
WITH chosen AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname IN ({schemas})
), members AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), found(schema_oid, class, oid, kind, name) AS (
    SELECT c.relnamespace, 'pg_class'::regclass, c.oid,
        CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
            WHEN 'S' THEN 'sequence' ELSE 'table' END, c.relname::text
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relnamespace IN (SELECT oid FROM chosen)
        AND NOT (c.relkind = 'S' AND EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
    UNION ALL
    SELECT t.typnamespace, 'pg_type'::regclass, t.oid, 'type', t.typname::text
    FROM pg_type t
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typisdefined AND t.typnamespace IN (SELECT oid FROM chosen) AND (
        t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')
        OR (t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)))
    UNION ALL
    SELECT p.pronamespace, 'pg_proc'::regclass, p.oid, 'function', p.proname::text
    FROM pg_proc p
    WHERE p.pronamespace IN (SELECT oid FROM chosen) AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')
)
SELECT coalesce(json_agg(json_build_array(nspname, kind, count, names) ORDER BY nspname, place), '[]')::text
FROM (
    SELECT n.nspname, f.kind, count(*), (array_agg(DISTINCT f.name))[:5] AS names,
        array_position(ARRAY['table', 'foreign table', 'view', 'materialized view', 'sequence', 'type', 'function'],
            f.kind) AS place
    FROM found f
    JOIN chosen n ON n.oid = f.schema_oid
    LEFT JOIN members m ON m.classid = f.class AND m.objid = f.oid
    WHERE m.objid IS NULL
    GROUP BY n.nspname, f.kind
) counted

-- name: existing_tables
-- Which of these tables, by schema and name, are there: by schema how many, and the first few by name.
SELECT coalesce(json_agg(json_build_array(nspname, 'table', count, names) ORDER BY nspname), '[]')::text
FROM (
    SELECT n.nspname, count(*), (array_agg(c.relname::text ORDER BY c.relname))[:5] AS names
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND (n.nspname::text, c.relname::text) IN ({tables})
    GROUP BY n.nspname
) counted

-- name: tables_named
-- The tables of these names in any schema but the history's, their columns, whether this role may read them, and the
-- comment on their schema.
SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname,
    (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
    obj_description(n.oid, 'pg_namespace')) ORDER BY n.nspname, c.relname), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname IN ({names}) AND n.nspname <> {history}
    AND n.nspname NOT LIKE 'pg\_%'

-- name: deployer
-- The role that stands as the deployer in a snapshot.
SELECT pg_get_userbyid(coalesce((SELECT nspowner FROM pg_namespace WHERE nspname = {history}),
    (SELECT datdba FROM pg_database WHERE datname = current_database())))::text

-- name: target
-- What we are connected to, for people and for the guard of production.
SELECT json_build_array(current_database(), current_user, host(inet_server_addr()), inet_server_port(),
    current_setting('server_version'), pg_is_in_recovery(), pg_backend_pid())::text

-- name: index_parents
-- The topmost index above each partition's index.
WITH RECURSIVE up(leaf, top) AS (
    SELECT inhrelid, inhparent FROM pg_inherits
    UNION ALL
    SELECT up.leaf, i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.top
)
SELECT coalesce(json_object_agg(l.relname, t.relname), '{{}}')::text
FROM up
JOIN pg_class l ON l.oid = up.leaf AND l.relkind IN ('i', 'I')
JOIN pg_class t ON t.oid = up.top
JOIN pg_namespace n ON n.oid = l.relnamespace
WHERE n.nspname IN ({schemas}) AND NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = up.top)
