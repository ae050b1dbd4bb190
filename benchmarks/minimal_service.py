"""The limit for a service: the same SQL on the same framework and server, with nothing around it."""

import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import fastapi
import psycopg_pool
import uvicorn

_QUERY = (
    "SELECT id, name, kind, status, email, country, tax_number, created_by, created_at, updated_at"
    " FROM financial.clients ORDER BY created_at DESC, id DESC LIMIT %s"
)
_POOL = psycopg_pool.AsyncConnectionPool(
    os.environ["DATABASE_URL"],
    min_size=1,
    max_size=8,
    kwargs={"autocommit": True, "prepare_threshold": None},
    open=False,
)


@contextlib.asynccontextmanager
async def lifespan(_: fastapi.FastAPI) -> AsyncIterator[None]:
    """Connect for as long as it serves."""
    async with _POOL:
        yield


APP = fastapi.FastAPI(lifespan=lifespan)


@APP.get("/clients")
async def clients(limit: int) -> Any:
    """Return the first rows."""
    async with _POOL.connection() as connection:
        cursor = await connection.execute(_QUERY, (limit + 1,))
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
    return fastapi.Response(json.dumps({"items": rows[:limit]}, default=str), media_type="application/json")


@APP.get("/health")
async def health() -> Any:
    """Answer."""
    return {"status": "alive"}


if __name__ == "__main__":
    uvicorn.run(APP, port=int(os.environ["PORT"]), log_level="error", access_log=False)
