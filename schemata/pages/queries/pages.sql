-- name: sizes
-- The tables of some schemas as (name, rows, the partitioned table at the top if it is a partition), as JSON.
SELECT COALESCE(json_agg(json_build_array(
    n.nspname || '.' || c.relname,
    GREATEST(c.reltuples, 0),
    (SELECT rn.nspname || '.' || r.relname
     FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace
     WHERE c.relispartition AND r.oid = pg_partition_root(c.oid))
)), '[]')::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname IN ({schemas})

-- name: frequent
-- The value that a column has most often, as far as statistics know.
SELECT (most_common_vals::text::text[])[1]
FROM pg_stats
WHERE schemaname = {schema} AND tablename = {table} AND attname = {column} AND most_common_vals IS NOT NULL
ORDER BY inherited DESC
LIMIT 1

-- name: keys
-- Of a table, by its name or by that of one of its indexes: the columns of its unique indexes, and those that may be NULL.
SELECT COALESCE(json_agg(json_build_array(
    (SELECT COALESCE(json_agg(k.columns), '[]')
     FROM (
         SELECT (SELECT json_agg(a.attname) FROM pg_attribute a
                 WHERE a.attrelid = t.oid AND a.attnum = ANY ((u.indkey::int2[])[0:u.indnkeyatts - 1])) AS columns
         FROM pg_index u
         WHERE u.indrelid = t.oid AND u.indisunique AND u.indisvalid AND u.indpred IS NULL AND u.indexprs IS NULL
     ) AS k),
    (SELECT COALESCE(json_agg(a.attname), '[]') FROM pg_attribute a
     WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attnotnull AND NOT a.attisdropped)
)), '[]')::text
FROM pg_class t
WHERE t.relkind IN ('r', 'p', 'm') AND (t.oid = to_regclass({table})
    OR ({table} IS NULL AND t.oid IN (
        SELECT i.indrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = {index})))
