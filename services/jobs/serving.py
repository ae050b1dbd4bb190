"""A worker as a service: the loop, and beside it `/health` and `/ready`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp

from schemata import readiness as judging
from services import database, serving
from services.jobs import worker
from services.web import answers, readiness


def main(name: str, queue: str, handlers: Mapping[str, worker.Handler], given_up: Mapping[str, worker.GivenUp]) -> int:
    """Work through a queue until a signal comes; return the exit code."""
    stopping = asyncio.Event()
    return serving.main(name, lambda: _make(name, queue, handlers, given_up, stopping), stopping)


def _make(
    name: str,
    queue: str,
    handlers: Mapping[str, worker.Handler],
    given_up: Mapping[str, worker.GivenUp],
    stopping: asyncio.Event,
) -> ASGIApp:
    build = judging.build()
    settings = database.settings(name, build.last)
    ready = readiness.Readiness(build, settings)
    works = worker.Worker(queue, handlers, given_up, settings, ready, stopping)

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        running = asyncio.create_task(works.run())
        # A mistake in the loop ends the process: what started it starts it again.
        running.add_done_callback(_end_of_the_loop)
        yield
        stopping.set()
        await asyncio.wait({running}, timeout=worker.GRACE + 0.5)
        running.cancel()
        await ready.close()

    return answers.guarded(Starlette(routes=answers.Life(ready).routes(), lifespan=lifespan))


def _end_of_the_loop(running: "asyncio.Task[None]") -> None:
    if not running.cancelled() and running.exception() is not None:
        serving.fail("the worker's loop ended", running.exception())
