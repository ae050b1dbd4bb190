-- Create public.jobs.
--
-- The queue of the workers, made for SELECT … FOR UPDATE SKIP LOCKED: claim, heartbeat, finish. A job whose
-- heartbeat stops is queued again by whoever sweeps.
-- depends: public.20250602090000.create_set_updated_at

CREATE TABLE public.jobs (
    id bigint GENERATED ALWAYS AS IDENTITY,
    queue text NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    unique_key text,
    state text NOT NULL DEFAULT 'queued',
    priority smallint NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 5,
    locked_by text,
    locked_at timestamptz,
    heartbeat_at timestamptz,
    finished_at timestamptz,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT jobs_pkey PRIMARY KEY (id),
    CONSTRAINT jobs_queue_is_a_word CHECK (queue ~ '^[a-z][a-z0-9_]*$'),
    CONSTRAINT jobs_kind_is_dotted_words CHECK (kind ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
    CONSTRAINT jobs_payload_is_an_object CHECK (jsonb_typeof(payload) = 'object'),
    CONSTRAINT jobs_state_is_known CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT jobs_attempts_within_maximum CHECK (attempts BETWEEN 0 AND max_attempts AND max_attempts >= 1),
    CONSTRAINT jobs_lock_is_whole_or_absent
        CHECK (num_nonnulls(locked_by, locked_at, heartbeat_at) IN (0, 3)),
    CONSTRAINT jobs_locked_while_running CHECK ((state = 'running') = (locked_by IS NOT NULL)),
    CONSTRAINT jobs_running_is_an_attempt CHECK (state <> 'running' OR attempts >= 1),
    CONSTRAINT jobs_heartbeat_after_lock CHECK (heartbeat_at >= locked_at),
    CONSTRAINT jobs_finished_in_a_final_state
        CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT jobs_failure_has_a_reason CHECK (state <> 'failed' OR last_error IS NOT NULL)
)
-- Every row is updated a few times: room in the page lets a heartbeat stay in it, and dead rows must go soon.
WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

-- The claim: WHERE queue = … AND state = 'queued' AND run_at <= now() ORDER BY priority DESC, run_at, id.
CREATE INDEX idx_jobs_claim
    ON public.jobs (queue, priority DESC, run_at, id)
    WHERE state = 'queued';
-- The sweep for lost workers. Without heartbeat_at, so that a heartbeat updates no index.
CREATE INDEX idx_jobs_running
    ON public.jobs (queue, id)
    WHERE state = 'running';
-- The purge of old jobs.
CREATE INDEX idx_jobs_finished_at
    ON public.jobs (finished_at)
    WHERE finished_at IS NOT NULL;
-- The same work is not queued twice, and may be queued again once it is done.
CREATE UNIQUE INDEX idx_jobs_unique_key
    ON public.jobs (queue, unique_key)
    WHERE state IN ('queued', 'running') AND unique_key IS NOT NULL;

CREATE TRIGGER jobs_set_updated_at
    BEFORE UPDATE ON public.jobs
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

COMMENT ON TABLE public.jobs IS 'Work for the workers; claimed with FOR UPDATE SKIP LOCKED.';
COMMENT ON COLUMN public.jobs.unique_key IS
    'Two unfinished jobs of one queue never share it; NULL means no such promise.';
COMMENT ON COLUMN public.jobs.priority IS 'Higher goes first.';
COMMENT ON COLUMN public.jobs.run_at IS 'Not before this time; a retry moves it into the future.';
COMMENT ON COLUMN public.jobs.attempts IS 'Counted when the job is claimed, so that a crash counts too.';
COMMENT ON COLUMN public.jobs.locked_by IS
    'The worker that runs the job: host and process; NULL unless running.';
COMMENT ON COLUMN public.jobs.heartbeat_at IS 'Last sign of life of locked_by.';
