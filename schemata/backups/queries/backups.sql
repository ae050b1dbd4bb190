-- name: settings
-- What makes the text of a row the same wherever it is read; no limit that the role has ends the session.
SET search_path = pg_catalog; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C';
SET row_security = off; SET statement_timeout = 0; SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = 0

-- name: begin
-- Begin the snapshot that pg_dump reads as well, and return its name.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot()

-- name: facts
-- The server's version, the database, its encoding and locale, and when the snapshot was taken.
SELECT json_build_object(
    'version', current_setting('server_version'), 'database', d.datname,
    'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
    'taken_at', to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
    'moment', to_char(now() AT TIME ZONE 'utc', 'YYYYMMDD"T"HH24MISS"Z"'),
    'large_objects', EXISTS (SELECT FROM pg_largeobject_metadata)
)::text
FROM pg_database d
WHERE d.datname = current_database()

-- name: held
-- Which of the schemas hold a table or a sequence, extensions' own left aside.
SELECT coalesce(json_agg(n.nspname ORDER BY n.nspname), '[]')::text
FROM pg_namespace n
WHERE n.nspname IN ({schemas}) AND EXISTS (
    SELECT FROM pg_class c
    WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'S', 'm')
        AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
)

-- name: objects
-- What stands in the way of a restore: tables, views and sequences of the database, extensions' own left aside.
SELECT coalesce(json_agg(format('%I.%I', n.nspname, c.relname) ORDER BY n.nspname, c.relname), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema'
    AND n.nspname !~ '^pg_' AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: tables
-- The tables whose rows are dumped, with their columns by name, and the size of all that the schemas hold.
SELECT json_build_object(
    'size', (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ({schemas}) AND c.relkind IN ('r', 'm', 'S')),
    'tables', (SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, (
            SELECT coalesce(json_agg(a.attname ORDER BY a.attname), '[]') FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        )) ORDER BY n.nspname, c.relname), '[]')
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ({schemas}) AND c.relkind = 'r' AND NOT EXISTS (SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
)::text

-- name: fingerprint
-- How many rows a table has and the sum of their hashes, whatever the order of rows and columns.
SELECT count(*)::text, coalesce(sum(hashtextextended(ROW({columns})::text COLLATE "C", 0)), 0)::text
FROM ONLY {table} t

-- name: roles
-- Who owns something in the schemas, has a privilege on it or is named in a policy.
WITH owned (owner, acl) AS (
    SELECT n.nspowner, n.nspacl FROM pg_namespace n WHERE n.nspname IN ({schemas})
    UNION ALL SELECT c.relowner, c.relacl FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ({schemas})
    UNION ALL SELECT c.relowner, a.attacl FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ({schemas}) AND a.attacl IS NOT NULL
    UNION ALL SELECT p.proowner, p.proacl FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ({schemas})
    UNION ALL SELECT y.typowner, y.typacl FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace
        WHERE n.nspname IN ({schemas})
    UNION ALL SELECT f.defaclrole, f.defaclacl FROM pg_default_acl f JOIN pg_namespace n ON n.oid = f.defaclnamespace
        WHERE n.nspname IN ({schemas})
), role (oid) AS (
    SELECT owner FROM owned
    UNION SELECT x.grantee FROM owned, aclexplode(owned.acl) x
    UNION SELECT unnest(p.polroles) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ({schemas})
)
SELECT coalesce(json_agg(r.rolname ORDER BY r.rolname), '[]')::text
FROM pg_roles r
WHERE r.oid IN (SELECT oid FROM role) AND r.rolname !~ '^pg_'

-- name: missing_roles
-- Which of these roles the server does not have.
SELECT coalesce(json_agg(name ORDER BY name), '[]')::text
FROM unnest(ARRAY[{roles}]::text[]) name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)

-- name: extensions
-- The extensions of the database and where they are; the language that every database has is left aside.
SELECT coalesce(json_agg(json_build_object('name', e.extname, 'version', e.extversion, 'schema', n.nspname)
    ORDER BY e.oid), '[]')::text
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql'

-- name: beneath
-- What belongs to no schema and is needed by what is in one: foreign data wrappers, their servers, access methods.
-- Functions of the database's own schemas are not there yet when these are made. User mappings hold passwords.
WITH own (classid, objid) AS (SELECT d.classid, d.objid FROM pg_depend d WHERE d.deptype = 'e'),
early (oid) AS (
    SELECT p.oid FROM pg_proc p WHERE p.oid < 16384 OR ('pg_proc'::regclass, p.oid) IN (SELECT classid, objid FROM own)
), made (rank, name, sql) AS (
    SELECT 1, a.amname, format('CREATE ACCESS METHOD %I TYPE %s HANDLER %s', a.amname,
        CASE a.amtype WHEN 't' THEN 'TABLE' ELSE 'INDEX' END, a.amhandler::regproc)
    FROM pg_am a WHERE a.oid >= 16384 AND ('pg_am'::regclass, a.oid) NOT IN (SELECT classid, objid FROM own)
    UNION ALL
    SELECT 2, w.fdwname, concat(format('CREATE FOREIGN DATA WRAPPER %I', w.fdwname),
        CASE WHEN w.fdwhandler IN (SELECT oid FROM early) THEN format(' HANDLER %s', w.fdwhandler::regproc) END,
        CASE WHEN w.fdwvalidator IN (SELECT oid FROM early) THEN format(' VALIDATOR %s', w.fdwvalidator::regproc) END,
        ' OPTIONS (' || (SELECT string_agg(format('%I %L', o.option_name, o.option_value), ', ')
            FROM pg_options_to_table(w.fdwoptions) o) || ')')
    FROM pg_foreign_data_wrapper w
    WHERE w.oid >= 16384 AND ('pg_foreign_data_wrapper'::regclass, w.oid) NOT IN (SELECT classid, objid FROM own)
    UNION ALL
    SELECT 3, s.srvname, concat(format('CREATE SERVER %I', s.srvname), format(' TYPE %L', s.srvtype),
        format(' VERSION %L', s.srvversion), format(' FOREIGN DATA WRAPPER %I', w.fdwname),
        ' OPTIONS (' || (SELECT string_agg(format('%I %L', o.option_name, o.option_value), ', ')
            FROM pg_options_to_table(s.srvoptions) o) || ')')
    FROM pg_foreign_server s
    JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
    WHERE ('pg_foreign_server'::regclass, s.oid) NOT IN (SELECT classid, objid FROM own)
)
SELECT coalesce(json_agg(json_build_object('name', name, 'sql', sql) ORDER BY rank, name), '[]')::text FROM made

-- name: outside
-- Foreign keys of the schemas to tables that are in none of them.
SELECT coalesce(json_agg(json_build_object('schema', n.nspname, 'table', c.relname, 'name', k.conname,
    'sql', format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s;', n.nspname, c.relname, k.conname,
        pg_get_constraintdef(k.oid))) ORDER BY n.nspname, c.relname, k.conname), '[]')::text
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class f ON f.oid = k.confrelid
JOIN pg_namespace fn ON fn.oid = f.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND n.nspname IN ({schemas}) AND fn.nspname NOT IN ({schemas})

-- name: needed
-- Schemas without which what these hold cannot be made: of types, functions, tables, but for foreign keys' tables.
WITH object (classid, objid, schema) AS (
    SELECT 'pg_class'::regclass::oid, c.oid, c.relnamespace FROM pg_class c WHERE c.oid >= 16384
    UNION ALL SELECT 'pg_type'::regclass, y.oid, y.typnamespace FROM pg_type y WHERE y.oid >= 16384
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.pronamespace FROM pg_proc p WHERE p.oid >= 16384
    UNION ALL SELECT 'pg_operator'::regclass, o.oid, o.oprnamespace FROM pg_operator o WHERE o.oid >= 16384
    UNION ALL SELECT 'pg_opclass'::regclass, o.oid, o.opcnamespace FROM pg_opclass o WHERE o.oid >= 16384
    UNION ALL SELECT 'pg_collation'::regclass, o.oid, o.collnamespace FROM pg_collation o WHERE o.oid >= 16384
    UNION ALL SELECT 'pg_ts_config'::regclass, o.oid, o.cfgnamespace FROM pg_ts_config o WHERE o.oid >= 16384
    UNION ALL SELECT 'pg_attrdef'::regclass, a.oid, c.relnamespace FROM pg_attrdef a JOIN pg_class c ON c.oid = a.adrelid
    UNION ALL SELECT 'pg_rewrite'::regclass, w.oid, c.relnamespace FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
        WHERE w.oid >= 16384
    UNION ALL SELECT 'pg_trigger'::regclass, g.oid, c.relnamespace FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
        WHERE NOT g.tgisinternal
    UNION ALL SELECT 'pg_policy'::regclass, o.oid, c.relnamespace FROM pg_policy o JOIN pg_class c ON c.oid = o.polrelid
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid, k.connamespace FROM pg_constraint k
        WHERE k.contype <> 'f' AND k.oid >= 16384
)
SELECT coalesce(json_agg(DISTINCT fn.nspname), '[]')::text
FROM pg_depend d
JOIN object o ON o.classid = d.classid AND o.objid = d.objid
JOIN pg_namespace n ON n.oid = o.schema AND n.nspname IN ({schemas})
JOIN object f ON f.classid = d.refclassid AND f.objid = d.refobjid
JOIN pg_namespace fn ON fn.oid = f.schema AND fn.nspname NOT IN ({schemas})
WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S') AND fn.nspname !~ '^pg_' AND fn.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend e
        WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')

-- name: forget
-- Leave of a history only what it records of these schemas; the summary is made again by the caller.
DELETE FROM {history}._yoyo_migration WHERE split_part(migration_id, '.', 1) NOT IN ({schemas});
DELETE FROM {history}._yoyo_log WHERE split_part(migration_id, '.', 1) NOT IN ({schemas});
DELETE FROM {history}.attempts WHERE schema_name NOT IN ({schemas});
UPDATE {history}.head SET structure = NULL, structure_mark = NULL

-- name: forget_later
-- The same of the tables that not every history has; those that it has are named by the caller.
DELETE FROM {history}.{table} WHERE {schema} NOT IN ({schemas})

-- name: later
-- Which of the tables that not every history has are there.
SELECT coalesce(json_agg(c.relname), '[]')::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {history} AND c.relname IN ('drift', 'ddl_audit', 'squashed')
