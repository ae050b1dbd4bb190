-- name: tables
-- The tables that rows can be put into, with columns, their types, and what is required of them, as JSON.
SELECT COALESCE(json_agg(json_build_object(
    'oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname,
    'columns', (
        SELECT json_agg(json_build_object(
            'number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
            'base', base.typname, 'category', base.typcategory, 'not_null', a.attnotnull,
            'default', a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
            'identity', a.attidentity, 'modifier', GREATEST(a.atttypmod, t.typtypmod),
            'sequence', pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname),
            'length', CASE WHEN base.typname IN ('varchar', 'bpchar') AND GREATEST(a.atttypmod, t.typtypmod) > 4
                THEN GREATEST(a.atttypmod, t.typtypmod) - 4 END,
            'checks', (SELECT json_agg(json_build_array(d.conname, pg_get_constraintdef(d.oid)))
                FROM pg_constraint d WHERE d.contypid = ANY (kind.oids) AND d.contype = 'c'),
            'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e
                WHERE e.enumtypid = CASE WHEN base.typcategory = 'A' THEN base.typelem ELSE base.oid END),
            'attributes', (SELECT count(*) FROM pg_attribute f
                WHERE f.attrelid = base.typrelid AND f.attnum > 0 AND NOT f.attisdropped AND base.typtype = 'c')
        ) ORDER BY a.attnum)
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        CROSS JOIN LATERAL (
            -- The type, and what it is a domain over, down to the one that is none.
            WITH RECURSIVE domains AS (
                SELECT d.oid, d.typtype, d.typbasetype FROM pg_type d WHERE d.oid = a.atttypid
                UNION ALL
                SELECT d.oid, d.typtype, d.typbasetype
                FROM pg_type d JOIN domains ON domains.typtype = 'd' AND d.oid = domains.typbasetype
            )
            SELECT array_agg(domains.oid) AS oids, max(domains.oid) FILTER (WHERE domains.typtype <> 'd') AS base
            FROM domains
        ) kind
        JOIN pg_type base ON base.oid = kind.base
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ),
    'checks', (
        SELECT json_agg(json_build_array(k.conname, k.conkey, pg_get_constraintdef(k.oid)) ORDER BY k.conname)
        FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'
    ),
    'keys', (
        SELECT json_agg(json_build_array(k.conkey, k.confrelid::int8, format('%I.%I', rn.nspname, r.relname), (
            SELECT json_agg(format('%I', ra.attname) ORDER BY u.place)
            FROM unnest(k.confkey) WITH ORDINALITY u(number, place)
            JOIN pg_attribute ra ON ra.attrelid = k.confrelid AND ra.attnum = u.number
        ), k.conname, k.condeferrable) ORDER BY k.conname)
        FROM pg_constraint k
        JOIN pg_class r ON r.oid = k.confrelid
        JOIN pg_namespace rn ON rn.oid = r.relnamespace
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0
    )
) ORDER BY c.oid), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
    AND n.nspname NOT IN ('information_schema', {history})
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
