-- name: sizes
-- Rows, as the planner estimates them, and bytes of tables by their name as it was given, as JSON.
SELECT COALESCE(json_agg(json_build_array(t.name, GREATEST(c.reltuples, 0)::int8, pg_total_relation_size(c.oid))), '[]')::text
FROM json_array_elements_text({names}::json) AS t (name)
JOIN pg_class c ON c.oid = to_regclass(t.name) AND c.relkind IN ('r', 'p', 'm')

-- name: tables_of_schema
-- The tables of a schema, as JSON.
SELECT COALESCE(json_agg(c.relname ORDER BY c.relname), '[]')::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p', 'm')

-- name: dependents
-- What goes with a relation, or with one of its columns, that is dropped with CASCADE, in words, as JSON.
WITH RECURSIVE going AS (
    SELECT d.classid, d.objid, 1 AS depth
    FROM pg_depend d
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass({name}) AND d.deptype = 'n'
        AND ({column}::text IS NULL OR d.refobjsubid = (
            SELECT attnum FROM pg_attribute WHERE attrelid = to_regclass({name}) AND attname = {column}))
    UNION
    SELECT d.classid, d.objid, going.depth + 1
    FROM going
    LEFT JOIN pg_rewrite r ON going.classid = 'pg_rewrite'::regclass AND r.oid = going.objid
    JOIN pg_depend d ON d.deptype = 'n' AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.ev_class
    WHERE going.depth < 10
)
SELECT COALESCE(json_agg(DISTINCT CASE
    WHEN r.oid IS NOT NULL THEN pg_describe_object('pg_class'::regclass, r.ev_class, 0)
    ELSE pg_describe_object(going.classid, going.objid, 0) END), '[]')::text
FROM going
LEFT JOIN pg_rewrite r ON going.classid = 'pg_rewrite'::regclass AND r.oid = going.objid
WHERE r.ev_class IS DISTINCT FROM to_regclass({name})
