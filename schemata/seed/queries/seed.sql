-- name: keys
-- What makes rows of the tables unlike each other, where the partitions are, and what runs on INSERT, as JSON.
SELECT COALESCE(json_object_agg(c.oid::int8, json_build_object(
    'uniques', (
        SELECT json_agg(json_build_object('name', i.relname, 'columns', (
            SELECT json_agg(DISTINCT u.number) FROM (
                SELECT unnest(x.indkey::int2[]) AS number
                UNION ALL
                SELECT d.refobjsubid FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid AND d.refobjid = c.oid
                    AND 0 = ANY (x.indkey::int2[])
            ) u WHERE u.number > 0
        ), 'primary', x.indisprimary, 'exclusion', x.indisexclusion, 'equal', (
            SELECT json_agg(e.number) FROM pg_constraint k
            CROSS JOIN LATERAL unnest(k.conexclop, k.conkey) AS e (operator, number)
            JOIN pg_operator o ON o.oid = e.operator
            WHERE k.conindid = x.indexrelid AND k.contype = 'x' AND o.oprname = '=' AND e.number > 0
        )) ORDER BY i.relname)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        WHERE x.indrelid = c.oid AND (x.indisunique OR x.indisexclusion)
    ),
    'partitions', CASE WHEN c.relkind = 'p' THEN (
        SELECT COALESCE(json_agg(pg_get_partition_constraintdef(p.relid) ORDER BY p.relid), '[]')
        FROM pg_partition_tree(c.oid) p WHERE p.isleaf
    ) END,
    'triggers', (
        SELECT json_agg(DISTINCT t.tgname)
        FROM pg_trigger t
        WHERE (t.tgrelid = c.oid OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(c.oid)))
            AND NOT t.tgisinternal AND t.tgtype::int & 4 <> 0 AND t.tgenabled <> 'D'
    ),
    'rules', EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type = '3')
)), '{{}}')::text
FROM pg_class c
WHERE c.oid IN ({oids})

-- name: record
-- Make the table of what was seeded.
CREATE SCHEMA IF NOT EXISTS {history};
CREATE TABLE IF NOT EXISTS {history}.seeded (
    table_name text PRIMARY KEY,
    seed bigint NOT NULL,
    rows bigint NOT NULL,
    base jsonb NOT NULL,
    seeded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE {history}.seeded IS 'How many rows of each table inv seed has made, and with which seed.'

-- name: record_is_there
-- Whether there is a record of what was seeded.
SELECT to_regclass({table}) IS NOT NULL

-- name: seeded
-- What was seeded: table, seed, rows, the numbers that its rows begin at.
SELECT table_name, seed, rows, base::text FROM {history}.seeded ORDER BY table_name

-- name: note
-- Note how many rows a table has been given.
INSERT INTO {history}.seeded (table_name, seed, rows, base)
VALUES ({table}, {seed}, {rows}, {base})
ON CONFLICT (table_name) DO UPDATE SET seed = {seed}, rows = {rows}, base = {base}, seeded_at = clock_timestamp()

-- name: indexes
-- The indexes of a table and its partitions that INSERT keeps up to date, and the tables to build them again on.
SELECT x.indexrelid::int8, format('%I.%I', n.nspname, c.relname)
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (x.indrelid = {oid} OR x.indrelid IN (SELECT relid FROM pg_partition_tree({oid})))
    AND c.relkind = 'r' AND x.indisready AND x.indisvalid AND x.indislive
ORDER BY x.indrelid, x.indexrelid

-- name: put_off
-- Let INSERT leave these indexes alone; REINDEX in the same transaction makes them whole again.
UPDATE pg_index SET indisready = false WHERE indexrelid IN ({oids})

-- name: is_superuser
-- Whether this session may do what only a superuser may.
SELECT rolsuper FROM pg_roles WHERE rolname = current_user

-- name: made_ahead
-- Tables of rows that a second session made, and that no first one took.
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {history} AND c.relname ~ '^seed_rows_[0-9]+_[0-9]+$' AND c.relkind = 'r' AND c.relpersistence = 'u'
ORDER BY c.oid
