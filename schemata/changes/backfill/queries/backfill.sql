-- name: table
-- What a table is: kind, rows as the planner knows them (a partitioned one has those of its partitions), whether other
-- tables inherit from it, and its unique indexes. No row where there is none of that name.
SELECT json_build_object(
    'kind', c.relkind,
    'rows', (SELECT coalesce(sum(greatest(p.reltuples, 0)), 0)::bigint FROM pg_partition_tree(c.oid) t
        JOIN pg_class p ON p.oid = t.relid WHERE t.isleaf),
    'inherited', c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid),
    'indexes', coalesce((
        SELECT json_agg(json_build_object(
            'name', x.relname, 'primary', i.indisprimary, 'valid', i.indisvalid AND i.indisready,
            'method', m.amname, 'partial', i.indpred IS NOT NULL, 'expressions', i.indexprs IS NOT NULL,
            'columns', (
                SELECT coalesce(json_agg(json_build_object(
                    'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
                    'is_time', y.typcategory = 'D', 'option', i.indoption[k.place - 1],
                    'default_order', o.opcdefault AND i.indcollation[k.place - 1] = a.attcollation,
                    'operators', (
                        SELECT n.nspname FROM pg_amop s
                        JOIN pg_operator g ON g.oid = s.amopopr
                        JOIN pg_namespace n ON n.oid = g.oprnamespace
                        WHERE s.amopfamily = o.opcfamily AND s.amopstrategy = 5
                            AND s.amoplefttype = o.opcintype AND s.amoprighttype = o.opcintype)
                    ) ORDER BY k.place), '[]')
                FROM generate_series(1, i.indnkeyatts) k(place)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.place - 1]
                JOIN pg_type y ON y.oid = a.atttypid
                JOIN pg_opclass o ON o.oid = i.indclass[k.place - 1])))
        FROM pg_index i
        JOIN pg_class x ON x.oid = i.indexrelid
        JOIN pg_am m ON m.oid = x.relam
        WHERE i.indrelid = c.oid AND i.indisunique), '[]'))::text
FROM pg_class c
JOIN pg_namespace s ON s.oid = c.relnamespace
WHERE s.nspname = {schema} AND c.relname = {table}

-- name: lag
-- Replicas that are further behind than {seconds} seconds, and how far; NULL where this role may not see it.
SELECT application_name, extract(epoch FROM replay_lag)::text, (state IS NULL)::text
FROM pg_stat_replication
WHERE state IS NULL OR replay_lag > make_interval(secs => {seconds})
ORDER BY replay_lag DESC NULLS LAST

-- name: load
-- How many other sessions are active in the whole server, and of how many this role may not see whether they are.
SELECT count(*) FILTER (WHERE state = 'active')::text, count(*) FILTER (WHERE state IS NULL)::text
FROM pg_stat_activity
WHERE backend_type IS NOT DISTINCT FROM 'client backend' AND pid <> pg_backend_pid()
