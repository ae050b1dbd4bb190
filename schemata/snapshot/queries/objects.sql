-- name: schemas
-- The schemas themselves. Schema public belongs to the server's default owner where nobody changed that.
SELECT json_build_array('schema', n.oid, 0, n.nspname, '', n.nspname, json_strip_nulls(json_build_object(
    'owner', CASE WHEN n.nspname = 'public'
        THEN CASE WHEN n.nspowner <> coalesce((SELECT oid FROM pg_roles WHERE rolname = 'pg_database_owner'
            AND current_setting('server_version_num')::int >= 150000), 10)
            THEN CASE WHEN n.nspowner = {deployer} THEN '(deployer)' ELSE pg_get_userbyid(n.nspowner) END END
        WHEN n.nspowner <> {deployer} THEN pg_get_userbyid(n.nspowner) END)))
FROM pg_namespace n
WHERE {chosen}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_namespace'::regclass AND d.objid = n.oid)

-- name: types
-- Enums, domains, composite, range, base and shell types; not the row types of tables, arrays and multiranges.
SELECT json_build_array(
    CASE WHEN NOT y.typisdefined THEN 'shell type' ELSE CASE y.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain'
        WHEN 'c' THEN 'composite type' WHEN 'r' THEN 'range type' ELSE 'base type' END END,
    y.oid, 0, n.nspname, '', y.typname,
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN y.typowner <> {deployer} THEN pg_get_userbyid(y.typowner) END,
        'labels', CASE WHEN y.typtype = 'e' THEN
            (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = y.oid) END,
        'type', CASE WHEN y.typtype = 'd' THEN format_type(y.typbasetype, y.typtypmod) END,
        'collation', CASE WHEN y.typtype = 'd' AND y.typcollation <> b.typcollation
            OR y.typtype = 'b' AND y.typcollation <> 0 THEN y.typcollation::regcollation::text END,
        'not null', CASE WHEN y.typnotnull THEN 'yes' END,
        'default', CASE WHEN y.typtype IN ('d', 'b') THEN
            coalesce(pg_get_expr(y.typdefaultbin, 0), y.typdefault) END,
        'subtype', (SELECT concat_ws(', ', concat('SUBTYPE = ', format_type(r.rngsubtype, NULL)),
                CASE WHEN NOT o.opcdefault THEN concat('SUBTYPE_OPCLASS = ', quote_ident(s.nspname), '.',
                    quote_ident(o.opcname)) END,
                CASE WHEN r.rngcollation <> u.typcollation THEN concat('COLLATION = ', r.rngcollation::regcollation) END,
                CASE WHEN r.rngcanonical <> 0 THEN concat('CANONICAL = ', r.rngcanonical) END,
                CASE WHEN r.rngsubdiff <> 0 THEN concat('SUBTYPE_DIFF = ', r.rngsubdiff) END)
            FROM pg_range r JOIN pg_opclass o ON o.oid = r.rngsubopc JOIN pg_namespace s ON s.oid = o.opcnamespace
            JOIN pg_type u ON u.oid = r.rngsubtype WHERE r.rngtypid = y.oid),
        'multirange', (SELECT r.rngmultitypid::regtype::text FROM pg_range r WHERE r.rngtypid = y.oid),
        'definition', CASE WHEN y.typtype = 'b' AND y.typisdefined THEN concat_ws(', ',
            concat('INPUT = ', y.typinput), concat('OUTPUT = ', y.typoutput),
            CASE WHEN y.typreceive <> 0 THEN concat('RECEIVE = ', y.typreceive) END,
            CASE WHEN y.typsend <> 0 THEN concat('SEND = ', y.typsend) END,
            CASE WHEN y.typmodin <> 0 THEN concat('TYPMOD_IN = ', y.typmodin) END,
            CASE WHEN y.typmodout <> 0 THEN concat('TYPMOD_OUT = ', y.typmodout) END,
            CASE WHEN y.typanalyze <> 0 THEN concat('ANALYZE = ', y.typanalyze) END,
            CASE WHEN y.typsubscript <> 0 THEN concat('SUBSCRIPT = ', y.typsubscript) END,
            concat('INTERNALLENGTH = ', coalesce(nullif(y.typlen, -1)::text, 'VARIABLE')),
            CASE WHEN y.typbyval THEN 'PASSEDBYVALUE' END,
            concat('ALIGNMENT = ', CASE y.typalign WHEN 'c' THEN 'char' WHEN 's' THEN 'int2' WHEN 'i' THEN 'int4'
                ELSE 'double' END),
            concat('STORAGE = ', CASE y.typstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main'
                ELSE 'extended' END),
            concat('CATEGORY = ', quote_literal(y.typcategory::text)), CASE WHEN y.typispreferred THEN 'PREFERRED = true' END,
            CASE WHEN y.typelem <> 0 THEN concat('ELEMENT = ', format_type(y.typelem, NULL)) END,
            concat('DELIMITER = ', quote_literal(y.typdelim::text))) END)))
FROM pg_type y
JOIN pg_namespace n ON n.oid = y.typnamespace
LEFT JOIN pg_type b ON b.oid = y.typbasetype
WHERE {chosen}
    AND (y.typtype IN ('e', 'd', 'r') OR y.typtype = 'p' AND NOT y.typisdefined
        OR y.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = y.typrelid AND c.relkind = 'c')
        OR y.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = y.typelem AND e.typarray = y.oid))
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_type'::regclass AND d.objid = y.oid)

-- name: attributes
-- The attributes of composite types.
SELECT json_build_array(
    'attribute', a.attrelid, a.attnum, n.nspname, c.relname, a.attname,
    json_strip_nulls(json_build_object(
        'type', format_type(a.atttypid, a.atttypmod),
        'collation', CASE WHEN a.attcollation <> y.typcollation THEN a.attcollation::regcollation::text END)))
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type y ON y.oid = a.atttypid
WHERE {chosen} AND c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_type'::regclass AND d.objid = c.reltype)
ORDER BY a.attrelid, a.attnum

-- name: functions
-- Functions and procedures, but not the constructors that a range type brings with it. The definition begins
-- after the name.
SELECT json_build_array(
    CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
    p.oid, 0, n.nspname, '', concat(quote_ident(p.proname), '(', oidvectortypes(p.proargtypes), ')'),
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN p.proowner <> {deployer} THEN pg_get_userbyid(p.proowner) END,
        -- A checkout on Windows gives the same file other line breaks, and its body with it.
        'definition', replace(right(pg_get_functiondef(p.oid), -length(concat('CREATE OR REPLACE ',
            CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END,
            quote_ident(n.nspname), '.', quote_ident(p.proname)))), E'\r\n', E'\n'))))
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {chosen} AND p.prokind IN ('f', 'p', 'w')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        AND (d.deptype = 'i' OR d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass))

-- name: aggregates
-- Aggregate functions.
SELECT json_build_array(
    'aggregate', p.oid, 0, n.nspname, '', concat(quote_ident(p.proname), '(', oidvectortypes(p.proargtypes), ')'),
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN p.proowner <> {deployer} THEN pg_get_userbyid(p.proowner) END,
        'arguments', pg_get_function_arguments(p.oid),
        'returns', pg_get_function_result(p.oid),
        'kind', CASE a.aggkind WHEN 'o' THEN 'ordered-set' WHEN 'h' THEN 'hypothetical-set' END,
        'parallel', CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' END,
        'definition', concat_ws(', ',
            concat('SFUNC = ', a.aggtransfn), concat('STYPE = ', format_type(a.aggtranstype, NULL)),
            CASE WHEN a.aggtransspace <> 0 THEN concat('SSPACE = ', a.aggtransspace) END,
            CASE WHEN a.aggfinalfn <> 0 THEN concat('FINALFUNC = ', a.aggfinalfn) END,
            CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
            concat('FINALFUNC_MODIFY = ', CASE a.aggfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE'
                ELSE 'READ_WRITE' END),
            CASE WHEN a.aggcombinefn <> 0 THEN concat('COMBINEFUNC = ', a.aggcombinefn) END,
            CASE WHEN a.aggserialfn <> 0 THEN concat('SERIALFUNC = ', a.aggserialfn) END,
            CASE WHEN a.aggdeserialfn <> 0 THEN concat('DESERIALFUNC = ', a.aggdeserialfn) END,
            'INITCOND = ' || quote_literal(a.agginitval),
            CASE WHEN a.aggmtransfn <> 0 THEN concat_ws(', ', concat('MSFUNC = ', a.aggmtransfn),
                concat('MINVFUNC = ', a.aggminvtransfn), concat('MSTYPE = ', format_type(a.aggmtranstype, NULL)),
                concat('MSSPACE = ', a.aggmtransspace),
                CASE WHEN a.aggmfinalfn <> 0 THEN concat('MFINALFUNC = ', a.aggmfinalfn) END,
                CASE WHEN a.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END,
                concat('MFINALFUNC_MODIFY = ', CASE a.aggmfinalmodify WHEN 'r' THEN 'READ_ONLY'
                    WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END),
                'MINITCOND = ' || quote_literal(a.aggminitval)) END,
            (SELECT concat('SORTOP = OPERATOR(', quote_ident(m.nspname), '.', o.oprname, ')')
                FROM pg_operator o JOIN pg_namespace m ON m.oid = o.oprnamespace WHERE o.oid = a.aggsortop)))))
FROM pg_proc p
JOIN pg_aggregate a ON a.aggfnoid = p.oid
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {chosen}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass)

-- name: operators
-- Operators, but not the shells that a commutator or negator is until it is made.
SELECT json_build_array(
    'operator', o.oid, 0, n.nspname, '', concat(o.oprname, ' (', coalesce(nullif(o.oprleft, 0)::regtype::text, 'NONE'),
        ', ', coalesce(nullif(o.oprright, 0)::regtype::text, 'NONE'), ')'),
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN o.oprowner <> {deployer} THEN pg_get_userbyid(o.oprowner) END,
        'function', o.oprcode::regprocedure::text,
        'returns', format_type(o.oprresult, NULL),
        'commutator', CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoperator::text END,
        'negator', CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoperator::text END,
        'restrict', CASE WHEN o.oprrest <> 0 THEN o.oprrest::regprocedure::text END,
        'join', CASE WHEN o.oprjoin <> 0 THEN o.oprjoin::regprocedure::text END,
        'merges', CASE WHEN o.oprcanmerge THEN 'yes' END,
        'hashes', CASE WHEN o.oprcanhash THEN 'yes' END)))
FROM pg_operator o
JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE {chosen} AND o.oprcode <> 0
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_operator'::regclass AND d.objid = o.oid)

-- name: operator_families
-- Operator families with everything that is in them, also by way of a class.
SELECT json_build_array(
    'operator family', f.oid, 0, n.nspname, '', concat(quote_ident(f.opfname), ' using ', m.amname),
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN f.opfowner <> {deployer} THEN pg_get_userbyid(f.opfowner) END,
        'operators', (SELECT json_agg(concat('OPERATOR ', o.amopstrategy, ' ', o.amopopr::regoperator,
                (SELECT concat(' FOR ORDER BY ', quote_ident(h.nspname), '.', quote_ident(s.opfname))
                    FROM pg_opfamily s JOIN pg_namespace h ON h.oid = s.opfnamespace WHERE s.oid = o.amopsortfamily))
                ORDER BY o.amopstrategy, o.amoplefttype::regtype::text COLLATE "C",
                    o.amoprighttype::regtype::text COLLATE "C")
            FROM pg_amop o WHERE o.amopfamily = f.oid),
        'functions', (SELECT json_agg(concat('FUNCTION ', r.amprocnum, ' (', format_type(r.amproclefttype, NULL), ', ',
                format_type(r.amprocrighttype, NULL), ') ', r.amproc::regprocedure)
                ORDER BY r.amprocnum, r.amproclefttype::regtype::text COLLATE "C",
                    r.amprocrighttype::regtype::text COLLATE "C")
            FROM pg_amproc r WHERE r.amprocfamily = f.oid))))
FROM pg_opfamily f
JOIN pg_am m ON m.oid = f.opfmethod
JOIN pg_namespace n ON n.oid = f.opfnamespace
WHERE {chosen}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_opfamily'::regclass AND d.objid = f.oid)

-- name: operator_classes
-- Operator classes; what is in one is told with its family.
SELECT json_build_array(
    'operator class', o.oid, 0, n.nspname, '', concat(quote_ident(o.opcname), ' using ', m.amname),
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN o.opcowner <> {deployer} THEN pg_get_userbyid(o.opcowner) END,
        'type', format_type(o.opcintype, NULL),
        'default', CASE WHEN o.opcdefault THEN 'yes' END,
        'family', concat(quote_ident(s.nspname), '.', quote_ident(f.opfname)),
        'storage type', CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END,
        'members', (SELECT json_agg(m.text ORDER BY m.text COLLATE "C") FROM (
            SELECT d.refobjid AS class, concat('OPERATOR ', p.amopstrategy, ' ', p.amopopr::regoperator,
                (SELECT concat(' FOR ORDER BY ', quote_ident(h.nspname), '.', quote_ident(s.opfname))
                    FROM pg_opfamily s JOIN pg_namespace h ON h.oid = s.opfnamespace
                    WHERE s.oid = p.amopsortfamily)) AS text
            FROM pg_amop p JOIN pg_depend d ON d.classid = 'pg_amop'::regclass AND d.objid = p.oid
                AND d.refclassid = 'pg_opclass'::regclass
            UNION ALL
            SELECT d.refobjid, concat('FUNCTION ', r.amprocnum, ' (', format_type(r.amproclefttype, NULL), ', ',
                format_type(r.amprocrighttype, NULL), ') ', r.amproc::regprocedure)
            FROM pg_amproc r JOIN pg_depend d ON d.classid = 'pg_amproc'::regclass AND d.objid = r.oid
                AND d.refclassid = 'pg_opclass'::regclass) m WHERE m.class = o.oid))))
FROM pg_opclass o
JOIN pg_am m ON m.oid = o.opcmethod
JOIN pg_namespace n ON n.oid = o.opcnamespace
JOIN pg_opfamily f ON f.oid = o.opcfamily
JOIN pg_namespace s ON s.oid = f.opfnamespace
WHERE {chosen}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_opclass'::regclass AND d.objid = o.oid)

-- name: collations
-- Collations, in the columns of any version: 14 has no provider's locale of its own, 15 and 16 call it another name.
SELECT json_build_array(
    'collation', c.oid, 0, n.nspname, '', c.collname,
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN c.collowner <> {deployer} THEN pg_get_userbyid(c.collowner) END,
        'provider', CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'default' END,
        'locale', coalesce(j ->> 'colllocale', j ->> 'colliculocale', nullif(c.collcollate, '')),
        'ctype', CASE WHEN c.collctype <> c.collcollate THEN c.collctype END,
        'rules', j ->> 'collicurules',
        'deterministic', CASE WHEN NOT c.collisdeterministic THEN 'no' END)))
FROM pg_collation c
JOIN pg_namespace n ON n.oid = c.collnamespace
CROSS JOIN LATERAL to_jsonb(c) j
WHERE {chosen}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_collation'::regclass AND d.objid = c.oid)

-- name: conversions
-- Conversions between encodings.
SELECT json_build_array(
    'conversion', c.oid, 0, n.nspname, '', c.conname,
    json_strip_nulls(json_build_object(
        'owner', CASE WHEN c.conowner <> {deployer} THEN pg_get_userbyid(c.conowner) END,
        'definition', concat(pg_encoding_to_char(c.conforencoding), ' to ', pg_encoding_to_char(c.contoencoding),
            ' by ', c.conproc::regprocedure),
        'default', CASE WHEN c.condefault THEN 'yes' END)))
FROM pg_conversion c
JOIN pg_namespace n ON n.oid = c.connamespace
WHERE {chosen}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = 'pg_conversion'::regclass AND d.objid = c.oid)

-- name: text_search
-- Text search parsers, templates, dictionaries and configurations.
SELECT json_build_array(t.kind, t.oid, 0, n.nspname, '', t.name, json_strip_nulls(t.facts))
FROM (
    SELECT 'text search parser' AS kind, 'pg_ts_parser'::regclass AS class, p.oid, p.prsnamespace AS schema,
        p.prsname AS name, json_build_object('definition', concat_ws(', ', concat('START = ', p.prsstart),
            concat('GETTOKEN = ', p.prstoken), concat('END = ', p.prsend),
            CASE WHEN p.prsheadline <> 0 THEN concat('HEADLINE = ', p.prsheadline) END,
            concat('LEXTYPES = ', p.prslextype))) AS facts
    FROM pg_ts_parser p
    UNION ALL
    SELECT 'text search template', 'pg_ts_template'::regclass, t.oid, t.tmplnamespace, t.tmplname,
        json_build_object('definition', concat_ws(', ',
            CASE WHEN t.tmplinit <> 0 THEN concat('INIT = ', t.tmplinit) END, concat('LEXIZE = ', t.tmpllexize)))
    FROM pg_ts_template t
    UNION ALL
    SELECT 'text search dictionary', 'pg_ts_dict'::regclass, d.oid, d.dictnamespace, d.dictname, json_build_object(
        'owner', CASE WHEN d.dictowner <> {deployer} THEN pg_get_userbyid(d.dictowner) END,
        'template', (SELECT concat(quote_ident(s.nspname), '.', quote_ident(t.tmplname)) FROM pg_ts_template t
            JOIN pg_namespace s ON s.oid = t.tmplnamespace WHERE t.oid = d.dicttemplate),
        'initialization', d.dictinitoption)
    FROM pg_ts_dict d
    UNION ALL
    SELECT 'text search configuration', 'pg_ts_config'::regclass, c.oid, c.cfgnamespace, c.cfgname, json_build_object(
        'owner', CASE WHEN c.cfgowner <> {deployer} THEN pg_get_userbyid(c.cfgowner) END,
        'parser', (SELECT concat(quote_ident(s.nspname), '.', quote_ident(p.prsname)) FROM pg_ts_parser p
            JOIN pg_namespace s ON s.oid = p.prsnamespace WHERE p.oid = c.cfgparser),
        'mappings', (SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C") FROM (
            SELECT concat(k.alias, ': ', string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno)) AS line
            FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) k ON k.tokid = m.maptokentype
            WHERE m.mapcfg = c.oid GROUP BY k.alias) maps))
    FROM pg_ts_config c
) t
JOIN pg_namespace n ON n.oid = t.schema
WHERE {chosen}
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        AND d.classid = t.class AND d.objid = t.oid)
