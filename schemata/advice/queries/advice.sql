-- name: tables
-- Every table of some schemas that is no partition: columns with what ANALYZE left of them but no value, and what was
-- written since the counts began, as JSON.
SELECT COALESCE(json_agg(json_build_object(
    'schema', n.nspname,
    'name', c.relname,
    'partitioned', c.relkind = 'p',
    'partitions', (SELECT COALESCE(json_agg(t.relid::regclass::text), '[]')
        FROM pg_partition_tree(c.oid) t WHERE c.relkind = 'p' AND t.isleaf),
    'pages', c.relpages,
    'visible', c.relallvisible,
    'columns', (
        SELECT COALESCE(json_agg(json_build_object(
            'name', a.attname,
            'type', t.typname,
            'distinct', s.n_distinct,
            'null', s.null_frac,
            'width', s.avg_width,
            'correlation', s.correlation
        ) ORDER BY a.attnum), '[]')
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
            AND s.inherited = (c.relkind = 'p')
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'inserted', w.inserted,
    'updated', w.updated,
    'updated_in_place', w.hot,
    'deleted', w.deleted
) ORDER BY n.nspname, c.relname), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(u.n_tup_ins), 0)::int8 AS inserted, COALESCE(sum(u.n_tup_upd), 0)::int8 AS updated,
        COALESCE(sum(u.n_tup_hot_upd), 0)::int8 AS hot, COALESCE(sum(u.n_tup_del), 0)::int8 AS deleted
    FROM pg_stat_user_tables u
    WHERE u.relid = c.oid OR (c.relkind = 'p' AND u.relid IN (SELECT relid FROM pg_partition_tree(c.oid)))
) AS w
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname IN ({schemas})

-- name: indexes
-- Every index of those tables: its columns as text, what it is needed for beside queries, how often it was read.
SELECT COALESCE(json_agg(json_build_object(
    'schema', n.nspname,
    'table', t.relname,
    'name', i.relname,
    'definition', pg_get_indexdef(i.oid),
    'method', m.amname,
    'keys', (
        SELECT json_agg(pg_get_indexdef(i.oid, k, true)
            || CASE WHEN x.indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE '' END
            || CASE WHEN x.indoption[k - 1] & 2 <> (x.indoption[k - 1] & 1) * 2 THEN ' NULLS' ELSE '' END ORDER BY k)
        FROM generate_series(1, x.indnkeyatts) k),
    'kinds', (
        SELECT json_agg(x.indclass[k]::text || '/' || x.indcollation[k]::text ORDER BY k)
        FROM generate_series(0, x.indnkeyatts - 1) k),
    'included', (
        SELECT COALESCE(json_agg(pg_get_indexdef(i.oid, k, true) ORDER BY k), '[]')
        FROM generate_series(x.indnkeyatts + 1, x.indnatts) k),
    'predicate', COALESCE(pg_get_expr(x.indpred, x.indrelid), ''),
    'unique', x.indisunique,
    'constraint', EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.oid),
    'identity', x.indisreplident OR x.indisclustered,
    'valid', x.indisvalid,
    'partitioned', i.relkind = 'I' OR t.relispartition,
    'foreign_key', COALESCE((
        SELECT o.conname FROM pg_constraint o
        WHERE o.conrelid = t.oid AND o.contype = 'f' AND x.indpred IS NULL
            AND (x.indkey::int2[])[0:cardinality(o.conkey) - 1] @> o.conkey LIMIT 1), ''),
    'scans', u.idx_scan,
    'bytes', pg_relation_size(i.oid)
) ORDER BY n.nspname, t.relname, i.relname), '[]')::text
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = i.relnamespace
JOIN pg_am m ON m.oid = i.relam
LEFT JOIN pg_stat_user_indexes u ON u.indexrelid = i.oid
WHERE n.nspname IN ({schemas}) AND t.relpersistence <> 't'

-- name: window
-- Seconds since reads of indexes are counted: since the last reset, else at least since the server started. Whether
-- hypopg is installed here, and its schema.
SELECT json_build_array(
    EXTRACT(epoch FROM now() - COALESCE(
        (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()), pg_postmaster_start_time())),
    (SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'))

-- name: toggled
-- Make the planner see some of the indexes with a prefix, by their numbers behind it, and no other one of them.
UPDATE pg_index x SET indisvalid = wanted.seen
FROM (
    SELECT p.relid AS oid, bool_or(substr(c.relname, length({prefix}) + 1) = ANY ({numbers}::text[])) AS seen
    FROM pg_class c
    CROSS JOIN LATERAL (SELECT relid::oid FROM pg_partition_tree(c.oid) UNION SELECT c.oid) AS p
    WHERE c.relkind IN ('i', 'I') AND starts_with(c.relname, {prefix})
    GROUP BY p.relid
) AS wanted
WHERE x.indexrelid = wanted.oid AND x.indisvalid IS DISTINCT FROM wanted.seen

-- name: built
-- The indexes with a prefix: number, name of itself or of the part on a partition, bytes as the planner sees them, and
-- the positions of the columns that are expressions, as JSON.
SELECT COALESCE(json_agg(json_build_array(
    substr(c.relname, length({prefix}) + 1)::int,
    i.relname,
    i.relpages::int8 * 8192,
    n.nspname,
    (SELECT COALESCE(json_agg(k + 1), '[]') FROM generate_series(0, x.indnkeyatts - 1) k WHERE x.indkey[k] = 0),
    i.relkind = 'i'
)), '[]')::text
FROM pg_class c
CROSS JOIN LATERAL (SELECT relid::oid FROM pg_partition_tree(c.oid) UNION SELECT c.oid) AS p
JOIN pg_class i ON i.oid = p.relid
JOIN pg_namespace n ON n.oid = i.relnamespace
JOIN pg_index x ON x.indexrelid = i.oid
WHERE c.relkind IN ('i', 'I') AND starts_with(c.relname, {prefix})
