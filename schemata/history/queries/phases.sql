-- name: create
-- What is known of changes beside which of their migrations are applied: made when there is something to know.
CREATE TABLE IF NOT EXISTS {history}.phases (
    change text PRIMARY KEY,
    straight boolean NOT NULL DEFAULT false,
    keep_until timestamptz
);
COMMENT ON TABLE {history}.phases IS 'Changes in phases: those that go straight through, and how long what is set aside is kept.'

-- name: share
-- Roles that read the history go on reading all of it, since the table came later.
DO $share$ BEGIN
    EXECUTE coalesce((SELECT string_agg(format('GRANT SELECT ON {history}.phases TO %s',
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), '; ')
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = '{history}.head'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner),
        'SELECT 1');
END $share$

-- name: exists
-- Whether there is the table.
SELECT (to_regclass({table}) IS NOT NULL)::text

-- name: read
-- The changes that go straight through, and until when what is set aside is kept.
SELECT change, straight::text, to_char(keep_until AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM {history}.phases
WHERE straight OR keep_until > clock_timestamp()

-- name: straight
-- Note changes that go straight through: if the run is interrupted, the next one goes on so.
INSERT INTO {history}.phases (change, straight)
SELECT json_array_elements_text({changes}::json), true
ON CONFLICT (change) DO UPDATE SET straight = true

-- name: keep
-- Keep what a contract has set aside for so many seconds.
INSERT INTO {history}.phases (change, keep_until)
VALUES ({change}, clock_timestamp() + {seconds} * interval '1 second')
ON CONFLICT (change) DO UPDATE SET keep_until = excluded.keep_until

-- name: forget
-- Nothing is known of a change any longer: it begins from the start.
DELETE FROM {history}.phases WHERE change = {change}

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
