-- name: who
-- Role, database and version of the server, as remedies name them.
SELECT current_user, current_database(), current_setting('server_version_num')

-- name: partition_tree
-- A partitioned table and all below it, parents first: schema, table, schema and table of the parent, leaf or not.
SELECT n.nspname, c.relname, pn.nspname, p.relname, t.isleaf
FROM pg_class root, pg_partition_tree(root.oid) t
JOIN pg_class c ON c.oid = t.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class p ON p.oid = t.parentrelid
LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE root.oid = to_regclass({relation}) AND root.relkind = 'p'
ORDER BY t.level, n.nspname, c.relname

-- name: views_of_column
-- Views that read a column, and views of those, the first made first: kind, name, definition.
WITH RECURSIVE readers AS (
    SELECT DISTINCT r.ev_class AS view, 1 AS depth
    FROM pg_depend d
    JOIN pg_rewrite r ON r.oid = d.objid
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
        AND d.refobjid = to_regclass({relation}) AND a.attname = {column} AND r.ev_class <> d.refobjid
    UNION ALL
    SELECT DISTINCT r.ev_class, v.depth + 1
    FROM readers v
    JOIN pg_depend d ON d.refobjid = v.view AND d.refclassid = 'pg_class'::regclass
        AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> v.view
    WHERE v.depth < 50
)
SELECT CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
    format('%I.%I', n.nspname, c.relname), pg_get_viewdef(c.oid)
FROM (SELECT view, max(depth) AS depth FROM readers GROUP BY view) v
JOIN pg_class c ON c.oid = v.view
JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY v.depth, 2

-- name: primary_key
-- The name of a table's primary key.
SELECT conname FROM pg_constraint WHERE conrelid = to_regclass({relation}) AND contype = 'p'

-- name: partition_key
-- The partition key of a partitioned table, without its method.
SELECT substring(pg_get_partkeydef(to_regclass({relation})::oid) FROM '\((.*)\)')

-- name: constraint
-- The definition of a constraint.
SELECT pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = to_regclass({relation}) AND conname = {constraint}

-- name: foreign_key
-- The definition of a foreign key where it is there, and the columns of the primary key that it points to.
SELECT (SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = to_regclass({relation}) AND conname = {constraint}), a.attname
FROM (SELECT 1) one
LEFT JOIN pg_index i ON i.indrelid = to_regclass({parent}) AND i.indisprimary
LEFT JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, place) ON true
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
ORDER BY k.place

-- name: named
-- Where something of a name is, whatever its capital letters: schema and name.
SELECT DISTINCT n.nspname, x.name
FROM (
    SELECT 'relation' AS kind, relnamespace AS namespace, relname AS name FROM pg_class WHERE relkind <> 't'
    UNION ALL
    SELECT 'type', typnamespace, typname FROM pg_type WHERE typelem = 0 OR typtype <> 'b'
    UNION ALL
    SELECT 'function', pronamespace, proname FROM pg_proc
    UNION ALL
    SELECT 'operator class', opcnamespace, opcname FROM pg_opclass
) x
JOIN pg_namespace n ON n.oid = x.namespace
WHERE x.kind = {kind} AND lower(x.name) = lower({name})
    AND n.nspname NOT LIKE 'pg\_toast%' AND n.nspname NOT LIKE 'pg\_temp%'
ORDER BY 1, 2
LIMIT 5

-- name: columns
-- The columns of a table, and those of any table whose name is the same but for capital letters; the last value tells
-- those of the table itself.
SELECT c.relname, a.attname, CASE WHEN c.oid = to_regclass({relation}) THEN 'own' END
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND (c.oid = to_regclass({relation}) OR lower(a.attname) = lower({name}))
ORDER BY c.relname, a.attnum
LIMIT 200

-- name: owner
-- Who owns something: a relation by its whole name, else whatever has the name.
SELECT pg_get_userbyid(relowner) FROM pg_class
WHERE {kind} NOT IN ('schema', 'function', 'type')
    AND (oid = to_regclass({relation}) OR (to_regclass({relation}) IS NULL AND relname = {name}))
UNION
SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE {kind} = 'schema' AND nspname = {name}
UNION
SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE {kind} IN ('function', 'procedure') AND proname = {name}
UNION
SELECT pg_get_userbyid(typowner) FROM pg_type WHERE {kind} = 'type' AND typname = {name}

-- name: read_only
-- For which role and database default_transaction_read_only is set to on, the strongest first.
SELECT r.rolname, d.datname, s.setrole <> 0 AND s.setdatabase <> 0
FROM pg_db_role_setting s
LEFT JOIN pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE (s.setrole = 0 OR r.rolname = session_user) AND (s.setdatabase = 0 OR d.datname = current_database())
    AND EXISTS (
        SELECT FROM unnest(s.setconfig) entry
        WHERE split_part(entry, '=', 1) = 'default_transaction_read_only'
            AND lower(split_part(entry, '=', 2)) IN ('on', 'true', 'yes', '1', 't', 'y'))
ORDER BY 3 DESC, 1 NULLS LAST

-- name: extension
-- The versions of an extension that the server has, and whether somebody without superuser's rights may make it.
SELECT version, trusted FROM pg_available_extension_versions WHERE name = {name} ORDER BY version
