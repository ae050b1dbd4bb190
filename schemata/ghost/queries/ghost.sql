-- name: relations
-- Every table, materialized view and partition that has or may have rows, with its columns and indexes, as JSON.
SELECT COALESCE(json_agg(json_build_object(
    'oid', c.oid::int8,
    'schema', n.nspname,
    'name', c.relname,
    'kind', c.relkind,
    'parent', (SELECT i.inhparent::int8 FROM pg_inherits i WHERE i.inhrelid = c.oid AND c.relispartition),
    'path', pg_relation_filepath(c.oid),
    'fill_factor', (SELECT split_part(o, '=', 2)::int FROM unnest(c.reloptions) o WHERE o LIKE 'fillfactor=%'),
    'columns', {columns},
    'indexes', (
        SELECT COALESCE(json_agg(json_build_object(
            'schema', n.nspname,
            'name', i.relname,
            'method', m.amname,
            'path', pg_relation_filepath(i.oid),
            'fill_factor', (SELECT split_part(o, '=', 2)::int FROM unnest(i.reloptions) o WHERE o LIKE 'fillfactor=%'),
            'predicate', pg_get_expr(x.indpred, x.indrelid),
            'columns', {index_columns}
        ) ORDER BY i.oid), '[]')
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
        WHERE x.indrelid = c.oid AND i.relkind = 'i'
    )
) ORDER BY c.oid), '[]')::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'

-- name: columns
-- Those of one relation.
(
    SELECT COALESCE(json_agg(json_build_array(a.attname, t.typname, a.attlen, a.attalign, a.atttypmod) ORDER BY a.attnum), '[]')
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = {relation} AND a.attnum > 0 AND NOT a.attisdropped
)

-- name: server
-- Where the server keeps its files, the bytes of a page, the pages of a file.
SELECT current_setting('data_directory'),
    (SELECT setting FROM pg_settings WHERE name = 'block_size'),
    (SELECT setting FROM pg_settings WHERE name = 'segment_size')

-- name: capture
-- Rows and numbers of distinct values, as ANALYZE left them, of every table of some schemas that is no partition, as JSON.
-- A partitioned table's rows are those of its leaves; -1 stands for what no ANALYZE has seen.
SELECT COALESCE(json_agg(json_build_object(
    'name', n.nspname || '.' || c.relname,
    'rows', l.rows,
    'unseen', l.unseen,
    'readable', has_table_privilege(c.oid, 'SELECT'),
    'distinct', (
        SELECT COALESCE(json_object_agg(s.attname, s.n_distinct ORDER BY a.attnum), '{}')
        FROM pg_stats s
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
        WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.inherited = (c.relkind = 'p')
            AND s.n_distinct <> 0)
) ORDER BY n.nspname, c.relname), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT COALESCE(sum(GREATEST(p.reltuples, 0)), 0)::int8 AS rows,
        COALESCE(bool_or(p.reltuples < 0 AND pg_relation_size(p.oid) > 0), false) AS unseen
    FROM pg_class p
    WHERE p.relkind IN ('r', 'm')
        AND (p.oid = c.oid OR (c.relkind = 'p' AND p.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)))
) AS l
WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname IN ({schemas})
