-- name: mark
-- A quick sum over the rows of the catalog that make up the structure: it moves with each of their changes
-- (and with some that change nothing, such as GRANT), so equal means that the structure is untouched.
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
)
SELECT concat(count(*), ' ', sum(hashtextextended(key, 0))) FROM rows
