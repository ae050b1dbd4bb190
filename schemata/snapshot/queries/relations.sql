-- name: relations
-- Tables, views, materialized views, foreign tables and sequences.
SELECT json_build_array(
    CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'f' THEN 'foreign table' ELSE 'table' END,
    c.oid, 0, n.nspname, '', c.relname,
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN c.relowner <> {deployer} THEN pg_get_userbyid(c.relowner) END,
        'persistence', CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
        'partition by', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
        'partition of', CASE WHEN c.relispartition THEN
            (SELECT concat_ws(' ', i.inhparent::regclass, pg_get_expr(c.relpartbound, c.oid),
                CASE WHEN i.inhdetachpending THEN 'DETACH PENDING' END)
            FROM pg_inherits i WHERE i.inhrelid = c.oid) END,
        'inherits', CASE WHEN c.relkind IN ('r', 'f') AND NOT c.relispartition THEN
            (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
            FROM pg_inherits i WHERE i.inhrelid = c.oid) END,
        'of type', CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END,
        'row security', CASE WHEN c.relrowsecurity THEN 'enabled' END,
        'force row security', CASE WHEN c.relforcerowsecurity THEN 'enabled' END,
        'access method', (SELECT amname FROM pg_am a WHERE a.oid = c.relam AND amname <> 'heap'),
        'tablespace', (SELECT spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
        'replica identity', CASE c.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN
            coalesce((SELECT 'index ' || quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                WHERE i.indrelid = c.oid AND i.indisreplident), 'an index that was dropped') END,
        'options', to_json(c.reloptions),
        'toast options', to_json(t.reloptions),
        'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)))
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid AND t.reloptions IS NOT NULL
WHERE {chosen} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_class'::regclass AND d.objid = c.oid)

-- name: columns
-- Columns of tables, and those of views of which something is said beside the view's definition.
-- A partition's columns are always its own for pg_dump; of an inherited one only what differs is.
SELECT json_build_array(
    'column', a.attrelid, a.attnum, n.nspname, c.relname, a.attname,
    json_strip_nulls(json_build_object(
        'type', CASE WHEN c.relkind IN ('r', 'p', 'f') THEN format_type(a.atttypid, a.atttypmod) END,
        'collation', CASE WHEN a.attcollation <> y.typcollation AND c.relkind IN ('r', 'p', 'f')
            THEN a.attcollation::regcollation::text END,
        'not null', CASE WHEN a.attnotnull THEN 'yes' END,
        'default', CASE WHEN a.atthasdef AND a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
        'generated', CASE a.attgenerated WHEN 's' THEN concat('(', pg_get_expr(d.adbin, d.adrelid), ') STORED')
            WHEN 'v' THEN concat('(', pg_get_expr(d.adbin, d.adrelid), ') VIRTUAL') END,
        'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
        'storage', CASE WHEN a.attstorage <> y.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'plain'
            WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END,
        'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
        'statistics target', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END,
        'inherited', CASE WHEN NOT a.attislocal AND NOT c.relispartition THEN 'yes' END,
        'options', to_json(a.attoptions),
        'foreign options', to_json(a.attfdwoptions))))
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type y ON y.oid = a.atttypid
LEFT JOIN pg_attrdef d ON a.atthasdef AND d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE {chosen} AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
    AND (c.relkind IN ('r', 'p', 'f') OR a.atthasdef OR a.attacl IS NOT NULL OR a.attstattarget >= 0
        OR a.attcompression <> '' OR a.attstorage <> y.typstorage OR a.attoptions IS NOT NULL
        OR EXISTS (SELECT FROM pg_description t WHERE t.classoid = 'pg_class'::regclass AND t.objoid = c.oid
            AND t.objsubid = a.attnum))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_class'::regclass AND d.objid = c.oid)
ORDER BY a.attrelid, a.attnum

-- name: not_nulls
-- From PostgreSQL 18 on NOT NULL is a constraint: what of one is not as ALTER COLUMN SET NOT NULL, PARTITION OF (which
-- takes the parent's name) or ALTER DOMAIN would have made it.
SELECT json_build_array('pg_class'::regclass::oid, c.oid, k.conkey[1], k.oid,
    CASE WHEN k.conname <> u.name AND (k.conislocal OR c.relispartition) THEN quote_ident(k.conname) END,
    concat_ws(' ', 'yes', CASE WHEN k.connoinherit THEN 'NO INHERIT' END, CASE WHEN NOT k.convalidated THEN 'NOT VALID' END,
        CASE WHEN k.conislocal AND k.coninhcount > 0 AND NOT c.relispartition THEN '(inherited, and of its own)' END))
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
CROSS JOIN LATERAL (SELECT coalesce(
    CASE WHEN c.relispartition AND k.coninhcount > 0 THEN
        (SELECT o.conname FROM pg_inherits i JOIN pg_constraint o ON o.conrelid = i.inhparent AND o.contype = 'n'
            JOIN pg_attribute b ON b.attrelid = i.inhparent AND b.attnum = o.conkey[1]
            WHERE i.inhrelid = c.oid AND b.attname = a.attname) END,
    concat(c.relname, '_', a.attname, '_not_null'))) u(name)
WHERE {chosen} AND k.contype = 'n' AND (k.conislocal OR c.relispartition OR NOT k.convalidated)
    AND (k.conname <> u.name OR k.connoinherit OR NOT k.convalidated
        OR k.coninhcount > 0 AND NOT c.relispartition
        OR EXISTS (SELECT FROM pg_description t WHERE t.classoid = 'pg_constraint'::regclass AND t.objoid = k.oid))
UNION ALL
SELECT json_build_array('pg_type'::regclass::oid, y.oid, 0, k.oid,
    CASE WHEN k.conname <> concat(y.typname, '_not_null') THEN quote_ident(k.conname) END, 'yes')
FROM pg_constraint k
JOIN pg_type y ON y.oid = k.contypid
JOIN pg_namespace n ON n.oid = y.typnamespace
WHERE {chosen} AND k.contype = 'n'

-- name: constraints
-- Constraints of tables and of domains, with what is said of the index behind one.
-- A foreign key's clones on partitions follow their parent; an inherited CHECK follows its own.
SELECT json_build_array(
    CASE WHEN k.conrelid = 0 THEN 'domain constraint' ELSE 'constraint' END,
    k.oid, 0, n.nspname, coalesce(c.relname, y.typname), k.conname,
    json_strip_nulls(json_build_object(
        'definition', pg_get_constraintdef(k.oid),
        'valid', CASE WHEN NOT (i.indisvalid AND i.indisready) AND c.relkind <> 'p' THEN 'no' END,
        'clustered', CASE WHEN i.indisclustered THEN 'yes' END,
        'options', to_json(x.reloptions),
        'index attached to', (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid),
        'index tablespace', (SELECT spcname FROM pg_tablespace s WHERE s.oid = x.reltablespace),
        'triggers', CASE WHEN k.contype = 'f' AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid
            AND t.tgenabled NOT IN ('O', 'A')) THEN 'disabled' END)),
    i.indexrelid)
FROM pg_constraint k
JOIN pg_namespace n ON n.oid = k.connamespace
LEFT JOIN pg_class c ON c.oid = k.conrelid
LEFT JOIN pg_type y ON y.oid = k.contypid
LEFT JOIN pg_index i ON k.contype IN ('p', 'u', 'x') AND i.indexrelid = k.conindid
LEFT JOIN pg_class x ON x.oid = i.indexrelid
WHERE {chosen} AND k.contype IN ('c', 'p', 'u', 'f', 'x') AND NOT (k.contype = 'f' AND k.conparentid <> 0)
    AND (k.contype <> 'c' OR k.conislocal OR c.relispartition)
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND (d.classid, d.objid) IN (('pg_class'::regclass, k.conrelid), ('pg_type'::regclass, k.contypid)))

-- name: indexes
-- Indexes that no constraint made. The definition begins after the names of the index and its table.
SELECT json_build_array(
    'index', x.oid, 0, n.nspname, c.relname, x.relname,
    json_strip_nulls(json_build_object(
        'unique', CASE WHEN i.indisunique THEN 'yes' END,
        'definition', right(f.text, -length(concat('CREATE ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, 'INDEX ',
            quote_ident(x.relname), ' ON ', CASE WHEN x.relkind = 'I' THEN 'ONLY ' END,
            quote_ident(n.nspname), '.', quote_ident(c.relname), ' '))),
        'valid', CASE WHEN NOT (i.indisvalid AND i.indisready) AND x.relkind <> 'I' THEN 'no' END,
        'clustered', CASE WHEN i.indisclustered THEN 'yes' END,
        'attached to', (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = x.oid),
        'tablespace', (SELECT spcname FROM pg_tablespace s WHERE s.oid = x.reltablespace),
        'statistics targets', (SELECT string_agg(concat(a.attnum, '=', a.attstattarget), ', ' ORDER BY a.attnum)
            FROM pg_attribute a WHERE i.indexprs IS NOT NULL AND a.attrelid = x.oid AND a.attstattarget >= 0))))
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_get_indexdef(x.oid) f(text)
WHERE {chosen} AND c.relkind IN ('r', 'p', 'm')
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.oid AND k.conrelid = c.oid
        AND k.contype IN ('p', 'u', 'x'))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_class'::regclass AND d.objid IN (c.oid, x.oid))

-- name: sequences
-- The parameters of sequences, by oid; a default is what PostgreSQL takes for that type and direction.
SELECT json_build_array(s.seqrelid, json_strip_nulls(json_build_object(
    'type', format_type(s.seqtypid, NULL), 'start', s.seqstart::text, 'increment', s.seqincrement::text,
    'minimum', s.seqmin::text, 'maximum', s.seqmax::text, 'cache', CASE WHEN s.seqcache <> 1 THEN s.seqcache::text END,
    'cycle', CASE WHEN s.seqcycle THEN 'yes' END,
    'owned by', (SELECT concat(d.refobjid::regclass, '.', quote_ident(a.attname),
            CASE d.deptype WHEN 'i' THEN ' (identity)' END)
        FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.objsubid = 0
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))))
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {chosen}

-- name: foreign_tables
-- Server and options of foreign tables, by oid.
SELECT json_build_array(f.ftrelid, json_strip_nulls(json_build_object(
    'server', quote_ident(s.srvname), 'foreign options', to_json(f.ftoptions))))
FROM pg_foreign_table f
JOIN pg_foreign_server s ON s.oid = f.ftserver
JOIN pg_class c ON c.oid = f.ftrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {chosen}

-- name: triggers
-- Triggers that people made. A partition's clone of its parent's is told of only where it is enabled in another way.
SELECT json_build_array(
    'trigger', t.oid, 0, n.nspname, c.relname, t.tgname,
    json_strip_nulls(json_build_object(
        'definition', right(pg_get_triggerdef(t.oid), -length(concat('CREATE ',
            CASE WHEN t.tgconstraint <> 0 THEN 'CONSTRAINT ' END, 'TRIGGER ', quote_ident(t.tgname), ' '))),
        'constraint', CASE WHEN t.tgconstraint <> 0 THEN 'yes' END,
        'enabled', CASE t.tgenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END)))
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
WHERE {chosen} AND (NOT t.tgisinternal OR p.oid IS NOT NULL)
    AND (p.oid IS NULL OR (p.tgenabled <> t.tgenabled AND NOT p.tgisinternal))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND (d.classid, d.objid) IN (('pg_class'::regclass, c.oid), ('pg_trigger'::regclass, t.oid)))

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
