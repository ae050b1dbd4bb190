-- name: tables
-- Tables and materialized views that hold rows of their own, in the order in which they were made, with their columns.
SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, c.relkind, c.relispopulated,
    (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) ORDER BY c.oid), '[]')::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
    AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {history})
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.deptype = 'e')

-- name: sequences
-- What each sequence has reached.
SELECT coalesce(json_object_agg(format('%I.%I', schemaname, sequencename), coalesce(last_value::text, 'not used')),
    '{{}}')::text
FROM pg_sequences WHERE schemaname !~ '^pg_' AND schemaname <> {history}

-- name: server
-- What belongs to the server or to the whole database, and what a dump of the structure leaves out, a line each.
SELECT coalesce(json_agg(line ORDER BY line COLLATE "C"), '[]')::text
FROM (
    SELECT concat('role ', rolname, ' ', (to_jsonb(r) - 'oid' - 'rolname' - 'rolpassword')::text) AS line
    FROM pg_roles r WHERE oid >= 16384
    UNION ALL
    SELECT concat('role ', a.rolname, ': ', shobj_description(a.oid, 'pg_authid')) FROM pg_roles a
    WHERE shobj_description(a.oid, 'pg_authid') IS NOT NULL AND a.oid >= 16384
    UNION ALL
    SELECT concat('member ', m.member::regrole, ' of ', m.roleid::regrole, ' ', (to_jsonb(m) - 'oid' - 'roleid'
        - 'member' - 'grantor')::text)
    FROM pg_auth_members m WHERE m.member >= 16384 OR m.roleid >= 16384
    UNION ALL
    SELECT concat('database: ', d.datacl::text, ' ', shobj_description(d.oid, 'pg_database'), ' ', d.datconnlimit)
    FROM pg_database d WHERE d.datname = current_database()
    UNION ALL
    SELECT concat('tablespace ', t.spcname, ' ', t.spcacl::text, ' ', t.spcoptions::text) FROM pg_tablespace t
    WHERE t.oid >= 16384
) l

-- name: volatile
-- Which of these functions may change something, or are not known.
SELECT coalesce(json_agg(n.name), '[]')::text
FROM json_array_elements_text({names}::json) AS n (name)
WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.proname = n.name)
    OR EXISTS (SELECT FROM pg_proc p WHERE p.proname = n.name AND p.provolatile = 'v')
