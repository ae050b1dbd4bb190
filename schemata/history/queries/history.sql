-- name: create
-- The history of all schemas. The first four tables are yoyo's own layout (its version 2), so that
-- plain `yoyo list` reads the same history; hash is the SHA-256 of the id, as yoyo defines it.
-- They exist already where plain yoyo migrated the database before; and any of these may, where some were dropped.
CREATE SCHEMA IF NOT EXISTS {history};

CREATE TABLE IF NOT EXISTS {history}._yoyo_migration (
    migration_hash varchar(64) PRIMARY KEY,
    migration_id varchar(255),
    applied_at_utc timestamp
);
CREATE TABLE IF NOT EXISTS {history}._yoyo_log (
    id varchar(36) PRIMARY KEY,
    migration_hash varchar(64),
    migration_id varchar(255),
    operation varchar(10),
    username varchar(255),
    hostname varchar(255),
    comment varchar(255),
    created_at_utc timestamp
);
CREATE TABLE IF NOT EXISTS {history}._yoyo_version (
    version int PRIMARY KEY,
    installed_at_utc timestamp
);
INSERT INTO {history}._yoyo_version (version, installed_at_utc)
    SELECT 2, now() AT TIME ZONE 'utc' WHERE NOT EXISTS (SELECT FROM {history}._yoyo_version);
CREATE TABLE IF NOT EXISTS {history}.yoyo_lock (
    locked int PRIMARY KEY DEFAULT 1,
    ctime timestamp,
    pid int NOT NULL
);

CREATE TABLE IF NOT EXISTS {history}.attempts (
    attempt bigint GENERATED ALWAYS AS IDENTITY,
    migration_id text NOT NULL,
    schema_name text NOT NULL,
    direction text NOT NULL,
    state text NOT NULL,
    transactional boolean NOT NULL,
    checksum text NOT NULL,
    fingerprint text,
    applied_sql text,
    statement_count integer,
    statements_done integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    duration_ms double precision,
    backend_pid integer DEFAULT pg_backend_pid(),
    backend_start timestamptz,
    client_host text,
    client_user text,
    client_application text,
    structure_before jsonb,
    structure_after jsonb,
    error_sqlstate text,
    error_line integer,
    error_message text,
    CONSTRAINT attempts_pkey PRIMARY KEY (attempt),
    CONSTRAINT attempts_direction_known CHECK (direction IN ('apply', 'rollback')),
    CONSTRAINT attempts_state_known CHECK (
        state IN ('running', 'applied', 'failed', 'interrupted', 'rolled back', 'baselined', 'resolved')
    )
);
CREATE INDEX IF NOT EXISTS attempts_migration_id_attempt ON {history}.attempts (migration_id, attempt DESC);
COMMENT ON TABLE {history}.attempts IS 'Each try at each migration, with the SQL that ran and how it ended.';
COMMENT ON COLUMN {history}.attempts.state IS
    'running -> applied | failed | interrupted; baselined and resolved: recorded without running.';
COMMENT ON COLUMN {history}.attempts.statements_done IS
    'Statements of a non-transactional migration that are known to be finished.';

CREATE TABLE IF NOT EXISTS {history}.head (
    one boolean PRIMARY KEY DEFAULT true,
    digest text NOT NULL,
    applied integer NOT NULL,
    last_id text,
    structure jsonb,
    structure_mark text,
    compatible text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT head_is_one_row CHECK (one)
);
COMMENT ON TABLE {history}.head IS
    'One row that says what is applied: the answer to the only question that an up-to-date boot asks.';
INSERT INTO {history}.head (one, digest, applied, updated_at)
    SELECT true, repeat('0', 64), 0, now() WHERE NOT EXISTS (SELECT FROM {history}.head);
COMMENT ON SCHEMA {history} IS 'The history of migrations of every schema (pgschemata).';

-- name: layout
-- Which tables of the history are there, with their columns and primary keys.
SELECT coalesce(json_object_agg(c.relname, json_build_array(
    c.relkind,
    (SELECT coalesce(json_object_agg(a.attname, json_build_array(
            format_type(a.atttypid, a.atttypmod), a.atthasdef OR a.attidentity <> '')), '{{}}')
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    (SELECT coalesce(json_agg(a.attname), '[]')
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary))), '{{}}')::text
FROM pg_class c
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = {schema})
    AND c.relname IN ({names}) AND c.relkind NOT IN ('i', 'I', 't', 'S', 'c')

-- name: comment
-- The comment on the history's schema, which tells our tables from those of a plain yoyo where only yoyo's are left.
SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = {schema}

-- name: read
-- Everything that is recorded, as one JSON document. `gone` are the migrations without a row in `_yoyo_migration` of
-- which the attempts or yoyo's log say that they were applied or undone, each with the last that they say.
SELECT json_build_object(
    'head', (SELECT json_build_array(digest, applied, last_id, structure, structure_mark, compatible) FROM {head} h LIMIT 1),
    'heads', (SELECT count(*) FROM {head} h),
    'versions', (SELECT count(*) FROM {version} v),
    'records', (
        SELECT coalesce(json_agg(json_build_array(
            m.migration_id, to_char(m.applied_at_utc, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            a.checksum, a.state, a.attempt, a.duration_ms) ORDER BY m.applied_at_utc, a.attempt), '[]')
        FROM {migrated} m
        LEFT JOIN (
            SELECT DISTINCT ON (migration_id) migration_id, checksum, state, attempt, duration_ms
            FROM {attempts} t
            WHERE direction = 'apply' AND state IN ('applied', 'baselined', 'resolved')
            ORDER BY migration_id, attempt DESC
        ) a ON a.migration_id = m.migration_id
        WHERE m.migration_id IS NOT NULL
    ),
    'gone', (
        SELECT coalesce(json_agg(json_build_array(
            coalesce(a.migration_id, l.migration_id), a.state, extract(epoch FROM a.at), a.checksum, a.attempt,
            a.duration_ms, to_char(a.at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            l.operation, extract(epoch FROM l.at AT TIME ZONE 'utc'))
            ORDER BY coalesce(a.migration_id, l.migration_id)), '[]')
        FROM (
            SELECT DISTINCT ON (migration_id) migration_id, checksum, attempt, duration_ms,
                coalesce(finished_at, started_at) AS at, CASE WHEN direction = 'apply' THEN state ELSE 'undone' END AS state
            FROM {attempts} t
            WHERE ((direction = 'apply' AND state IN ('applied', 'baselined', 'resolved')) OR state = 'rolled back')
                AND NOT EXISTS (SELECT FROM {migrated} m WHERE m.migration_id = t.migration_id)
            ORDER BY migration_id, attempt DESC
        ) a
        FULL JOIN (
            SELECT DISTINCT ON (migration_id) migration_id, operation, created_at_utc AS at
            FROM {log} t
            WHERE operation IN ('apply', 'mark', 'rollback', 'unmark')
                AND NOT EXISTS (SELECT FROM {migrated} m WHERE m.migration_id = t.migration_id)
            ORDER BY migration_id, created_at_utc DESC NULLS LAST
        ) l ON l.migration_id = a.migration_id
        WHERE coalesce(a.migration_id, l.migration_id) IS NOT NULL
    ),
    'open', (
        SELECT coalesce(json_agg(json_build_array(
            l.migration_id, l.attempt, l.state, l.direction, l.checksum, l.statement_count, l.statements_done,
            to_char(l.started_at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            l.client_host, l.error_sqlstate, l.error_line, l.error_message, l.structure_before, l.applied_sql, l.backend_pid)
            ORDER BY l.attempt), '[]')
        FROM (
            SELECT DISTINCT ON (migration_id) *
            FROM {attempts} t
            ORDER BY migration_id, attempt DESC
        ) l
        WHERE NOT l.transactional AND l.state IN ('running', 'failed', 'interrupted') AND l.migration_id IS NOT NULL
    ),
    'drift', (
        SELECT coalesce(json_agg(json_build_array(
            d.schema_name, d.expected, d.actual,
            to_char(d.noticed_at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), d.noticed_before,
            to_char(d.accepted_at AT TIME ZONE 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), d.accepted_by, d.reason)
            ORDER BY d.number), '[]')
        FROM {drift} d
        WHERE d.settled_at IS NULL AND d.schema_name IS NOT NULL
    ),
    'squashed', (SELECT coalesce(json_agg(s.migration_id ORDER BY s.migration_id), '[]') FROM {squashed} s),
    'yoyo_lock', (SELECT json_build_array(pid, ctime) FROM {lock} y LIMIT 1),
    'standby', pg_is_in_recovery()
)::text

-- name: applied_sql
-- The text that ran, for the ids given as one JSON array.
SELECT coalesce(json_object_agg(migration_id, applied_sql), '{{}}')::text
FROM (
    SELECT DISTINCT ON (migration_id) migration_id, applied_sql
    FROM {history}.attempts
    WHERE direction = 'apply' AND state IN ('applied', 'baselined', 'resolved')
        AND migration_id IN (SELECT json_array_elements_text({ids}::json))
    ORDER BY migration_id, attempt DESC
) a

-- name: unmoved
-- Fails with a division by zero when the head is not what the plan was made from.
SELECT 1 / count(*) FROM {history}.head WHERE digest = {digest}

-- name: record_apply
-- The rows of one applied migration, in the transaction that applied it. Fails (division by zero) when
-- the head is not what this deployer read under the lock: then somebody else moved it.
WITH moved AS (
    UPDATE {history}.head
    SET digest = {digest_after}, applied = applied + 1, last_id = {last_id}, compatible = {compatible},
        structure = NULL, updated_at = now()
    WHERE digest = {digest_before}
    RETURNING one
), marked AS (
    INSERT INTO {history}._yoyo_migration (migration_hash, migration_id, applied_at_utc)
    SELECT {yoyo_hash}, {id}, clock_timestamp() AT TIME ZONE 'utc' FROM moved
    RETURNING migration_id
), logged AS (
    INSERT INTO {history}._yoyo_log
        (id, migration_hash, migration_id, operation, username, hostname, comment, created_at_utc)
    SELECT gen_random_uuid()::text, {yoyo_hash}, {id}, {yoyo_operation}, {user}, {host}, {comment},
        clock_timestamp() AT TIME ZONE 'utc'
    FROM moved
), attempted AS (
{attempt}
)
SELECT 1 / (SELECT count(*) FROM moved), (SELECT duration_ms FROM attempted)

-- name: new_attempt
-- The row of a transactional try that succeeded, or of one that is recorded without running. It began when
-- the prologue noted the time: now() is that of the message, which may hold several transactions.
INSERT INTO {history}.attempts (
    migration_id, schema_name, direction, state, transactional, checksum, fingerprint, applied_sql,
    statement_count, statements_done, started_at, finished_at, duration_ms,
    client_host, client_user, client_application)
SELECT {id}, {schema}, 'apply', {state}, {transactional}, {checksum}, {fingerprint}, {sql},
    {statement_count}, {statement_count}, t.began, clock_timestamp(),
    extract(epoch FROM clock_timestamp() - t.began) * 1000,
    {host}, {user}, current_setting('application_name')
FROM moved,
    (SELECT coalesce(nullif(current_setting('schemata.began', true), '')::timestamptz, now()) AS began) t
RETURNING duration_ms

-- name: finish_attempt
-- The end of a non-transactional try that succeeded.
UPDATE {history}.attempts a
SET state = {state}, statements_done = statement_count, finished_at = clock_timestamp(),
    duration_ms = extract(epoch FROM clock_timestamp() - a.started_at) * 1000
FROM moved
WHERE a.attempt = {attempt_number}
RETURNING a.duration_ms

-- name: record_rollback
-- The rows of one rolled back migration, in the transaction that rolled it back.
WITH moved AS (
    UPDATE {history}.head
    SET digest = {digest_after}, applied = applied - 1, last_id = {last_id}, compatible = {compatible},
        structure = NULL, updated_at = now()
    WHERE digest = {digest_before}
    RETURNING one
), unmarked AS (
    DELETE FROM {history}._yoyo_migration WHERE migration_hash = {yoyo_hash} AND EXISTS (SELECT 1 FROM moved)
), logged AS (
    INSERT INTO {history}._yoyo_log
        (id, migration_hash, migration_id, operation, username, hostname, comment, created_at_utc)
    SELECT gen_random_uuid()::text, {yoyo_hash}, {id}, {yoyo_operation}, {user}, {host}, NULL,
        clock_timestamp() AT TIME ZONE 'utc'
    FROM moved
), attempted AS (
{attempt}
)
SELECT 1 / count(*) FROM moved

-- name: new_rollback
-- The row of a transactional rollback.
INSERT INTO {history}.attempts (
    migration_id, schema_name, direction, state, transactional, checksum, applied_sql,
    started_at, finished_at, duration_ms, client_host, client_user, client_application)
SELECT {id}, {schema}, 'rollback', 'rolled back', {transactional}, {checksum}, {sql},
    now(), clock_timestamp(), extract(epoch FROM clock_timestamp() - now()) * 1000,
    {host}, {user}, current_setting('application_name')
FROM moved

-- name: start_attempt
-- The row that says a non-transactional migration is about to run; committed before it does. From here until it
-- ends well the structure is not what was noted, so no boot takes the database for up to date.
WITH unsettled AS (
    UPDATE {history}.head SET structure = NULL
)
INSERT INTO {history}.attempts (
    migration_id, schema_name, direction, state, transactional, checksum, fingerprint, applied_sql,
    statement_count, statements_done, backend_start, client_host, client_user, client_application,
    structure_before)
SELECT {id}, {schema}, {direction}, 'running', false, {checksum}, {fingerprint}, {sql},
    {statement_count}, {statements_done},
    (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()),
    {host}, {user}, current_setting('application_name'), {structure}::jsonb
RETURNING attempt

-- name: progress
-- A statement of a non-transactional file is done; in its own transaction where it can have one.
UPDATE {history}.attempts SET statements_done = {statements_done} WHERE attempt = {attempt_number}

-- name: end_attempt
-- How a try ended that did not succeed. A signal may come when the record was just committed: that one stays.
UPDATE {history}.attempts
SET state = {state}, finished_at = clock_timestamp(),
    duration_ms = extract(epoch FROM clock_timestamp() - started_at) * 1000,
    error_sqlstate = {sqlstate}, error_line = {line}, error_message = {message}
WHERE attempt = {attempt_number} AND state = 'running'

-- name: failed_attempt
-- A transactional try that left nothing behind but this row; none where a signal came just after its COMMIT.
INSERT INTO {history}.attempts (
    migration_id, schema_name, direction, state, transactional, checksum, fingerprint, applied_sql,
    finished_at, duration_ms, client_host, client_user, client_application,
    error_sqlstate, error_line, error_message)
SELECT {id}, {schema}, {direction}, {state}, true, {checksum}, {fingerprint}, {sql},
    clock_timestamp(), {duration_ms}, {host}, {user}, current_setting('application_name'),
    {sqlstate}, {line}, {message}
WHERE EXISTS (SELECT FROM {history}._yoyo_migration WHERE migration_id = {id}) = ({direction} = 'rollback')

-- name: adopt
-- The checksum of a migration that another tool recorded; the head is made true again afterwards.
INSERT INTO {history}.attempts (
    migration_id, schema_name, direction, state, transactional, checksum, applied_sql,
    finished_at, client_host, client_user, client_application)
VALUES ({id}, {schema}, 'apply', 'baselined', {transactional}, {checksum}, {sql},
    clock_timestamp(), {host}, {user}, current_setting('application_name'))

-- name: dated
-- When migrations were applied that are recorded without running, for ids and times given as one JSON object.
WITH told AS (
    SELECT key AS id, value::timestamptz AS at FROM json_each_text({times}::json)
), marked AS (
    UPDATE {history}._yoyo_migration m SET applied_at_utc = t.at AT TIME ZONE 'utc' FROM told t WHERE m.migration_id = t.id
)
UPDATE {history}.attempts a SET started_at = t.at, finished_at = t.at, duration_ms = 0
FROM told t WHERE a.migration_id = t.id AND a.state = 'baselined'

-- name: resolve_rolled_back
-- The try is over and counts for nothing: the migration is pending again from its first statement.
UPDATE {history}.attempts SET state = 'rolled back', finished_at = coalesce(finished_at, clock_timestamp())
WHERE migration_id = {id} AND NOT transactional AND state IN ('running', 'failed', 'interrupted')

-- name: set_structure
-- What the structure is after a run, so that drift can be told later.
WITH noted AS (
    UPDATE {history}.attempts SET structure_after = {structure}::jsonb
    WHERE attempt = (SELECT max(attempt) FROM {history}.attempts WHERE state IN ('applied', 'rolled back'))
)
UPDATE {history}.head SET structure = {structure}::jsonb, structure_mark = {mark}

-- name: repair_head
-- Make the summing row agree with the rows that it sums up. The structure that it remembers stays.
DELETE FROM {history}.head WHERE ctid <> (SELECT min(ctid) FROM {history}.head);
UPDATE {history}.head
SET digest = {digest}, applied = {applied}, last_id = {last_id}, compatible = {compatible}, updated_at = now();
INSERT INTO {history}.head (one, digest, applied, last_id)
    SELECT true, {digest}, {applied}, {last_id} WHERE NOT EXISTS (SELECT FROM {history}.head)

-- name: repair_record
-- The row of an applied migration that the attempts and the head prove.
INSERT INTO {history}._yoyo_migration (migration_hash, migration_id, applied_at_utc)
SELECT {yoyo_hash}, {id}, finished_at AT TIME ZONE 'utc' FROM {history}.attempts WHERE attempt = {attempt_number}

-- name: forget
-- A person found that nothing of a migration is left whose row was removed: it counts as rolled back.
WITH logged AS (
    INSERT INTO {history}._yoyo_log
        (id, migration_hash, migration_id, operation, username, hostname, comment, created_at_utc)
    VALUES (gen_random_uuid()::text, {yoyo_hash}, {id}, 'unmark', {user}, {host}, 'resolved as rolled back',
        clock_timestamp() AT TIME ZONE 'utc')
)
INSERT INTO {history}.attempts (
    migration_id, schema_name, direction, state, transactional, checksum, finished_at,
    client_host, client_user, client_application)
VALUES ({id}, {schema}, 'rollback', 'rolled back', true, '', clock_timestamp(),
    {host}, {user}, current_setting('application_name'))
