-- name: install
-- The audit of DDL: a table, a function that never lets a statement fail, and two event triggers that call it. The
-- function runs with the rights of the history's owner, because those who change a structure may not write here.
DROP EVENT TRIGGER IF EXISTS schemata_audit_ddl;
DROP EVENT TRIGGER IF EXISTS schemata_audit_drop;
DO $create$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'ddl_audit'
            AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})) THEN
        CREATE TABLE {history}.ddl_audit (
            number bigint GENERATED ALWAYS AS IDENTITY,
            at timestamptz NOT NULL DEFAULT clock_timestamp(),
            role_name text NOT NULL,
            application text NOT NULL,
            client text,
            command text NOT NULL,
            object_type text,
            schema_name text NOT NULL,
            object_identity text,
            by_deploy boolean NOT NULL,
            CONSTRAINT ddl_audit_pkey PRIMARY KEY (number)
        );
        COMMENT ON TABLE {history}.ddl_audit IS 'Who changed which object, and when (inv drift-audit install).';
        EXECUTE (SELECT format('ALTER TABLE {history}.ddl_audit OWNER TO %I', pg_get_userbyid(nspowner))
            FROM pg_namespace WHERE nspname = {schema});
        EXECUTE coalesce((SELECT string_agg(format('GRANT SELECT ON {history}.ddl_audit TO %s',
                CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), '; ')
            FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid = '{history}.head'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner),
            'SELECT 1');
    END IF;
END $create$;
CREATE OR REPLACE FUNCTION {history}.audit_ddl() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '100ms'
AS $body$
DECLARE
    application text := coalesce(current_setting('application_name', true), '');
BEGIN
    -- What is noted here is worth nothing if it can keep anybody from working.
    IF TG_EVENT = 'sql_drop' THEN
        INSERT INTO {history}.ddl_audit
            (role_name, application, client, command, object_type, schema_name, object_identity, by_deploy)
        SELECT session_user, application, inet_client_addr()::text, TG_TAG, o.object_type,
            coalesce(o.schema_name, CASE o.object_type WHEN 'schema' THEN o.object_name END, ''), o.object_identity,
            application LIKE 'schemata %'
        FROM pg_event_trigger_dropped_objects() o
        WHERE (o.original OR o.normal) AND NOT o.is_temporary AND o.schema_name IS DISTINCT FROM {schema};
    ELSE
        INSERT INTO {history}.ddl_audit
            (role_name, application, client, command, object_type, schema_name, object_identity, by_deploy)
        SELECT session_user, application, inet_client_addr()::text, o.command_tag, o.object_type,
            coalesce(o.schema_name, CASE o.object_type WHEN 'schema' THEN o.object_identity END, ''), o.object_identity,
            application LIKE 'schemata %'
        FROM pg_event_trigger_ddl_commands() o
        WHERE NOT o.in_extension AND o.schema_name IS DISTINCT FROM 'pg_temp'
            AND o.schema_name IS DISTINCT FROM {schema};
    END IF;
EXCEPTION WHEN OTHERS THEN
    NULL;
END
$body$;
DO $owner$ BEGIN
    EXECUTE (SELECT format('ALTER FUNCTION {history}.audit_ddl() OWNER TO %I', pg_get_userbyid(nspowner))
        FROM pg_namespace WHERE nspname = {schema});
END $owner$;
REVOKE ALL ON FUNCTION {history}.audit_ddl() FROM PUBLIC;
CREATE EVENT TRIGGER schemata_audit_ddl ON ddl_command_end EXECUTE FUNCTION {history}.audit_ddl();
CREATE EVENT TRIGGER schemata_audit_drop ON sql_drop EXECUTE FUNCTION {history}.audit_ddl();

-- name: remove
-- Nothing is left of the audit, what it noted included.
DROP EVENT TRIGGER IF EXISTS schemata_audit_ddl;
DROP EVENT TRIGGER IF EXISTS schemata_audit_drop;
DROP FUNCTION IF EXISTS {history}.audit_ddl();
DROP TABLE IF EXISTS {history}.ddl_audit

-- name: state
-- Whether there is a history, an audit of it, and event triggers that write it.
SELECT (to_regclass({head}) IS NOT NULL)::text, (to_regclass({table}) IS NOT NULL)::text,
    (SELECT count(*) FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid
        WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})
            AND p.proname = 'audit_ddl' AND e.evtenabled <> 'D')::text

-- name: entries
-- What was noted, the last first: only of these schemas where any are given, only what no deploy did where asked so.
SELECT coalesce(json_agg(json_build_array(
    to_char(e.at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), e.role_name, e.application, coalesce(e.client, ''),
    e.command, coalesce(e.object_type, ''), e.schema_name, coalesce(e.object_identity, ''), e.by_deploy) ORDER BY e.number DESC), '[]')::text
FROM (
    SELECT a.*, row_number() OVER (PARTITION BY CASE WHEN {each} THEN a.schema_name END ORDER BY a.number DESC) AS place
    FROM {history}.ddl_audit a
    WHERE NOT ({others} AND a.by_deploy)
        AND (json_array_length({schemas}::json) = 0
            OR a.schema_name IN (SELECT json_array_elements_text({schemas}::json)))
) e
WHERE e.place <= {most}

-- name: prune
-- Forget what is older than so many days, and all but so many rows.
DELETE FROM {history}.ddl_audit
WHERE at < now() - make_interval(days => {days})
    OR number <= (SELECT max(number) FROM {history}.ddl_audit) - {rows}
