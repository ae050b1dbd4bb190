-- name: comments
-- Comments on what people made, and on the schema public (of an extension that every database has pg_dump prints none).
-- That on the index behind a constraint is told with the constraint, that on NOT NULL with the column or the domain.
SELECT json_build_array(t.classoid, t.objoid, t.objsubid, 'comment', t.description)
FROM pg_description t
WHERE t.objoid >= 16384 OR t.classoid = 'pg_namespace'::regclass AND t.objoid = 2200
UNION ALL
SELECT json_build_array('pg_constraint'::regclass::oid, k.oid, 0, 'index comment', t.description)
FROM pg_description t
JOIN pg_constraint k ON k.conindid = t.objoid AND k.contype IN ('p', 'u', 'x')
WHERE t.classoid = 'pg_class'::regclass AND t.objsubid = 0
UNION ALL
SELECT json_build_array(CASE k.contypid WHEN 0 THEN 'pg_class' ELSE 'pg_type' END::regclass::oid,
    CASE k.contypid WHEN 0 THEN k.conrelid ELSE k.contypid END, CASE k.contypid WHEN 0 THEN k.conkey[1] ELSE 0 END,
    'not null comment', t.description)
FROM pg_description t
JOIN pg_constraint k ON k.oid = t.objoid AND k.contype = 'n'
LEFT JOIN pg_class c ON c.oid = k.conrelid
WHERE t.classoid = 'pg_constraint'::regclass AND (k.contypid <> 0 OR k.conislocal OR c.relispartition
    OR NOT k.convalidated)

-- name: labels
-- Security labels, one a provider.
SELECT json_build_array(l.classoid, l.objoid, l.objsubid,
    string_agg(concat(l.provider, ': ', l.label), E'\n' ORDER BY l.provider COLLATE "C"))
FROM pg_seclabel l
GROUP BY l.classoid, l.objoid, l.objsubid

-- name: extensions_needed
-- ALTER … DEPENDS ON EXTENSION: what goes away with an extension that did not make it.
SELECT json_build_array(d.classid, d.objid, 0, string_agg(e.extname, ', ' ORDER BY e.extname COLLATE "C"))
FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x'
GROUP BY d.classid, d.objid

-- name: grants
-- Privileges that are not what an object has from its birth, once for all that have the same: of the objects of the
-- chosen schemas and of the database, and of those of the system and of extensions where they are not what initdb or the
-- extension left. Of a column nobody has any privilege from the start: its default is an empty list as aclexplode accepts
-- it, which '{{}}' is not. What has no item gets the name that pg_describe_object has for it in English: that function
-- answers in the language of lc_messages, which only a superuser may choose.
WITH held AS (
    SELECT 'pg_class'::regclass AS class, c.oid, 0 AS subid, n.nspname AS schema, c.relname::text AS name,
        c.relacl AS acl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner) AS usual,
        c.relowner AS owner
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relacl IS NOT NULL
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, a.attnum, n.nspname, concat(c.relname, '.', a.attname),
        a.attacl, acldefault('c', c.relowner), c.relowner
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 0, n.nspname, p.oid::regprocedure::text, p.proacl,
        acldefault('f', p.proowner), p.proowner
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proacl IS NOT NULL
    UNION ALL
    SELECT 'pg_type'::regclass, y.oid, 0, n.nspname, y.typname, y.typacl, acldefault('T', y.typowner), y.typowner
    FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace WHERE y.typacl IS NOT NULL
    UNION ALL
    SELECT 'pg_namespace'::regclass, n.oid, 0, n.nspname, n.nspname,
        CASE WHEN n.nspname = 'public' THEN coalesce(n.nspacl, acldefault('n', n.nspowner)) ELSE n.nspacl END,
        CASE WHEN n.nspname = 'public' THEN acldefault('n', n.nspowner) || makeaclitem(0, n.nspowner, 'USAGE', false)
            || CASE WHEN current_setting('server_version_num')::int < 150000
                THEN ARRAY[makeaclitem(0, n.nspowner, 'CREATE', false)] ELSE '{{}}' END
            ELSE acldefault('n', n.nspowner) END, n.nspowner
    FROM pg_namespace n WHERE n.nspacl IS NOT NULL OR n.nspname = 'public'
    UNION ALL
    SELECT 'pg_language'::regclass, l.oid, 0, '', l.lanname, l.lanacl, acldefault('l', l.lanowner), l.lanowner
    FROM pg_language l WHERE l.lanacl IS NOT NULL AND l.lanispl
    UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, '', w.fdwname, w.fdwacl, acldefault('F', w.fdwowner), w.fdwowner
    FROM pg_foreign_data_wrapper w WHERE w.fdwacl IS NOT NULL
    UNION ALL
    SELECT 'pg_foreign_server'::regclass, s.oid, 0, '', s.srvname, s.srvacl, acldefault('S', s.srvowner), s.srvowner
    FROM pg_foreign_server s WHERE s.srvacl IS NOT NULL
    UNION ALL
    SELECT 'pg_default_acl'::regclass, d.oid, 0, coalesce(n.nspname, ''), '', d.defaclacl,
        CASE WHEN d.defaclnamespace = 0 THEN
            acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)
            ELSE acldefault('c', d.defaclrole) END, d.defaclrole
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
), compared AS (
    SELECT h.class, h.oid, h.subid, h.schema, h.name, h.owner, h.acl, coalesce(i.initprivs, h.usual) AS usual,
        h.oid < 16384 AND NOT (h.class = 'pg_namespace'::regclass AND h.name = 'public') OR i.privtype = 'e'
            OR h.schema ~ '^pg_' OR EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass
                AND d.deptype = 'e' AND d.classid = h.class AND d.objid = h.oid) AS foreign
    FROM held h
    LEFT JOIN pg_init_privs i ON i.classoid = h.class AND i.objoid = h.oid AND i.objsubid = h.subid
        AND NOT (h.class = 'pg_namespace'::regclass AND h.name = 'public')
    WHERE h.acl <> coalesce(i.initprivs, h.usual) AND h.schema NOT IN ('information_schema', {history})
        AND h.schema !~ '^pg_(toast|temp)'
)
SELECT json_build_array(
    json_agg(json_build_array(c.class::oid, c.oid, c.subid)) FILTER (WHERE c.foreign IS NOT TRUE),
    json_agg(concat(CASE c.class
        WHEN 'pg_class'::regclass THEN concat(
            CASE WHEN c.subid > 0 THEN concat('column ', (SELECT a.attname FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum = c.subid), ' of ') END,
            (SELECT CASE r.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                WHEN 'f' THEN 'foreign table' ELSE 'table' END FROM pg_class r WHERE r.oid = c.oid), ' ', c.oid::regclass)
        WHEN 'pg_proc'::regclass THEN concat('function ', c.oid::regprocedure)
        WHEN 'pg_type'::regclass THEN concat('type ', format_type(c.oid, NULL))
        WHEN 'pg_namespace'::regclass THEN concat('schema ', c.name)
        WHEN 'pg_language'::regclass THEN concat('language ', c.name)
        WHEN 'pg_foreign_data_wrapper'::regclass THEN concat('foreign-data wrapper ', c.name)
        WHEN 'pg_foreign_server'::regclass THEN concat('server ', c.name) END)) FILTER (WHERE c.foreign),
    (SELECT json_agg(json_build_array(g.usual, g.grantee, g.grantor, g.privileges)) FROM (
        SELECT u.usual, CASE e.grantee WHEN 0 THEN 'PUBLIC' WHEN {deployer} THEN '(deployer)'
                ELSE pg_get_userbyid(e.grantee) END AS grantee,
            CASE WHEN e.grantor = c.owner THEN '' WHEN e.grantor = {deployer} THEN '(deployer)'
                ELSE pg_get_userbyid(e.grantor) END AS grantor,
            string_agg(e.privilege_type || CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END, ', '
                ORDER BY e.privilege_type COLLATE "C") AS privileges
        FROM (VALUES (false, c.acl), (true, c.usual)) u(usual, acl), LATERAL aclexplode(u.acl) e
        GROUP BY u.usual, e.grantee, e.grantor) g))
FROM compared c
GROUP BY c.owner, c.acl, c.usual

-- name: dependencies
-- What needs what, among the objects of this database; and what stands for what: the row type for its table, the
-- array for its element, the default for its column, the rule for its view, the index for its constraint.
SELECT json_build_array(d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_depend d
WHERE d.objid >= 16384 AND d.refobjid >= 2200 AND d.deptype IN ('n', 'a', 'i', 'P', 'S')

-- name: stand_ins
-- What stands for what: the row type for its table, the array for its element, the default for its column, the rule
-- for its view, the index for its constraint, an extension for what it made, an operator class for what is in it.
SELECT json_build_array('pg_type'::regclass::oid, c.reltype, 0,
    CASE c.relkind WHEN 'c' THEN 'pg_type' ELSE 'pg_class' END::regclass::oid,
    CASE c.relkind WHEN 'c' THEN c.reltype ELSE c.oid END, 0) FROM pg_class c WHERE c.reltype <> 0 AND c.oid >= 16384
UNION ALL
SELECT json_build_array('pg_class'::regclass::oid, c.oid, 0, 'pg_type'::regclass::oid, c.reltype, 0)
FROM pg_class c WHERE c.relkind = 'c' AND c.oid >= 16384
UNION ALL
SELECT json_build_array('pg_type'::regclass::oid, y.typarray, 0, 'pg_type'::regclass::oid, y.oid, 0)
FROM pg_type y WHERE y.typarray <> 0 AND y.oid >= 16384
UNION ALL
SELECT json_build_array('pg_type'::regclass::oid, r.rngmultitypid, 0, 'pg_type'::regclass::oid, r.rngtypid, 0)
FROM pg_range r WHERE r.rngtypid >= 16384
UNION ALL
SELECT json_build_array('pg_attrdef'::regclass::oid, d.oid, 0, 'pg_class'::regclass::oid, d.adrelid, d.adnum)
FROM pg_attrdef d
UNION ALL
SELECT json_build_array('pg_rewrite'::regclass::oid, r.oid, 0, 'pg_class'::regclass::oid, r.ev_class, 0)
FROM pg_rewrite r WHERE r.rulename = '_RETURN' AND r.oid >= 16384
UNION ALL
SELECT json_build_array('pg_class'::regclass::oid, k.conindid, 0, 'pg_constraint'::regclass::oid, k.oid, 0)
FROM pg_constraint k WHERE k.contype IN ('p', 'u', 'x')
UNION ALL
SELECT json_build_array(d.classid, d.objid, 0, d.refclassid, d.refobjid, 0)
FROM pg_depend d WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass AND d.objid >= 2200
UNION ALL
SELECT DISTINCT ON (d.classid, d.objid) json_build_array(d.classid, d.objid, 0, d.refclassid, d.refobjid, 0)
FROM pg_depend d WHERE d.objid >= 16384 AND (d.classid, d.refclassid) IN (
    ('pg_amop'::regclass, 'pg_opclass'::regclass), ('pg_amproc'::regclass, 'pg_opclass'::regclass),
    ('pg_publication_rel'::regclass, 'pg_publication'::regclass))
