-- name: mark
-- A quick sum over the rows of the catalog that make up the structure: it moves with each of their changes
-- (and with some that change nothing, such as GRANT), so equal means that the structure is untouched.
WITH chosen AS (
    SELECT oid FROM pg_namespace WHERE nspname IN ({schemas})
), classes AS (
    SELECT oid, xmin FROM pg_class WHERE relnamespace IN (SELECT oid FROM chosen)
), rows(key) AS (
    SELECT concat('c', oid, ' ', xmin) FROM classes
    UNION ALL SELECT concat('a', attrelid, ' ', attnum, ' ', a.xmin) FROM pg_attribute a
        JOIN classes c ON c.oid = a.attrelid AND a.attnum > 0
    UNION ALL SELECT concat('d', d.oid, ' ', d.xmin) FROM pg_attrdef d JOIN classes c ON c.oid = d.adrelid
    UNION ALL SELECT concat('i', indexrelid, ' ', i.xmin) FROM pg_index i JOIN classes c ON c.oid = i.indexrelid
    UNION ALL SELECT concat('g', t.oid, ' ', t.xmin) FROM pg_trigger t JOIN classes c ON c.oid = t.tgrelid
    UNION ALL SELECT concat('r', r.oid, ' ', r.xmin) FROM pg_rewrite r JOIN classes c ON c.oid = r.ev_class
    UNION ALL SELECT concat('p', p.oid, ' ', p.xmin) FROM pg_policy p JOIN classes c ON c.oid = p.polrelid
    UNION ALL SELECT concat('s', seqrelid, ' ', s.xmin) FROM pg_sequence s JOIN classes c ON c.oid = s.seqrelid
    UNION ALL SELECT concat('k', oid, ' ', xmin) FROM pg_constraint WHERE connamespace IN (SELECT oid FROM chosen)
    UNION ALL SELECT concat('f', oid, ' ', xmin) FROM pg_proc WHERE pronamespace IN (SELECT oid FROM chosen)
    UNION ALL SELECT concat('t', oid, ' ', xmin) FROM pg_type WHERE typnamespace IN (SELECT oid FROM chosen)
    UNION ALL SELECT concat('e', e.oid, ' ', e.xmin) FROM pg_enum e
        JOIN pg_type t ON t.oid = e.enumtypid WHERE t.typnamespace IN (SELECT oid FROM chosen)
)
SELECT concat(count(*), ' ', sum(hashtextextended(key, 0))) FROM rows

-- name: structure
-- A digest of the structure of each schema, equal for equal structures on any server of one major
-- version. Owners, grants, comments and the data are left out; run it with search_path = pg_catalog,
-- because the printed forms of types and expressions depend on it.
WITH chosen AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname IN ({schemas})
), items(schema_oid, item) AS (
    SELECT c.relnamespace, concat_ws(' ', 'relation', c.relname, c.relkind, c.relpersistence, c.reloptions::text,
        c.relrowsecurity, c.relforcerowsecurity, pg_get_expr(c.relpartbound, c.oid),
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
        CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END)
    FROM pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM chosen) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT c.relnamespace, concat_ws(' ', 'column', c.relname,
        row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
        CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
        pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace IN (SELECT oid FROM chosen) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
        AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT k.connamespace, concat_ws(' ', 'constraint', k.conrelid::regclass, k.contypid::regtype, k.conname,
        k.convalidated, pg_get_constraintdef(k.oid))
    FROM pg_constraint k
    WHERE k.connamespace IN (SELECT oid FROM chosen)
    UNION ALL
    SELECT c.relnamespace, concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), i.indisvalid AND i.indisready,
        i.indisclustered, i.indisreplident)
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace IN (SELECT oid FROM chosen)
    UNION ALL
    SELECT c.relnamespace, concat_ws(' ', 'trigger', t.tgenabled, pg_get_triggerdef(t.oid))
    FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace IN (SELECT oid FROM chosen) AND NOT t.tgisinternal
    UNION ALL
    SELECT p.pronamespace, concat_ws(' ', 'function', p.oid::regprocedure, p.prokind,
        CASE WHEN p.prokind IN ('f', 'p') THEN pg_get_functiondef(p.oid) END)
    FROM pg_proc p
    WHERE p.pronamespace IN (SELECT oid FROM chosen)
    UNION ALL
    SELECT t.typnamespace, concat_ws(' ', 'type', t.typname, t.typtype,
        (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
        CASE WHEN t.typtype = 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod), t.typnotnull,
            t.typdefault) END)
    FROM pg_type t
    WHERE t.typnamespace IN (SELECT oid FROM chosen) AND t.typtype IN ('e', 'd', 'r')
    UNION ALL
    SELECT c.relnamespace, concat_ws(' ', 'sequence', c.relname, format_type(s.seqtypid, NULL), s.seqstart,
        s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
    FROM pg_sequence s
    JOIN pg_class c ON c.oid = s.seqrelid
    WHERE c.relnamespace IN (SELECT oid FROM chosen)
    UNION ALL
    SELECT c.relnamespace, concat_ws(' ', 'policy', c.relname, p.polname, p.polcmd, p.polpermissive,
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy p
    JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace IN (SELECT oid FROM chosen)
)
SELECT coalesce(json_object_agg(nspname, digest), '{{}}')::text
FROM (
    SELECT n.nspname, md5(coalesce(string_agg(i.item, E'\n' ORDER BY i.item COLLATE "C"), '')) AS digest
    FROM chosen n
    LEFT JOIN items i ON i.schema_oid = n.oid
    GROUP BY n.nspname
) digests
