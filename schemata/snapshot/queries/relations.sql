-- name: one_by_one
-- What is read of objects that there are few of: each row of a query is a JSON document.
SELECT coalesce(json_agg(r), '[]')::text FROM ({query}) q(r)

-- name: relations
-- Tables, views, materialized views, foreign tables and sequences, these with their parameters: a default is what
-- PostgreSQL takes for that type and direction. Rows of equal facts come together, of which there are few. `facts` is the
-- inside of a JSON object: concat_ws leaves out what is not so in a fraction of the time that json_strip_nulls(
-- json_build_object(…)) takes.
SELECT json_build_array(q.kind, q.schema, concat('{{', q.facts, '}}')::json, json_agg(q.oid), json_agg(q.name))
FROM (SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
    c.oid, c.relnamespace AS schema, c.relname AS name, concat_ws(',',
        CASE WHEN c.relowner <> {deployer} THEN '"owner":' || to_json(pg_get_userbyid(c.relowner)) END,
        CASE c.relpersistence WHEN 'u' THEN '"persistence":"unlogged"' END,
        CASE WHEN c.relkind = 'p' THEN '"partition by":' || to_json(pg_get_partkeydef(c.oid)) END,
        CASE WHEN c.relispartition THEN '"partition of":' || to_json(concat_ws(' ', h.parents,
            pg_get_expr(c.relpartbound, c.oid), CASE WHEN h.pending THEN 'DETACH PENDING' END)) END,
        CASE WHEN c.relkind IN ('r', 'f') AND NOT c.relispartition THEN '"inherits":' || to_json(h.parents) END,
        CASE WHEN c.reloftype <> 0 THEN '"of type":' || to_json(c.reloftype::regtype::text) END,
        CASE WHEN c.relrowsecurity THEN '"row security":"enabled"' END,
        CASE WHEN c.relforcerowsecurity THEN '"force row security":"enabled"' END,
        '"access method":' || to_json(a.amname),
        '"tablespace":' || to_json(s.spcname),
        CASE c.relreplident WHEN 'n' THEN '"replica identity":"nothing"' WHEN 'f' THEN '"replica identity":"full"'
            WHEN 'i' THEN '"replica identity":' || to_json(coalesce(
                (SELECT 'index ' || quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                WHERE i.indrelid = c.oid AND i.indisreplident), 'an index that was dropped')) END,
        '"options":' || to_json(c.reloptions),
        '"toast options":' || to_json(t.reloptions),
        CASE WHEN c.relkind IN ('v', 'm') THEN '"definition":' || to_json(pg_get_viewdef(c.oid)) END,
        CASE WHEN c.relkind = 'S' THEN concat_ws(',', '"type":' || to_json(format_type(q.seqtypid, NULL)),
            '"start":"' || q.seqstart || '","increment":"' || q.seqincrement || '","minimum":"' || q.seqmin
                || '","maximum":"' || q.seqmax || '"',
            CASE WHEN q.seqcache <> 1 THEN '"cache":"' || q.seqcache || '"' END,
            CASE WHEN q.seqcycle THEN '"cycle":"yes"' END) END,
        CASE WHEN c.relkind = 'f' THEN concat_ws(',', '"server":' || to_json(quote_ident(v.srvname)),
            '"foreign options":' || to_json(f.ftoptions)) END) AS facts
FROM pg_class c
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid AND t.reloptions IS NOT NULL
LEFT JOIN (SELECT i.inhrelid, string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) AS parents,
    bool_or(i.inhdetachpending) AS pending FROM pg_inherits i GROUP BY i.inhrelid) h ON h.inhrelid = c.oid
LEFT JOIN pg_am a ON a.oid = c.relam AND a.amname <> 'heap'
LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
LEFT JOIN pg_sequence q ON q.seqrelid = c.oid
LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
LEFT JOIN pg_foreign_server v ON v.oid = f.ftserver
WHERE c.relnamespace IN ({namespaces}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND c.oid NOT IN (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
        AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass)) q
GROUP BY q.kind, q.schema, q.facts

-- name: owned
-- The columns that sequences belong to. The sequence of an identity column is made again with the type of its column,
-- whatever type it was given since; so that, and the limits that go with a type, are told as those of the column.
SELECT json_build_array(d.objid, concat(quote_ident(n.nspname), '.', quote_ident(t.relname), '.', quote_ident(a.attname),
    CASE d.deptype WHEN 'i' THEN ' (identity)' END),
    CASE d.deptype WHEN 'i' THEN (
        SELECT json_build_object('type', format_type(a.atttypid, NULL),
            'maximum', CASE WHEN q.seqmax = (ARRAY[32767, 2147483647, 9223372036854775807])[h.has]
                AND q.seqincrement > 0 THEN (ARRAY[32767, 2147483647, 9223372036854775807])[h.wants]::text END,
            'minimum', CASE WHEN q.seqmin = (ARRAY[-32768, -2147483648, -9223372036854775808])[h.has]
                AND q.seqincrement < 0 THEN (ARRAY[-32768, -2147483648, -9223372036854775808])[h.wants]::text END)
        FROM pg_sequence q, LATERAL (SELECT array_position('{{21,23,20}}'::oid[], q.seqtypid) AS has,
            array_position('{{21,23,20}}'::oid[], a.atttypid) AS wants) h
        WHERE q.seqrelid = d.objid AND q.seqtypid <> a.atttypid) END)
FROM pg_depend d
JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relnamespace IN ({namespaces}) AND d.classid = 'pg_class'::regclass AND d.objsubid = 0
    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')

-- name: columns
-- Columns of tables, and those of views of which something is said beside the view's definition; those of equal facts
-- come together, and what is made of their types once for all.
-- A partition's columns are always its own for pg_dump; of an inherited one only what differs is.
-- From PostgreSQL 18 on NOT NULL is a constraint: what of one is not as ALTER COLUMN SET NOT NULL, or PARTITION OF (which
-- takes the parent's name), would have made it.
-- No default has a column in it, so it can be printed without its table, which would have to be opened first.
SELECT json_build_array('column', g.schema, concat('{{', concat_ws(',',
        CASE WHEN g.whole THEN '"type":' || to_json(format_type(g.atttypid, g.atttypmod)) END,
        '"not null":' || to_json(g.not_null),
        '"not null constraint":' || to_json(g.not_null_name),
        CASE g.attgenerated WHEN '' THEN '"default":' || to_json(g.expression)
            WHEN 's' THEN '"generated":' || to_json(concat('(', g.expression, ') STORED'))
            WHEN 'v' THEN '"generated":' || to_json(concat('(', g.expression, ') VIRTUAL')) END,
        CASE g.attidentity WHEN 'a' THEN '"identity":"always"' WHEN 'd' THEN '"identity":"by default"' END,
        CASE WHEN g.whole AND g.attcollation <> y.typcollation
            THEN '"collation":' || to_json(g.attcollation::regcollation::text) END,
        CASE WHEN g.attstorage <> y.typstorage THEN CASE g.attstorage WHEN 'p' THEN '"storage":"plain"'
            WHEN 'e' THEN '"storage":"external"' WHEN 'm' THEN '"storage":"main"' ELSE '"storage":"extended"' END END,
        CASE g.attcompression WHEN 'p' THEN '"compression":"pglz"' WHEN 'l' THEN '"compression":"lz4"' END,
        CASE WHEN g.attstattarget >= 0 THEN '"statistics target":"' || g.attstattarget || '"' END,
        CASE WHEN g.inherited THEN '"inherited":"yes"' END,
        '"options":' || to_json(g.attoptions),
        '"foreign options":' || to_json(g.attfdwoptions)), '}}')::json,
    g.oids, g.numbers, g.names)
FROM (
    SELECT c.relnamespace AS schema, a.atttypid, a.atttypmod, a.attidentity, a.attgenerated, a.attcollation, a.attstorage,
        a.attcompression, a.attstattarget, a.attoptions, a.attfdwoptions, c.relkind IN ('r', 'p', 'f') AS whole,
        NOT a.attislocal AND NOT c.relispartition AS inherited,
        CASE WHEN k.connoinherit OR NOT k.convalidated OR k.conislocal AND k.coninhcount > 0 AND NOT c.relispartition
                THEN concat_ws(' ', 'yes', CASE WHEN k.connoinherit THEN 'NO INHERIT' END,
                CASE WHEN NOT k.convalidated THEN 'NOT VALID' END, CASE WHEN k.conislocal AND k.coninhcount > 0
                AND NOT c.relispartition THEN '(inherited, and of its own)' END)
            WHEN a.attnotnull OR k.oid IS NOT NULL THEN 'yes' END AS not_null,
        CASE WHEN (k.conislocal OR c.relispartition) AND k.conname <> coalesce(
                CASE WHEN c.relispartition AND k.coninhcount > 0 THEN
                    (SELECT o.conname FROM pg_inherits i
                    JOIN pg_constraint o ON o.conrelid = i.inhparent AND o.contype = 'n'
                    JOIN pg_attribute b ON b.attrelid = i.inhparent AND b.attnum = o.conkey[1]
                    WHERE i.inhrelid = c.oid AND b.attname = a.attname) END,
                concat(c.relname, '_', a.attname, '_not_null'))
            THEN quote_ident(k.conname) END AS not_null_name,
        CASE WHEN a.atthasdef THEN pg_get_expr(d.adbin, CASE a.attgenerated WHEN '' THEN 0 ELSE d.adrelid END) END
            AS expression,
        json_agg(a.attrelid) AS oids, json_agg(a.attnum) AS numbers, json_agg(a.attname) AS names
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON a.atthasdef AND d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_constraint k ON k.contype = 'n' AND k.conrelid = a.attrelid AND k.conkey[1] = a.attnum
        AND (k.conislocal OR c.relispartition OR NOT k.convalidated)
    WHERE c.relnamespace IN ({namespaces}) AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0
        AND NOT a.attisdropped
        AND (c.relkind IN ('r', 'p', 'f') OR a.atthasdef OR a.attacl IS NOT NULL OR a.attstattarget >= 0
            OR a.attcompression <> '' OR a.attoptions IS NOT NULL
            OR a.attstorage <> (SELECT y.typstorage FROM pg_type y WHERE y.oid = a.atttypid)
            OR EXISTS (SELECT FROM pg_description t WHERE t.classoid = 'pg_class'::regclass AND t.objoid = c.oid
                AND t.objsubid = a.attnum))
        AND c.oid NOT IN (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
            AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
) g
JOIN pg_type y ON y.oid = g.atttypid

-- name: not_nulls
-- From PostgreSQL 18 on NOT NULL of a domain is a constraint too: its name, where ALTER DOMAIN would have given another.
SELECT json_build_array('pg_type'::regclass::oid, y.oid,
    CASE WHEN k.conname <> concat(y.typname, '_not_null') THEN quote_ident(k.conname) END)
FROM pg_constraint k
JOIN pg_type y ON y.oid = k.contypid
JOIN pg_namespace n ON n.oid = y.typnamespace
WHERE {chosen} AND k.contype = 'n' AND k.contypid <> 0

-- name: constraints
-- Constraints of tables and of domains, with what is said of the index behind one.
-- A foreign key's clones on partitions follow their parent; an inherited CHECK follows its own.
-- To print a definition takes longer than all else, and many tables have the same: those that are alike in all that is
-- printed but the names of their columns come together, with the numbers of these, and are not printed here. The text of
-- an expression's tree is the same for the same expression from PostgreSQL 17 on.
SELECT json_build_array(CASE WHEN g.of_domain THEN 'domain constraint' ELSE 'constraint' END, g.schema,
    concat('{{', g.others, '}}')::json, g.numbers, g.oids, g.owners, g.names, g.definitions)
FROM (
    SELECT f.of_domain, f.schema, f.alike, f.others, f.numbers, json_agg(f.oid) AS oids, json_agg(f.owner) AS owners,
        json_agg(f.name) AS names, json_agg(pg_get_constraintdef(f.oid)) FILTER (WHERE f.alike IS NULL) AS definitions
    FROM (
        SELECT k.conrelid = 0 AS of_domain, k.connamespace AS schema, k.oid, k.conname AS name, q.alike,
            CASE k.conrelid WHEN 0 THEN k.contypid ELSE k.conrelid END AS owner,
            CASE WHEN q.alike IS NOT NULL THEN k.conkey END AS numbers,
            concat_ws(',',
                CASE WHEN NOT (i.indisvalid AND i.indisready) AND c.relkind <> 'p' THEN '"valid":"no"' END,
                CASE WHEN i.indisclustered THEN '"clustered":"yes"' END,
                '"options":' || to_json(x.reloptions),
                '"index attached to":' || to_json(h.inhparent::regclass::text),
                '"index tablespace":' || to_json(s.spcname),
                CASE WHEN t.tgconstraint IS NOT NULL THEN '"triggers":"disabled"' END) AS others
        FROM pg_constraint k
        LEFT JOIN pg_class c ON c.oid = k.conrelid
        LEFT JOIN pg_index i ON k.contype IN ('p', 'u', 'x') AND i.indexrelid = k.conindid
        LEFT JOIN pg_class x ON x.oid = i.indexrelid
        LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
        LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
        LEFT JOIN (SELECT DISTINCT tgconstraint FROM pg_trigger WHERE tgenabled NOT IN ('O', 'A')) t
            ON k.contype = 'f' AND t.tgconstraint = k.oid
        CROSS JOIN LATERAL (SELECT
            CASE WHEN k.contype = 'c' AND k.conrelid <> 0 AND k.convalidated
                    AND strpos(k.conbin::text, ':varattno 0 ') = 0
                    THEN concat_ws(' ', k.contype, k.connoinherit, k.conbin)
                WHEN k.contype IN ('p', 'u') AND k.conexclop IS NULL AND i.indnatts = i.indnkeyatts
                    THEN concat_ws(' ', k.contype, k.condeferrable, k.condeferred, {nulls_not_distinct})
            END AS alike OFFSET 0) q
        WHERE k.connamespace IN ({namespaces}) AND k.contype IN ('c', 'p', 'u', 'f', 'x')
            AND NOT (k.contype = 'f' AND k.conparentid <> 0)
            AND (k.contype <> 'c' OR k.conislocal OR c.relispartition)
            AND k.conrelid NOT IN (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
                AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass)
            AND k.contypid NOT IN (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
                AND d.deptype = 'e' AND d.classid = 'pg_type'::regclass)
        OFFSET 0
    ) f
    GROUP BY f.of_domain, f.schema, f.alike, f.others, f.numbers
) g

-- name: constraint_definitions
-- The definitions of some constraints.
SELECT json_build_array(k.oid, pg_get_constraintdef(k.oid)) FROM pg_constraint k WHERE k.oid IN ({oids})

-- name: indexes
-- Indexes that no constraint made, as constraints are read: of indexes that are alike the columns count with their types
-- and collations, and of those with expressions also the columns in them. Only some access methods have operator
-- classes with options.
SELECT json_build_array('index', g.schema,
    concat('{{', concat_ws(',', CASE WHEN g.indisunique THEN '"unique":"yes"' END, nullif(g.others, '')), '}}')::json,
    CASE WHEN g.alike IS NOT NULL THEN array_remove(string_to_array(g.numbers, ' ')::int[], 0) || ARRAY(
        SELECT DISTINCT m[1]::int FROM regexp_matches(g.alike, ':varattno (-?[0-9]+)', 'g') m ORDER BY 1) END,
    g.oids, g.owners, g.names, g.definitions)
FROM (
    SELECT f.schema, f.indisunique, f.alike, f.others, f.numbers, json_agg(f.oid) AS oids, json_agg(f.owner) AS owners,
        json_agg(f.name) AS names, json_agg({index_definition}) FILTER (WHERE f.alike IS NULL) AS definitions
    FROM (
        SELECT c.relnamespace AS schema, i.indisunique, x.oid, c.oid AS owner, x.relname AS name, q.alike,
            x.relkind, c.relname, CASE WHEN q.alike IS NOT NULL THEN i.indkey::text END AS numbers,
            concat_ws(',',
                CASE WHEN NOT (i.indisvalid AND i.indisready) AND x.relkind <> 'I' THEN '"valid":"no"' END,
                CASE WHEN i.indisclustered THEN '"clustered":"yes"' END,
                '"attached to":' || to_json(h.inhparent::regclass::text),
                '"tablespace":' || to_json(s.spcname),
                CASE WHEN i.indexprs IS NOT NULL THEN '"statistics targets":' || (SELECT to_json(string_agg(
                    concat(a.attnum, '=', a.attstattarget), ', ' ORDER BY a.attnum))
                    FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0) END) AS others
        FROM pg_index i
        JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_class c ON c.oid = i.indrelid
        LEFT JOIN pg_inherits h ON h.inhrelid = x.oid
        LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
        CROSS JOIN LATERAL (SELECT
            CASE WHEN strpos(concat(i.indexprs, i.indpred), ':varattno 0 ') = 0 AND NOT CASE
                    WHEN x.relam IN (SELECT f.opfmethod FROM pg_proc p JOIN pg_amproc r ON r.amproc = p.oid
                        JOIN pg_opfamily f ON f.oid = r.amprocfamily WHERE p.prorettype = 'void'::regtype)
                    THEN (SELECT bool_or(a.attoptions IS NOT NULL) FROM pg_attribute a WHERE a.attrelid = x.oid)
                    ELSE false END
                THEN concat_ws(' ', x.relam, x.reloptions, i.indnkeyatts, i.indclass, i.indcollation, i.indoption,
                    {nulls_not_distinct}, i.indexprs, 'WHERE', i.indpred) END AS alike OFFSET 0) q
        WHERE c.relnamespace IN ({namespaces}) AND c.relkind IN ('r', 'p', 'm')
            AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.conrelid = c.oid
                AND k.contype IN ('p', 'u', 'x'))
            AND c.oid NOT IN (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
                AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass)
            AND x.oid NOT IN (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
                AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass)
        OFFSET 0
    ) f
    GROUP BY f.schema, f.indisunique, f.alike, f.others, f.numbers
) g

-- name: index_definitions
-- The definitions of some indexes.
SELECT json_build_array(f.oid, {index_definition})
FROM (
    SELECT x.oid, c.relnamespace AS schema, i.indisunique, x.relname AS name, x.relkind, c.relname
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
    WHERE i.indexrelid IN ({oids})
) f

-- name: index_definition
-- A part of both queries of indexes: the definition begins after the names of the index and its table.
right(pg_get_indexdef(f.oid), -length(concat('CREATE ', CASE WHEN f.indisunique THEN 'UNIQUE ' END, 'INDEX ',
    quote_ident(f.name), ' ON ', CASE WHEN f.relkind = 'I' THEN 'ONLY ' END, f.schema::regnamespace, '.',
    quote_ident(f.relname), ' ')))

-- name: triggers
-- Triggers that people made. A partition's clone of its parent's is told of only where it is enabled in another way.
SELECT json_build_array('trigger', t.oid, 0, n.nspname, c.relname, t.tgname, concat('{{', concat_ws(',',
        '"definition":' || to_json(right(pg_get_triggerdef(t.oid), -length(concat('CREATE ',
            CASE WHEN t.tgconstraint <> 0 THEN 'CONSTRAINT ' END, 'TRIGGER ', quote_ident(t.tgname), ' ')))),
        CASE WHEN t.tgconstraint <> 0 THEN '"constraint":"yes"' END,
        CASE t.tgenabled WHEN 'D' THEN '"enabled":"no"' WHEN 'R' THEN '"enabled":"replica"'
            WHEN 'A' THEN '"enabled":"always"' END), '}}')::json)
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
WHERE {chosen} AND (NOT t.tgisinternal OR p.oid IS NOT NULL)
    AND (p.oid IS NULL OR (p.tgenabled <> t.tgenabled AND NOT p.tgisinternal))
    AND c.oid NOT IN (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
        AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass)
    AND t.oid NOT IN (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
        AND d.deptype = 'e' AND d.classid = 'pg_trigger'::regclass)

-- name: rules
-- Rules, except the one that is a view.
SELECT json_build_array(
    'rule', r.oid, 0, n.nspname, c.relname, r.rulename,
    json_strip_nulls(json_build_object(
        'definition', right(pg_get_ruledef(r.oid), -length(concat('CREATE RULE ', quote_ident(r.rulename), ' AS'))),
        'enabled', CASE r.ev_enabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END)))
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {chosen} AND (r.rulename <> '_RETURN' OR c.relkind NOT IN ('v', 'm'))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND (d.classid, d.objid) IN (('pg_class'::regclass, c.oid), ('pg_rewrite'::regclass, r.oid)))

-- name: policies
-- Policies of row security. Those of an extension's tables are told of as well: people made them.
SELECT json_build_array(
    'policy', p.oid, 0, n.nspname, c.relname, p.polname,
    json_strip_nulls(json_build_object(
        'command', CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
            WHEN 'd' THEN 'delete' END,
        'restrictive', CASE WHEN NOT p.polpermissive THEN 'yes' END,
        'roles', CASE WHEN p.polroles <> '{{0}}' THEN (SELECT string_agg(
            CASE WHEN r = {deployer} THEN '(deployer)' ELSE pg_get_userbyid(r)::text END, ', '
            ORDER BY pg_get_userbyid(r)::text COLLATE "C") FROM unnest(p.polroles) r) END,
        'using', pg_get_expr(p.polqual, p.polrelid),
        'with check', pg_get_expr(p.polwithcheck, p.polrelid))))
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {chosen}

-- name: statistics
-- Extended statistics.
SELECT json_build_array(
    'statistics', s.oid, 0, n.nspname, '', s.stxname,
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN s.stxowner <> {deployer} THEN pg_get_userbyid(s.stxowner) END,
        'definition', right(pg_get_statisticsobjdef(s.oid), -length(concat('CREATE STATISTICS ',
            quote_ident(n.nspname), '.', quote_ident(s.stxname), ' '))),
        'statistics target', CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget::text END)))
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE {chosen}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_statistic_ext'::regclass AND d.objid = s.oid)
