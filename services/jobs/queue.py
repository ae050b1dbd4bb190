"""The queue in public.jobs, as statements: what each does to a job, in one transaction of the caller's.

The table's checks say which states a row may have; migrations/public/*create_jobs.sql has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg.types import json


@dataclass(frozen=True)
class Job:
    """Work to be queued.

    :param unique: two unfinished jobs of a queue never share it; queueing the second one does nothing.
    """

    queue: str
    kind: str
    payload: Mapping[str, Any]
    unique: str | None = None


@dataclass(frozen=True)
class Claimed:
    """A job that this worker runs. `attempt` tells it from the same job, run again by somebody else."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    attempt: int
    most: int


#: Arguments: `arguments(job)`.
ENQUEUE: Final = """
INSERT INTO public.jobs (queue, kind, payload, unique_key)
VALUES (%(queue)s, %(kind)s, %(payload)s, %(unique)s)
ON CONFLICT (queue, unique_key) WHERE state IN ('queued', 'running') AND unique_key IS NOT NULL DO NOTHING
"""


def arguments(job: Job) -> dict[str, Any]:
    """Return the arguments of ENQUEUE."""
    return {"queue": job.queue, "kind": job.kind, "payload": json.Jsonb(dict(job.payload)), "unique": job.unique}


#: Take the next job that is due, of a kind that this build knows: an older worker leaves a newer job to others.
#: `=` and not IN: the subquery must run once. A job whose attempts are used up is left to FAIL_SPENT.
CLAIM: Final = """
UPDATE public.jobs
SET state = 'running', attempts = attempts + 1, locked_by = %(worker)s, locked_at = now(), heartbeat_at = now()
WHERE id = (
    SELECT id FROM public.jobs
    WHERE queue = %(queue)s AND state = 'queued' AND run_at <= now()
        AND attempts < max_attempts AND kind = ANY(%(kinds)s)
    ORDER BY priority DESC, run_at, id
    FOR UPDATE SKIP LOCKED
    LIMIT 1
)
RETURNING id, kind, payload, attempts AS attempt, max_attempts AS most
"""

_MINE: Final = "id = %(id)s AND state = 'running' AND locked_by = %(worker)s AND attempts = %(attempt)s"

#: Say that the job is still at work. No row: it belongs to another worker now.
HEARTBEAT: Final = f"UPDATE public.jobs SET heartbeat_at = greatest(now(), locked_at) WHERE {_MINE} RETURNING id"

#: In the transaction of the work itself: both are done, or neither. No row: another worker has it now, roll back.
SUCCEED: Final = f"""
UPDATE public.jobs
SET state = 'succeeded', finished_at = now(), last_error = NULL, locked_by = NULL, locked_at = NULL, heartbeat_at = NULL
WHERE {_MINE}
RETURNING id
"""

#: The attempt failed: queue it again for later, or give it up when it was the last one, or hopeless.
FAIL: Final = f"""
UPDATE public.jobs
SET state = CASE WHEN %(hopeless)s OR attempts >= max_attempts THEN 'failed' ELSE 'queued' END,
    finished_at = CASE WHEN %(hopeless)s OR attempts >= max_attempts THEN now() END,
    run_at = now() + make_interval(secs => %(delay)s),
    last_error = %(error)s, locked_by = NULL, locked_at = NULL, heartbeat_at = NULL
WHERE {_MINE}
RETURNING id, kind, payload, attempts AS attempt, state
"""

#: Somebody else's lock is in the way: queue the job again as if it had not been claimed, for later. The attempt does
#: not count, for it is not the job's fault; so the pause grows with the job's age.
DEFER: Final = f"""
UPDATE public.jobs
SET state = 'queued', attempts = attempts - 1, last_error = %(error)s,
    run_at = now() + (0.8 + 0.4 * random()) * make_interval(
        secs => least(%(cap)s, greatest(1, extract(epoch FROM now() - created_at)::float8 / 2))
    ),
    locked_by = NULL, locked_at = NULL, heartbeat_at = NULL
WHERE {_MINE}
RETURNING id
"""

#: The worker stops: queue the job again as if it had not been claimed.
GIVE_BACK: Final = f"""
UPDATE public.jobs
SET state = 'queued', attempts = attempts - 1, locked_by = NULL, locked_at = NULL, heartbeat_at = NULL
WHERE {_MINE}
RETURNING id
"""

#: Queue again one job that nobody works at any more: its heartbeat stopped, or (`worker` given) it was this worker's
#: before it lost its connection. A lost attempt counts, so that a job that kills its worker ends some day; that of a
#: kind which this build does not know is failed by one that does, and knows what else has to be done then.
#: `skipped`: ids that were tried already. One at a time, so that one that somebody has locked holds up no other.
SWEEP: Final = """
UPDATE public.jobs
SET state = CASE WHEN attempts >= max_attempts THEN 'failed' ELSE 'queued' END,
    finished_at = CASE WHEN attempts >= max_attempts THEN now() END,
    last_error = 'lost: no sign of life from ' || locked_by || ' since ' || heartbeat_at,
    locked_by = NULL, locked_at = NULL, heartbeat_at = NULL
WHERE id = (
    SELECT id FROM public.jobs
    WHERE queue = %(queue)s AND state = 'running'
        AND (heartbeat_at < now() - make_interval(secs => %(lost_after)s) OR locked_by = %(worker)s)
        AND (attempts < max_attempts OR kind = ANY(%(kinds)s)) AND id <> ALL(%(skipped)s)
    ORDER BY id
    FOR UPDATE SKIP LOCKED
    LIMIT 1
)
RETURNING id, kind, payload, attempts AS attempt, state
"""

#: A job that somebody queued with all its attempts used up would be claimed never, and wait for ever. One, like SWEEP.
FAIL_SPENT: Final = """
UPDATE public.jobs
SET state = 'failed', finished_at = now(), last_error = coalesce(last_error, 'queued without an attempt left')
WHERE id = (
    SELECT id FROM public.jobs
    WHERE queue = %(queue)s AND state = 'queued' AND attempts >= max_attempts
        AND kind = ANY(%(kinds)s) AND id <> ALL(%(skipped)s)
    ORDER BY id
    FOR UPDATE SKIP LOCKED
    LIMIT 1
)
RETURNING id, kind, payload, attempts AS attempt, state
"""

#: Forget finished jobs after their time, some at once.
PURGE: Final = """
DELETE FROM public.jobs
WHERE id IN (
    SELECT id FROM public.jobs
    WHERE finished_at < now() - make_interval(secs => %(seconds)s)
    ORDER BY finished_at
    FOR UPDATE SKIP LOCKED
    LIMIT 1000
)
"""
