-- name: create
-- What is known of changes beside which of their migrations are applied: how far their backfills are, which go straight
-- through, until when what a contract set aside is kept. A history of which nobody has asked for it has no such table.
-- In a block, because a role that owns nothing of the history may write into it, and may not make or comment on it.
DO $create$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'changes'
            AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})) THEN
        CREATE TABLE {history}.changes (
            change text NOT NULL,
            migration_id text,
            checksum text,
            expand_attempt bigint,
            key_columns text[],
            last_key text[],
            max_key text[],
            rows bigint NOT NULL DEFAULT 0,
            batches bigint NOT NULL DEFAULT 0,
            total_estimate bigint,
            started_at timestamptz,
            updated_at timestamptz,
            runner text,
            finished_at timestamptz,
            straight boolean NOT NULL DEFAULT false,
            keep_until timestamptz,
            CONSTRAINT changes_pkey PRIMARY KEY (change)
        );
        COMMENT ON TABLE {history}.changes IS
            'How far the backfills of changes are (inv change-backfill), and until when a change can be undone.';
        -- Roles that read the history go on reading all of it.
        EXECUTE coalesce((SELECT string_agg(format('GRANT SELECT ON {history}.changes TO %s',
                CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), '; ')
            FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid = '{history}.head'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner),
            'SELECT 1');
    END IF;
END $create$

-- name: exists
-- Whether there is such a table.
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relname = 'changes')::text

-- name: read
-- The changes that go straight through, and until when what is set aside is kept.
SELECT change, straight::text, to_char(keep_until AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM {history}.changes
WHERE straight OR keep_until > clock_timestamp()

-- name: straight
-- Note changes that go straight through: if the run is interrupted, the next one goes on so.
INSERT INTO {history}.changes (change, straight)
SELECT json_array_elements_text({changes}::json), true
ON CONFLICT (change) DO UPDATE SET straight = true

-- name: keep
-- Keep what a contract has set aside for so many seconds.
INSERT INTO {history}.changes (change, keep_until)
VALUES ({change}, clock_timestamp() + {seconds} * interval '1 second')
ON CONFLICT (change) DO UPDATE SET keep_until = excluded.keep_until

-- name: forget
-- Nothing is known of a change any longer: it begins from the start.
DELETE FROM {history}.changes WHERE change = {change}

-- name: sessions
-- The other sessions of this database that have a name or a role to be judged by.
SELECT pid::text, coalesce(usename, ''), application_name, coalesce(host(client_addr), ''), coalesce(state, ''),
    to_char(backend_start AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
ORDER BY backend_start, pid

-- name: ask_to_stop
-- Builds that lack the newest migrations find themselves no longer: their replicas are not ready.
UPDATE {history}.head SET compatible = NULL

-- name: let_go_on
-- As before, unless something was applied meanwhile.
UPDATE {history}.head SET compatible = {compatible} WHERE compatible IS NULL AND digest = {digest}
