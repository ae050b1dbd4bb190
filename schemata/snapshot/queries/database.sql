-- name: meta
-- Who and where we are, the schemas of the database, and the role that deploys: the owner of the history's schema,
-- else who is going to be that, else the owner of the database.
SELECT json_build_object(
    'database', current_database(), 'version', current_setting('server_version'),
    'number', current_setting('server_version_num')::int,
    'pages', pg_relation_size('pg_catalog.pg_class') / current_setting('block_size')::int,
    'subscription', (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = 'pg_subscription'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'subconninfo'),
    'namespaces', (SELECT json_object_agg(nspname, oid::text) FROM pg_namespace),
    'deployer', d.owner, 'deployer_name', pg_get_userbyid(d.owner),
    'schemas', (SELECT coalesce(json_agg(nspname ORDER BY nspname COLLATE "C"), '[]') FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', {history})))::text
FROM (SELECT coalesce(
    (SELECT nspowner FROM pg_namespace WHERE nspname = {history}),
    (SELECT oid FROM pg_roles WHERE rolname = {deployer}),
    (SELECT datdba FROM pg_database WHERE datname = current_database())) AS owner) d

-- name: present
-- Of which kinds, by the query that reads them, somebody made any: most databases have few of them, and each query costs a
-- session that has just begun some milliseconds. What the server has from its birth has an oid below 16384.
SELECT json_build_object(
    'types', EXISTS (SELECT FROM pg_type y WHERE y.oid >= 16384 AND (y.typtype IN ('e', 'd', 'r')
            OR y.typtype = 'p' AND NOT y.typisdefined OR y.typtype = 'b' AND NOT (y.typelem <> 0 AND EXISTS
                (SELECT FROM pg_type e WHERE e.oid = y.typelem AND e.typarray = y.oid))))
        OR EXISTS (SELECT FROM pg_class WHERE relkind = 'c' AND oid >= 16384),
    'attributes', EXISTS (SELECT FROM pg_class WHERE relkind = 'c' AND oid >= 16384),
    'not_nulls', EXISTS (SELECT FROM pg_type WHERE typtype = 'd' AND oid >= 16384),
    'aggregates', EXISTS (SELECT FROM pg_aggregate WHERE aggfnoid::oid >= 16384),
    'operators', EXISTS (SELECT FROM pg_operator WHERE oid >= 16384),
    'operator_families', EXISTS (SELECT FROM pg_opfamily WHERE oid >= 16384),
    'operator_classes', EXISTS (SELECT FROM pg_opclass WHERE oid >= 16384),
    'collations', EXISTS (SELECT FROM pg_collation WHERE oid >= 16384),
    'conversions', EXISTS (SELECT FROM pg_conversion WHERE oid >= 16384),
    'rules', EXISTS (SELECT FROM pg_rewrite WHERE oid >= 16384),
    'policies', EXISTS (SELECT FROM pg_policy),
    'statistics', EXISTS (SELECT FROM pg_statistic_ext),
    'text_search', EXISTS (SELECT FROM pg_ts_config WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_ts_dict WHERE oid >= 16384) OR EXISTS (SELECT FROM pg_ts_parser WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_ts_template WHERE oid >= 16384),
    'others', EXISTS (SELECT FROM pg_language WHERE oid >= 16384) OR EXISTS (SELECT FROM pg_am WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_cast WHERE oid >= 16384) OR EXISTS (SELECT FROM pg_transform WHERE oid >= 16384)
        OR EXISTS (SELECT FROM pg_foreign_data_wrapper) OR EXISTS (SELECT FROM pg_event_trigger)
        OR EXISTS (SELECT FROM pg_publication) OR EXISTS (SELECT oid FROM pg_subscription))

-- name: extensions
-- Extensions, also one that every database has from its birth: it can be dropped.
SELECT json_build_array('extension', e.oid, 0, '', '', e.extname,
    json_build_object('schema', n.nspname, 'version', e.extversion))
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace

-- name: others
-- What belongs to no schema: languages, access methods, casts, transforms, foreign data, event triggers, publications,
-- subscriptions. What the server had from its birth has an oid below 16384; the cast of a range to its multirange comes
-- with the range.
SELECT json_build_array(o.kind, o.oid, 0, '', '', o.name, json_strip_nulls(o.facts), o.class::oid)
FROM (
    SELECT 'language' AS kind, 'pg_language'::regclass AS class, l.oid, l.lanname::text AS name, json_build_object(
        'owner', CASE WHEN l.lanowner <> {deployer} THEN pg_get_userbyid(l.lanowner) END,
        'trusted', CASE WHEN l.lanpltrusted THEN 'yes' END,
        'handler', CASE WHEN l.lanplcallfoid <> 0 THEN l.lanplcallfoid::regprocedure::text END,
        'inline', CASE WHEN l.laninline <> 0 THEN l.laninline::regprocedure::text END,
        'validator', CASE WHEN l.lanvalidator <> 0 THEN l.lanvalidator::regprocedure::text END) AS facts
    FROM pg_language l WHERE l.lanispl
    UNION ALL
    SELECT 'access method', 'pg_am'::regclass, a.oid, a.amname, json_build_object(
        'type', CASE a.amtype WHEN 'i' THEN 'index' ELSE 'table' END, 'handler', a.amhandler::text)
    FROM pg_am a
    UNION ALL
    SELECT 'cast', 'pg_cast'::regclass, c.oid,
        concat(format_type(c.castsource, NULL), ' AS ', format_type(c.casttarget, NULL)), json_build_object(
        'method', CASE c.castmethod WHEN 'f' THEN concat('function ', c.castfunc::regprocedure) WHEN 'i' THEN 'inout'
            ELSE 'without function' END,
        'context', CASE c.castcontext WHEN 'e' THEN 'explicit' WHEN 'a' THEN 'assignment' ELSE 'implicit' END)
    FROM pg_cast c
    UNION ALL
    SELECT 'transform', 'pg_transform'::regclass, t.oid,
        concat('for ', format_type(t.trftype, NULL), ' language ', l.lanname), json_build_object(
        'from sql', CASE WHEN t.trffromsql <> 0 THEN t.trffromsql::regprocedure::text END,
        'to sql', CASE WHEN t.trftosql <> 0 THEN t.trftosql::regprocedure::text END)
    FROM pg_transform t JOIN pg_language l ON l.oid = t.trflang
    UNION ALL
    SELECT 'foreign data wrapper', 'pg_foreign_data_wrapper'::regclass, w.oid, w.fdwname, json_build_object(
        'owner', CASE WHEN w.fdwowner <> {deployer} THEN pg_get_userbyid(w.fdwowner) END,
        'handler', CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::regprocedure::text END,
        'validator', CASE WHEN w.fdwvalidator <> 0 THEN w.fdwvalidator::regprocedure::text END,
        'foreign options', to_json(w.fdwoptions))
    FROM pg_foreign_data_wrapper w
    UNION ALL
    SELECT 'server', 'pg_foreign_server'::regclass, s.oid, s.srvname, json_build_object(
        'owner', CASE WHEN s.srvowner <> {deployer} THEN pg_get_userbyid(s.srvowner) END,
        'wrapper', quote_ident(w.fdwname), 'type', s.srvtype, 'version', s.srvversion,
        'foreign options', to_json(s.srvoptions))
    FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
    UNION ALL
    -- What is in an option of a mapping may be a password: a hash of it is enough to tell whether it differs.
    SELECT 'user mapping', 'pg_user_mapping'::regclass, m.umid,
        concat('for ', CASE WHEN m.umuser = 0 THEN 'public' WHEN m.umuser = {deployer} THEN '(deployer)'
            ELSE m.usename::text END, ' server ', m.srvname), json_build_object(
        'options', (SELECT string_agg(concat(split_part(o, '=', 1), '=', CASE WHEN split_part(o, '=', 1) = 'user'
                THEN substr(o, 6) ELSE concat('hidden ', left(md5(concat(m.srvname, o)), 8)) END), ', '
                ORDER BY o COLLATE "C") FROM unnest(m.umoptions) o))
    FROM pg_user_mappings m
    UNION ALL
    SELECT 'event trigger', 'pg_event_trigger'::regclass, e.oid, e.evtname, json_build_object(
        'owner', CASE WHEN e.evtowner <> {deployer} THEN pg_get_userbyid(e.evtowner) END,
        'event', e.evtevent,
        'tags', (SELECT string_agg(t, ', ' ORDER BY t COLLATE "C") FROM unnest(e.evttags) t),
        'function', e.evtfoid::regprocedure::text,
        'enabled', CASE e.evtenabled WHEN 'D' THEN 'no' WHEN 'R' THEN 'replica' WHEN 'A' THEN 'always' END)
    FROM pg_event_trigger e
    -- The audit's belong to the history, as their function does.
    WHERE NOT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.oid = e.evtfoid AND n.nspname = {history})
    UNION ALL
    SELECT 'subscription', 'pg_subscription'::regclass, s.oid, s.subname, json_build_object(
        'owner', CASE WHEN s.subowner <> {deployer} THEN pg_get_userbyid(s.subowner) END,
        'publications', (SELECT string_agg(quote_ident(p), ', ' ORDER BY p COLLATE "C") FROM unnest(s.subpublications) p),
        'slot', s.subslotname, 'synchronous commit', nullif(s.subsynccommit, 'off'),
        'binary', CASE WHEN s.subbinary THEN 'yes' END,
        -- Since PostgreSQL 18 parallel is the default, before it is off.
        'streaming', nullif(CASE s.substream::text WHEN 'p' THEN 'parallel' WHEN 't' THEN 'on' WHEN 'true' THEN 'on'
            ELSE 'off' END, CASE WHEN current_setting('server_version_num')::int >= 180000 THEN 'parallel' ELSE 'off' END),
        'two phase', nullif(to_jsonb(s) ->> 'subtwophasestate', 'd'),
        'disable on error', nullif(to_jsonb(s) ->> 'subdisableonerr', 'false'),
        'password required', nullif(to_jsonb(s) ->> 'subpasswordrequired', 'true'),
        'run as owner', nullif(to_jsonb(s) ->> 'subrunasowner', 'false'),
        'origin', nullif(to_jsonb(s) ->> 'suborigin', 'any'),
        'failover', nullif(to_jsonb(s) ->> 'subfailover', 'false'))
    FROM (SELECT {subscription} FROM pg_subscription
        WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())) s
    UNION ALL
    SELECT 'publication', 'pg_publication'::regclass, p.oid, p.pubname, json_build_object(
        'owner', CASE WHEN p.pubowner <> {deployer} THEN pg_get_userbyid(p.pubowner) END,
        'for', CASE WHEN p.puballtables THEN 'all tables' END,
        'publishes', concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
            CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END),
        'via root', CASE WHEN p.pubviaroot THEN 'yes' END,
        'generated columns', nullif(nullif(to_jsonb(p) ->> 'pubgencols', 'n'), 'false'),
        'tables', (SELECT string_agg(concat(r.prrelid::regclass{publication_filters}), E'\n'
                ORDER BY r.prrelid::regclass::text COLLATE "C")
            FROM pg_publication_rel r WHERE r.prpubid = p.oid),
        'schemas', {publication_schemas})
    FROM pg_publication p
) o
WHERE o.oid >= 16384
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid
        AND (d.deptype = 'i' OR d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass))

-- name: default_privileges
-- ALTER DEFAULT PRIVILEGES, by role, schema and kind of object.
SELECT json_build_array(d.oid, coalesce(n.nspname, ''), concat('for ',
    CASE WHEN d.defaclrole = {deployer} THEN '(deployer)' ELSE pg_get_userbyid(d.defaclrole)::text END, ' on ',
    CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
        WHEN 'n' THEN 'schemas' WHEN 'L' THEN 'large objects' ELSE d.defaclobjtype::text END))
FROM pg_default_acl d
LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
WHERE d.defaclnamespace = 0 OR {chosen}

-- name: settings
-- ALTER DATABASE … SET and ALTER ROLE … IN DATABASE … SET.
SELECT json_build_array(
    concat_ws(' ', CASE WHEN s.setrole = {deployer} THEN 'role (deployer)'
        WHEN s.setrole <> 0 THEN concat('role ', pg_get_userbyid(s.setrole)) END,
        CASE WHEN s.setdatabase <> 0 THEN 'in this database' END),
    to_json(s.setconfig))
FROM pg_db_role_setting s
WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: publication_schemas
-- From PostgreSQL 15 on, a part of the publications' query.
(SELECT string_agg(quote_ident(m.nspname), ', ' ORDER BY m.nspname COLLATE "C")
    FROM pg_publication_namespace r JOIN pg_namespace m ON m.oid = r.pnnspid WHERE r.pnpubid = p.oid)

-- name: publication_filters
-- From PostgreSQL 15 on, a part of the publications' query: the columns and the rows of a table.
, (SELECT concat(' (', string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), ')')
    FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs) HAVING count(*) > 0),
' where ' || pg_get_expr(r.prqual, r.prrelid)
