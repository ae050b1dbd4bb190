-- name: mark
-- A quick sum over the rows of the catalog that make up the structure: it moves with each of their changes (and with
-- some that change nothing), so equal means that the structure is untouched. What an ordinary role may not read is left
-- out: options of user mappings, and of a subscription what has been added since PostgreSQL 14.
WITH chosen AS (
    SELECT oid FROM pg_namespace WHERE nspname IN ({schemas})
), classes AS (
    SELECT oid, xmin FROM pg_class WHERE relnamespace IN (SELECT oid FROM chosen)
), rows(key) AS (
    SELECT concat('c', oid, ' ', xmin) FROM classes
    UNION ALL SELECT concat('a', attrelid, ' ', attnum, ' ', a.xmin) FROM pg_attribute a
        JOIN classes c ON c.oid = a.attrelid AND a.attnum > 0
    UNION ALL SELECT concat('d', d.oid, ' ', d.xmin) FROM pg_attrdef d JOIN classes c ON c.oid = d.adrelid
    UNION ALL SELECT concat('i', indexrelid, ' ', i.xmin) FROM pg_index i JOIN classes c ON c.oid = i.indexrelid
    UNION ALL SELECT concat('g', t.oid, ' ', t.xmin) FROM pg_trigger t JOIN classes c ON c.oid = t.tgrelid
    UNION ALL SELECT concat('r', r.oid, ' ', r.xmin) FROM pg_rewrite r JOIN classes c ON c.oid = r.ev_class
    UNION ALL SELECT concat('p', p.oid, ' ', p.xmin) FROM pg_policy p JOIN classes c ON c.oid = p.polrelid
    UNION ALL SELECT concat('s', seqrelid, ' ', s.xmin) FROM pg_sequence s JOIN classes c ON c.oid = s.seqrelid
    UNION ALL SELECT concat('k', oid, ' ', xmin) FROM pg_constraint WHERE connamespace IN (SELECT oid FROM chosen)
    UNION ALL SELECT concat('f', oid, ' ', xmin) FROM pg_proc WHERE pronamespace IN (SELECT oid FROM chosen)
    UNION ALL SELECT concat('t', oid, ' ', xmin) FROM pg_type WHERE typnamespace IN (SELECT oid FROM chosen)
    UNION ALL SELECT concat('e', e.oid, ' ', e.xmin) FROM pg_enum e
        JOIN pg_type t ON t.oid = e.enumtypid WHERE t.typnamespace IN (SELECT oid FROM chosen)
    UNION ALL SELECT concat('n', oid, ' ', xmin) FROM pg_namespace WHERE oid IN (SELECT oid FROM chosen)
    UNION ALL SELECT concat('h', inhrelid, ' ', inhparent, ' ', inhseqno, ' ', i.xmin) FROM pg_inherits i
        JOIN classes c ON c.oid = i.inhrelid
    -- The rest is small in any database, and a change in a schema that is not chosen costs no more than a full look.
    UNION ALL SELECT concat('z', classoid, ' ', objoid, ' ', objsubid, ' ', xmin) FROM pg_description
        WHERE objoid >= 16384 OR objoid = 2200
    UNION ALL SELECT concat('l', classoid, ' ', objoid, ' ', objsubid, ' ', xmin) FROM pg_seclabel
    UNION ALL SELECT concat('u', oid, ' ', xmin) FROM pg_default_acl
    UNION ALL SELECT concat('x', oid, ' ', xmin) FROM pg_extension
    UNION ALL SELECT concat('q', oid, ' ', xmin) FROM pg_statistic_ext
    UNION ALL SELECT concat('o', oid, ' ', xmin) FROM pg_operator WHERE oid >= 16384
    UNION ALL SELECT concat('oc', oid, ' ', xmin) FROM pg_opclass WHERE oid >= 16384
    UNION ALL SELECT concat('of', oid, ' ', xmin) FROM pg_opfamily WHERE oid >= 16384
    UNION ALL SELECT concat('oa', oid, ' ', xmin) FROM pg_amop WHERE oid >= 16384
    UNION ALL SELECT concat('ob', oid, ' ', xmin) FROM pg_amproc WHERE oid >= 16384
    UNION ALL SELECT concat('fa', aggfnoid::oid, ' ', xmin) FROM pg_aggregate WHERE aggfnoid::oid >= 16384
    UNION ALL SELECT concat('w', oid, ' ', xmin) FROM pg_cast WHERE oid >= 16384
    UNION ALL SELECT concat('wt', oid, ' ', xmin) FROM pg_transform
    UNION ALL SELECT concat('ro', oid, ' ', xmin) FROM pg_collation WHERE oid >= 16384
    UNION ALL SELECT concat('rc', oid, ' ', xmin) FROM pg_conversion WHERE oid >= 16384
    UNION ALL SELECT concat('sp', oid, ' ', xmin) FROM pg_ts_parser WHERE oid >= 16384
    UNION ALL SELECT concat('st', oid, ' ', xmin) FROM pg_ts_template WHERE oid >= 16384
    UNION ALL SELECT concat('sd', oid, ' ', xmin) FROM pg_ts_dict WHERE oid >= 16384
    UNION ALL SELECT concat('sc', oid, ' ', xmin) FROM pg_ts_config WHERE oid >= 16384
    UNION ALL SELECT concat('sm', mapcfg, ' ', maptokentype, ' ', mapseqno, ' ', xmin) FROM pg_ts_config_map
        WHERE mapcfg >= 16384
    UNION ALL SELECT concat('fw', oid, ' ', xmin) FROM pg_foreign_data_wrapper
    UNION ALL SELECT concat('fs', oid, ' ', xmin) FROM pg_foreign_server
    UNION ALL SELECT concat('ft', ftrelid, ' ', xmin) FROM pg_foreign_table
    UNION ALL SELECT concat('pl', oid, ' ', xmin) FROM pg_language WHERE lanispl
    UNION ALL SELECT concat('am', oid, ' ', xmin) FROM pg_am WHERE oid >= 16384
    UNION ALL SELECT concat('pb', oid, ' ', xmin) FROM pg_publication
    UNION ALL SELECT concat('pr', oid, ' ', xmin) FROM pg_publication_rel
    UNION ALL SELECT concat('et', oid, ' ', xmin) FROM pg_event_trigger
    -- No table of it up to 14, which would refuse its name: each of its rows has one here, under its catalog's number.
    UNION ALL SELECT concat('pn', objid, ' ', refobjid, ' ', xmin) FROM pg_depend WHERE classid = 6237
    UNION ALL SELECT concat('um', umid, ' ', srvid, ' ', umuser) FROM pg_user_mappings
    UNION ALL SELECT concat('su', oid, ' ', subname, ' ', subowner, ' ', subenabled, ' ', subbinary, ' ', substream, ' ',
        subslotname, ' ', subsynccommit, ' ', subpublications) FROM pg_subscription
        WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    -- Privileges on what is of the system or of an extension, in whatever schema.
    UNION ALL SELECT concat('vc', oid, ' ', xmin) FROM pg_class WHERE relacl IS NOT NULL
    UNION ALL SELECT concat('va', attrelid, ' ', attnum, ' ', xmin) FROM pg_attribute WHERE attacl IS NOT NULL
    UNION ALL SELECT concat('vf', oid, ' ', xmin) FROM pg_proc WHERE proacl IS NOT NULL
    UNION ALL SELECT concat('vt', oid, ' ', xmin) FROM pg_type WHERE typacl IS NOT NULL
    UNION ALL SELECT concat('vn', oid, ' ', xmin) FROM pg_namespace WHERE nspacl IS NOT NULL
    UNION ALL SELECT concat('db', setdatabase, ' ', setrole, ' ', xmin) FROM pg_db_role_setting
)
SELECT concat(count(*), ' ', sum(hashtextextended(key, 0))) FROM rows
