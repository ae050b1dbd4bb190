-- name: state
-- What the session's transaction sees of the catalog, of its own locks and of its own counts of scans and rows, as JSON.
WITH names AS (
    SELECT n.oid, n.nspname
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {history})
),
relations AS (
    SELECT c.oid, c.relnamespace, c.relname, c.relkind, c.reltablespace, c.relispartition
    FROM pg_catalog.pg_class c
    JOIN names ON names.oid = c.relnamespace
    WHERE c.relpersistence <> 't'
)
SELECT pg_catalog.json_build_object(
    'schemas', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(oid::int8, nspname)) FROM names),
    'relations', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            r.oid::int8, names.nspname, r.relname, r.relkind, pg_catalog.pg_relation_filenode(r.oid)::int8,
            r.reltablespace::int8, r.relispartition))
        FROM relations r JOIN names ON names.oid = r.relnamespace
    ),
    'columns', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            a.attrelid::int8, a.attnum, a.attname, a.atttypid::int8, a.atttypmod, a.attnotnull))
        FROM pg_catalog.pg_attribute a JOIN relations r ON r.oid = a.attrelid
        WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'm', 'v', 'f', 'c')
    ),
    'constraints', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            k.oid::int8, k.conrelid::int8, k.conname, k.contype, k.convalidated, k.confrelid::int8, k.conindid::int8,
            CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END, k.conkey))
        FROM pg_catalog.pg_constraint k JOIN relations r ON r.oid = k.conrelid
        WHERE k.contype <> 'n' AND k.contype <> 't'
    ),
    'indexes', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(i.indexrelid::int8, i.indrelid::int8, i.indisvalid))
        FROM pg_catalog.pg_index i JOIN relations r ON r.oid = i.indrelid
    ),
    'triggers', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            t.oid::int8, t.tgrelid::int8, t.tgname, t.tgenabled, t.tgisinternal))
        FROM pg_catalog.pg_trigger t JOIN relations r ON r.oid = t.tgrelid
    ),
    'rules', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(x.oid::int8, x.relation::int8, x.word, x.name))
        FROM (
            SELECT oid, ev_class AS relation, 'rule' AS word, rulename AS name FROM pg_catalog.pg_rewrite
            WHERE rulename <> '_RETURN'
            UNION ALL
            SELECT oid, polrelid, 'policy', polname FROM pg_catalog.pg_policy
        ) x JOIN relations r ON r.oid = x.relation
    ),
    'labels', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(e.oid::int8, e.enumtypid::int8, e.enumlabel))
        FROM pg_catalog.pg_enum e
    ),
    'types', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(t.oid::int8, names.nspname, t.typname, t.typtype))
        FROM pg_catalog.pg_type t JOIN names ON names.oid = t.typnamespace
        WHERE t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND EXISTS (
            SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
    ),
    'routines', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            p.oid::int8, names.nspname, p.proname, p.prokind,
            pg_catalog.md5(pg_catalog.concat_ws(' ', p.prosrc, p.proargtypes::text, p.prorettype::text)),
            ARRAY(SELECT pg_catalog.format_type(t, NULL)
                FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a(t, place) ORDER BY place),
            p.pronargdefaults, pg_catalog.pg_get_function_result(p.oid)))
        FROM pg_catalog.pg_proc p JOIN names ON names.oid = p.pronamespace
    ),
    'counts', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
            s.relid::int8, COALESCE(s.seq_scan, 0), COALESCE(s.idx_scan, 0), s.n_tup_upd, s.n_tup_del))
        FROM pg_catalog.pg_stat_xact_user_tables s JOIN relations r ON r.oid = s.relid
        WHERE COALESCE(s.seq_scan, 0) + COALESCE(s.idx_scan, 0) + s.n_tup_upd + s.n_tup_del > 0
    ),
    'locks', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.relation::int8, l.mode))
        FROM pg_catalog.pg_locks l
        WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.mode <> 'AccessShareLock'
            AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
    ),
    'wal', pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')
)::text

-- name: locks_of
-- The locks of another session on relations of this database, as JSON.
SELECT COALESCE(json_agg(json_build_array(l.relation::int8, l.mode)), '[]')::text
FROM pg_locks l
WHERE l.pid = {pid} AND l.locktype = 'relation' AND l.granted AND l.mode <> 'AccessShareLock'
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())

-- name: bodies
-- The functions in PL/pgSQL that plpgsql_check can look at, with the table of a trigger's, as JSON.
SELECT COALESCE(json_agg(json_build_array(p.oid::int8, n.nspname || '.' || p.proname, COALESCE(t.tgrelid, 0)::int8)), '[]')::text
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
LEFT JOIN LATERAL (SELECT g.tgrelid FROM pg_trigger g WHERE g.tgfoid = p.oid LIMIT 1) t ON true
WHERE p.oid IN ({oids}) AND (p.prorettype <> 'trigger'::regtype OR t.tgrelid IS NOT NULL)
    AND p.prorettype <> 'event_trigger'::regtype

-- name: without_index
-- The foreign keys of a database that no valid index serves, with both tables, as JSON.
SELECT COALESCE(json_agg(json_build_array(
    k.oid::int8, k.conname, format('%I.%I', n.nspname, c.relname), k.confrelid::regclass::text, x.names)), '[]')::text
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT string_agg(format('%I', a.attname), ', ' ORDER BY u.place) AS names
    FROM unnest(k.conkey) WITH ORDINALITY AS u(number, place)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
) x
WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS (
    SELECT FROM pg_index i
    WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
        AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)

-- name: identity
-- Which database this is: of which server, and which one of its.
SELECT json_build_array(
    (SELECT system_identifier FROM pg_control_system())::text, pg_postmaster_start_time()::text,
    (SELECT oid FROM pg_database WHERE datname = current_database())::int8)::text

-- name: sizes
-- Rows, as the planner estimates them, and bytes of each table with its indexes; a partitioned one is all of its parts.
WITH RECURSIVE parts AS (
    SELECT c.oid AS root, c.oid AS part
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT parts.root, i.inhrelid FROM parts JOIN pg_inherits i ON i.inhparent = parts.part
)
SELECT COALESCE(json_agg(json_build_array(t.name, t.estimate, t.bytes, t.heap)), '[]')::text
FROM (
    SELECT n.nspname || '.' || r.relname AS name, sum(GREATEST(p.reltuples, 0))::int8 AS estimate,
        sum(COALESCE(pg_total_relation_size(p.oid), 0))::int8 AS bytes, sum(COALESCE(pg_table_size(p.oid), 0))::int8 AS heap
    FROM parts
    JOIN pg_class r ON r.oid = parts.root
    JOIN pg_namespace n ON n.oid = r.relnamespace
    JOIN pg_class p ON p.oid = parts.part
    GROUP BY n.nspname, r.relname
) t

-- name: live
-- How many rows each table of a database has, by a full count that the caller writes for each.
SELECT COALESCE(json_agg(json_build_array(c.oid::int8, format('%I.%I', n.nspname, c.relname))), '[]')::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {history})
