-- name: extension
-- The schema of the extension in this database, or NULL; what the server preloads, where this role may know; whether the
-- extension could be made; what is collected, NULL where the library is not loaded; what auto_explain logs.
SELECT json_build_array(
    (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_stat_statements'),
    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'shared_preload_libraries'),
    (SELECT count(*) > 0 FROM pg_catalog.pg_available_extensions WHERE name = 'pg_stat_statements'),
    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'pg_stat_statements.track'),
    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'auto_explain.log_min_duration'))

-- name: statements
-- What was counted for one database, a document a row: which columns there are depends on the extension's version.
SELECT coalesce(json_agg(to_jsonb(s) || jsonb_build_object('role', pg_get_userbyid(s.userid))), '[]')::text
FROM {schema}.pg_stat_statements s
WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = {database})

-- name: moments
-- When the counts were last reset, how often rows were thrown out for want of room, when the server started, and now.
SELECT json_build_array(
    (SELECT stats_reset FROM {schema}.pg_stat_statements_info),
    (SELECT dealloc FROM {schema}.pg_stat_statements_info),
    pg_postmaster_start_time(), now())

-- name: sessions
-- Which application sent a statement last, of the sessions of one database that this role may see.
SELECT coalesce(json_agg(json_build_array(a.query_id::text, a.application_name)), '[]')::text
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = {database} AND a.query_id IS NOT NULL AND a.application_name NOT IN ('', 'schemata')
