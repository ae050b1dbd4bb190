-- name: tables
-- The tables that rows can be put into, with columns, their types, and what is required of them, as JSON.
SELECT COALESCE(json_agg(json_build_object(
    'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname,
    'columns', (
        SELECT json_agg(json_build_object(
            'number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
            'base', base.typname, 'category', base.typcategory, 'not_null', a.attnotnull,
            'default', a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
            'length', CASE WHEN base.typname IN ('varchar', 'bpchar') AND GREATEST(a.atttypmod, t.typtypmod) > 4
                THEN GREATEST(a.atttypmod, t.typtypmod) - 4 END,
            'checks', (SELECT json_agg(json_build_array(d.conname, pg_get_constraintdef(d.oid)))
                FROM pg_constraint d WHERE d.contypid = a.atttypid AND d.contype = 'c'),
            'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = base.oid)
        ) ORDER BY a.attnum)
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_type base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND a.attgenerated = '' AND a.attidentity <> 'a'
    ),
    'checks', (
        SELECT json_agg(json_build_array(k.conname, k.conkey, pg_get_constraintdef(k.oid)))
        FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'
    ),
    'keys', (
        SELECT json_agg(json_build_array(k.conkey, k.confrelid::int8, format('%I.%I', rn.nspname, r.relname), (
            SELECT json_agg(format('%I', ra.attname) ORDER BY u.place)
            FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
            JOIN pg_attribute ra ON ra.attrelid = k.confrelid AND ra.attnum = u.number)))
        FROM pg_constraint k
        JOIN pg_class r ON r.oid = k.confrelid
        JOIN pg_namespace rn ON rn.oid = r.relnamespace
        WHERE k.conrelid = c.oid AND k.contype = 'f'
    )
) ORDER BY c.oid), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', {history})
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
