-- name: there
-- Relations of the schemas of a version, each with its mark where it is a view of ours.
SELECT n.nspname, c.relname,
    CASE WHEN c.relkind = 'v' AND obj_description(c.oid, 'pg_class') LIKE 'A view of a version (pgschemata), %'
        THEN obj_description(c.oid, 'pg_class') END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ({schemas}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
ORDER BY 1, 2

-- name: usage
-- Roles that may use a schema, but its owner.
SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END
FROM pg_namespace n, aclexplode(n.nspacl) a
WHERE n.nspname = {schema} AND a.privilege_type = 'USAGE' AND a.grantee <> n.nspowner
ORDER BY 1

-- name: empty
-- Which of the schemas of a version have nothing in them.
SELECT n.nspname FROM pg_namespace n
WHERE n.nspname IN ({schemas})
    AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid)
    AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid)
    AND NOT EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = n.oid)
ORDER BY 1
