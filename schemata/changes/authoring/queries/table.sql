-- name: server
-- The server's version number, the deploying role, and the schemas that have a table of their own.
SELECT current_setting('server_version_num'), current_user::text

-- name: table
-- Everything of one table that decides how it can be changed, as JSON; NULL where there is none.
SELECT json_build_object(
    'schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'is_partition', c.relispartition,
    'parents', (SELECT count(*) FROM pg_inherits i WHERE i.inhrelid = c.oid),
    'children', (SELECT count(*) FROM pg_inherits i WHERE i.inhparent = c.oid),
    'row_security', c.relrowsecurity, 'owner', pg_get_userbyid(c.relowner), 'comment', obj_description(c.oid, 'pg_class'),
    'oid', c.oid::int8,
    'grants', (
        SELECT json_agg(json_build_array(
            COALESCE(r.rolname, 'PUBLIC'), g.privilege_type, g.is_grantable) ORDER BY r.rolname, g.privilege_type)
        FROM aclexplode(c.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee WHERE g.grantee <> c.relowner
    ),
    'columns', (
        SELECT json_agg(json_build_object(
            'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
            'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
            'identity', a.attidentity, 'generated', a.attgenerated, 'comment', col_description(c.oid, a.attnum),
            'collation', CASE WHEN a.attcollation <> t.typcollation THEN (
                SELECT format('%I.%I', cn.nspname, co.collname) FROM pg_collation co
                JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = a.attcollation) END,
            'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END,
            'statistics', NULLIF(a.attstattarget, -1),
            'inherited', a.attinhcount > 0,
            'grants', (
                SELECT json_agg(json_build_array(
                    COALESCE(r.rolname, 'PUBLIC'), g.privilege_type, g.is_grantable) ORDER BY r.rolname, g.privilege_type)
                FROM aclexplode(a.attacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee WHERE g.grantee <> c.relowner
            )
        ) ORDER BY a.attnum)
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ),
    'constraints', (
        SELECT json_agg(json_build_object(
            'name', k.conname, 'kind', k.contype, 'definition', pg_get_constraintdef(k.oid),
            'deferrable', k.condeferrable, 'valid', k.convalidated,
            'comment', obj_description(k.oid, 'pg_constraint'),
            'columns', (SELECT json_agg(a.attname ORDER BY u.place) FROM unnest(k.conkey) WITH ORDINALITY u(number, place)
                JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number)
        ) ORDER BY k.conname)
        FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype <> 't'
    ),
    'referring', (
        SELECT json_agg(json_build_object('name', format('%I.%I', rn.nspname, r.relname), 'columns', (
            SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.confkey)
        )) ORDER BY k.conname)
        FROM pg_constraint k
        JOIN pg_class r ON r.oid = k.conrelid
        JOIN pg_namespace rn ON rn.oid = r.relnamespace
        WHERE k.confrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0
    ),
    'indexes', (
        SELECT json_agg(json_build_object(
            'name', ic.relname, 'definition', pg_get_indexdef(i.indexrelid), 'unique', i.indisunique,
            'primary', i.indisprimary, 'valid', i.indisvalid, 'immediate', i.indimmediate,
            'plain', i.indpred IS NULL AND i.indexprs IS NULL, 'identity', i.indisreplident,
            'keys', (SELECT json_agg(a.attname ORDER BY u.place)
                FROM unnest(i.indkey::int2[]) WITH ORDINALITY u(number, place)
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.number WHERE u.place <= i.indnkeyatts),
            'columns', (SELECT json_agg(DISTINCT a.attname) FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND (a.attnum = ANY (i.indkey::int2[]) OR EXISTS (
                    SELECT FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.objid = i.indexrelid
                        AND p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid AND p.refobjsubid = a.attnum))),
            'constraint', (SELECT k.conname FROM pg_constraint k
                WHERE k.conindid = i.indexrelid AND k.conrelid = c.oid AND k.contype IN ('p', 'u', 'x')),
            'comment', obj_description(i.indexrelid, 'pg_class')
        ) ORDER BY ic.relname)
        FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = c.oid
    ),
    'dependents', (
        SELECT json_agg(json_build_array(f.kind, f.name, f.target) ORDER BY f.kind, f.name, f.target)
        FROM (
            SELECT DISTINCT 'view' AS kind, format('%I.%I', vn.nspname, v.relname) AS name, a.attname AS target
            FROM pg_depend p
            JOIN pg_rewrite w ON p.classid = 'pg_rewrite'::regclass AND w.oid = p.objid
            JOIN pg_class v ON v.oid = w.ev_class AND v.oid <> c.oid
            JOIN pg_namespace vn ON vn.oid = v.relnamespace
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
            WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid
            UNION
            SELECT 'generated column', ga.attname::text, a.attname
            FROM pg_depend p
            JOIN pg_attrdef d ON p.classid = 'pg_attrdef'::regclass AND d.oid = p.objid AND d.adrelid = c.oid
            JOIN pg_attribute ga ON ga.attrelid = c.oid AND ga.attnum = d.adnum AND ga.attgenerated <> ''
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
            WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid AND a.attnum <> d.adnum
            UNION
            -- Before PostgreSQL 15 the column itself depends, not its expression.
            SELECT 'generated column', ga.attname::text, a.attname
            FROM pg_depend p
            JOIN pg_attribute ga ON ga.attrelid = c.oid AND ga.attnum = p.objsubid AND ga.attgenerated <> ''
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
            WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid
                AND p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid AND a.attnum <> ga.attnum
            UNION
            SELECT 'policy', o.polname::text, a.attname
            FROM pg_depend p
            JOIN pg_policy o ON p.classid = 'pg_policy'::regclass AND o.oid = p.objid
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
            WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid
            UNION
            SELECT 'trigger', g.tgname::text, a.attname
            FROM pg_depend p
            JOIN pg_trigger g ON p.classid = 'pg_trigger'::regclass AND g.oid = p.objid AND NOT g.tgisinternal
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
            WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid
            UNION
            SELECT 'function', format('%I.%I', fn.nspname, o.proname), a.attname
            FROM pg_depend p
            JOIN pg_proc o ON p.classid = 'pg_proc'::regclass AND o.oid = p.objid
            JOIN pg_namespace fn ON fn.oid = o.pronamespace
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
            WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid
            UNION
            SELECT 'statistics object', format('%I.%I', sn.nspname, o.stxname), a.attname
            FROM pg_depend p
            JOIN pg_statistic_ext o ON p.classid = 'pg_statistic_ext'::regclass AND o.oid = p.objid
            JOIN pg_namespace sn ON sn.oid = o.stxnamespace
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.refobjsubid
            WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid
            UNION
            SELECT 'partition key', format('%I.%I', n.nspname, c.relname), a.attname
            FROM pg_partitioned_table o
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND (
                a.attnum = ANY (o.partattrs::int2[]) OR EXISTS (
                    SELECT FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.objsubid = 0
                        AND p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid AND p.refobjsubid = a.attnum))
            WHERE o.partrelid = c.oid
        ) f
    ),
    'triggers', (
        SELECT json_agg(json_build_array(g.tgname, f.prosrc) ORDER BY g.tgname)
        FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid WHERE g.tgrelid = c.oid AND NOT g.tgisinternal
    ),
    'rules', (SELECT count(*) FROM pg_rewrite w WHERE w.ev_class = c.oid),
    'relations', (SELECT json_agg(o.relname ORDER BY o.relname) FROM pg_class o WHERE o.relnamespace = n.oid),
    'types', (SELECT json_agg(o.typname ORDER BY o.typname) FROM pg_type o WHERE o.typnamespace = n.oid),
    'functions', (SELECT json_agg(DISTINCT o.proname) FROM pg_proc o WHERE o.pronamespace = n.oid)
)::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relname = {name}

-- name: similar
-- The tables and views of a database whose name is alike but for capital letters, or that are the same elsewhere.
SELECT n.nspname, c.relname
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND (lower(c.relname) = lower({name}) OR (n.nspname = {schema} AND c.relname LIKE '%' || {name} || '%'))
ORDER BY n.nspname <> {schema}, n.nspname, c.relname
LIMIT 5

-- name: volatile
-- Whether a function of one of these names may answer differently for each row.
SELECT COALESCE(bool_or(p.provolatile = 'v'), false)::text FROM pg_proc p WHERE p.proname IN ({names})

-- name: statements
-- Statements that the server counted and functions that it stores, in which the name of a table comes.
SELECT p.prosrc
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND position({name} IN p.prosrc) > 0

-- name: counted
-- The statements of this database that pg_stat_statements counted and in which the name of a table comes.
SELECT s.query
FROM {extension}.pg_stat_statements s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND position({name} IN s.query) > 0

-- name: extension
-- The schema of pg_stat_statements, where the database has it.
SELECT quote_ident(n.nspname)
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'

-- name: versions
-- The views of the same name as a table over it, in schemas that are called for its versions, oldest first, as JSON.
SELECT COALESCE(json_agg(json_build_object(
    'schema', n.nspname, 'definition', pg_get_viewdef(v.oid), 'owner', pg_get_userbyid(v.relowner),
    'options', COALESCE(array_to_json(v.reloptions), '[]'),
    'grants', (
        SELECT json_agg(json_build_array(
            COALESCE(r.rolname, 'PUBLIC'), g.privilege_type, g.is_grantable) ORDER BY r.rolname, g.privilege_type)
        FROM aclexplode(v.relacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee WHERE g.grantee <> v.relowner
    ),
    'usage', (
        SELECT json_agg(json_build_array(
            COALESCE(r.rolname, 'PUBLIC'), g.privilege_type, g.is_grantable) ORDER BY r.rolname, g.privilege_type)
        FROM aclexplode(n.nspacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee WHERE g.grantee <> n.nspowner
    )
) ORDER BY length(n.nspname), n.nspname), '[]')::text
FROM pg_class v
JOIN pg_namespace n ON n.oid = v.relnamespace
WHERE v.relkind = 'v' AND v.relname = {name} AND starts_with(n.nspname, {schema} || '_') AND EXISTS (
    SELECT FROM pg_rewrite w JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass AND p.objid = w.oid
    WHERE w.ev_class = v.oid AND p.refclassid = 'pg_class'::regclass AND p.refobjid = {oid}::oid
)

-- name: schemas
-- The schemas of the database.
SELECT nspname FROM pg_namespace
