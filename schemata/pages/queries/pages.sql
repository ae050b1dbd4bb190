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
