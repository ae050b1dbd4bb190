-- name: shapes
-- Each relation that an application can read, with the names of its columns and the columns of its unique keys, as JSON.
SELECT COALESCE(json_agg(json_build_object(
    'name', format('%I.%I', n.nspname, c.relname), 'plain', n.nspname || '.' || c.relname,
    'columns', (
        SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ),
    'keys', (
        SELECT json_agg(k.columns ORDER BY k.first DESC, k.columns::text) FROM (
            SELECT i.indisprimary AS first, (
                SELECT json_agg(a.attname ORDER BY u.place)
                FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(number, place)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.number
                WHERE u.place <= i.indnkeyatts
            ) AS columns
            FROM pg_index i
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        ) k
    )
) ORDER BY n.nspname, c.relname), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', {history})
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
