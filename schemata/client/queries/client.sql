-- name: structure
-- The relations of the client's schemas and every type that their columns reach, as one JSON object. Partitions
-- are part of their parent, and what an extension brought is the extension's; both are left out. Run it with
-- search_path = pg_catalog, so that every other name is printed with its schema, and without JIT: the planner takes
-- the recursion for very many types, so compiling it takes far longer than running it (1.3 s to 0.03 s).
WITH RECURSIVE chosen AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname IN ({schemas})
), relation AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind
    FROM pg_class c
    JOIN chosen n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
        AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), used(oid) AS (
    SELECT a.atttypid FROM pg_attribute a JOIN relation r ON r.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT needed.oid
    FROM used u
    JOIN pg_type t ON t.oid = u.oid
    CROSS JOIN LATERAL (
        SELECT e.oid FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid
        UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
        UNION ALL SELECT a.atttypid FROM pg_attribute a
            WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL SELECT g.rngsubtype FROM pg_range g WHERE g.rngtypid = t.oid
        UNION ALL SELECT g.rngtypid FROM pg_range g WHERE g.rngmultitypid = t.oid
    ) AS needed(oid)
), attributes AS (
    SELECT a.attrelid, json_agg(json_build_object('name', a.attname, 'type', a.atttypid::bigint, 'typmod', a.atttypmod,
        'text', format_type(a.atttypid, a.atttypmod), 'dimensions', a.attndims, 'required', a.attnotnull,
        'identity', a.attidentity, 'generated', a.attgenerated, 'default', pg_get_expr(d.adbin, d.adrelid))
        ORDER BY a.attnum) AS found
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid IN (SELECT oid FROM relation
        UNION ALL SELECT t.typrelid FROM pg_type t JOIN used u ON u.oid = t.oid WHERE t.typrelid <> 0)
    GROUP BY a.attrelid
), keys AS (
    SELECT k.conrelid, json_agg(json_build_object('name', k.conname, 'kind', k.contype,
        'columns', (SELECT json_agg(a.attname ORDER BY p.at) FROM unnest(k.conkey) WITH ORDINALITY p(attnum, at)
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.attnum),
        'schema', fn.nspname, 'table', f.relname,
        'targets', (SELECT json_agg(a.attname ORDER BY p.at) FROM unnest(k.confkey) WITH ORDINALITY p(attnum, at)
            JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.attnum),
        'on_update', k.confupdtype, 'on_delete', k.confdeltype, 'deferrable', k.condeferrable,
        'deferred', k.condeferred)) AS found
    FROM pg_constraint k
    JOIN relation r ON r.oid = k.conrelid
    LEFT JOIN pg_class f ON f.oid = k.confrelid
    LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
    -- A key over a period is no equality of columns.
    WHERE k.contype IN ('p', 'u', 'f') AND NOT (k.contype = 'f' AND pg_get_constraintdef(k.oid) LIKE '%PERIOD %')
    GROUP BY k.conrelid
), types AS (
    SELECT json_agg(json_build_object('oid', t.oid::bigint, 'schema', n.nspname, 'name', t.typname, 'kind', t.typtype,
        'text', format_type(t.oid, NULL),
        'element', (SELECT e.oid::bigint FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid),
        'base', nullif(t.typbasetype::bigint, 0), 'typmod', t.typtypmod, 'dimensions', t.typndims,
        'required', t.typnotnull,
        'subtype', (SELECT g.rngsubtype::bigint FROM pg_range g WHERE g.rngtypid = t.oid),
        'range', (SELECT g.rngtypid::bigint FROM pg_range g WHERE g.rngmultitypid = t.oid),
        'extension', (SELECT x.extname FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
            WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                AND d.refclassid = 'pg_extension'::regclass),
        'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
        'row_of_a_table', (SELECT c.relkind <> 'c' FROM pg_class c WHERE c.oid = t.typrelid),
        'attributes', a.found)) AS found
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN attributes a ON a.attrelid = t.typrelid
    WHERE t.oid IN (SELECT oid FROM used)
)
SELECT json_build_object(
    'closed', (SELECT json_agg(nspname) FROM chosen WHERE NOT has_schema_privilege(oid, 'USAGE')),
    'relations', (SELECT json_agg(json_build_object('schema', r.nspname, 'name', r.relname, 'kind', r.relkind,
        'columns', a.found, 'keys', k.found) ORDER BY r.nspname COLLATE "C", r.relname COLLATE "C")
        FROM relation r
        LEFT JOIN attributes a ON a.attrelid = r.oid
        LEFT JOIN keys k ON k.conrelid = r.oid),
    'types', (SELECT found FROM types))::text

-- name: unseen
-- The extensions of these that lie in a schema that an unqualified name is not looked for in, with the first schema in
-- which it is, where the extension may be moved there. Run it with the search_path that the session began with.
SELECT x.extname, n.nspname, CASE WHEN x.extrelocatable THEN (SELECT p.name
    FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS p(name, at)
    WHERE p.name <> 'pg_catalog' ORDER BY p.name <> 'public', p.at LIMIT 1) END
FROM pg_catalog.pg_extension x
JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace
WHERE x.extname IN ({extensions}) AND n.nspname <> ALL (pg_catalog.current_schemas(true))
ORDER BY x.extname COLLATE "C"
