-- name: create
-- Which baselines are recorded because the database has all that they replace: those are in `_yoyo_migration` for
-- readers of it, and are no part of the head's digest, which is of what ran.
-- In a block, because a role that owns nothing of the history may write into it, and may not make or comment on it.
DO $create$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'squashed'
            AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})) THEN
        CREATE TABLE {history}.squashed (
            migration_id text NOT NULL,
            replaced integer NOT NULL,
            recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            CONSTRAINT squashed_pkey PRIMARY KEY (migration_id)
        );
        COMMENT ON TABLE {history}.squashed IS
            'Baselines that were recorded without running, because all that they replace had run (inv squash).';
        -- Roles that read the history go on reading all of it.
        EXECUTE coalesce((SELECT string_agg(format('GRANT SELECT ON {history}.squashed TO %s',
                CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END), '; ')
            FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid = '{history}.head'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner),
            'SELECT 1');
    END IF;
END $create$

-- name: record
-- A baseline of which the database has all that it replaces. Fails (division by zero) when the head is not what was
-- read under the lock. The structure that the head remembers stays: nothing ran.
WITH moved AS (
    UPDATE {history}.head SET applied = applied + 1, updated_at = now() WHERE digest = {digest}
    RETURNING one
), marked AS (
    INSERT INTO {history}._yoyo_migration (migration_hash, migration_id, applied_at_utc)
    SELECT {yoyo_hash}, {id}, clock_timestamp() AT TIME ZONE 'utc' FROM moved
), listed AS (
    INSERT INTO {history}.squashed (migration_id, replaced) SELECT {id}, {replaced} FROM moved
    ON CONFLICT (migration_id) DO NOTHING
), logged AS (
    INSERT INTO {history}._yoyo_log
        (id, migration_hash, migration_id, operation, username, hostname, comment, created_at_utc)
    SELECT gen_random_uuid()::text, {yoyo_hash}, {id}, 'mark', {user}, {host}, {comment},
        clock_timestamp() AT TIME ZONE 'utc'
    FROM moved
), attempted AS (
    INSERT INTO {history}.attempts (
        migration_id, schema_name, direction, state, transactional, checksum, fingerprint, applied_sql,
        finished_at, duration_ms, client_host, client_user, client_application)
    SELECT {id}, {migration_schema}, 'apply', 'baselined', {transactional}, {checksum}, {fingerprint}, {sql},
        clock_timestamp(), 0, {host}, {user}, current_setting('application_name')
    FROM moved
)
SELECT 1 / count(*) FROM moved
