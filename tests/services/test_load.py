"""Fifty connections at once: every request is answered, and no session is left behind at the server."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from services import pool
from tests.conftest import REPOSITORY
from tests.patience import PATIENCE, until
from tests.services import access, paging
from tests.services.conftest import SESSIONS, Service, serving

CONNECTIONS = 50
LISTS = {"financial-svc": "/clients", "trading-svc": "/orders"}
# The pool's, one for keys, one for /ready.
MOST = pool.SIZE + 2


def load(service: Service, connections: int, seconds: float) -> dict[str, float]:
    """Ask for a list over that many connections at once, from another process; return what came."""
    target = f"{service.base}{LISTS[service.name]}?limit=5"
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "load.py"), target, str(connections), str(seconds),
         f"Authorization: Bearer {access.KEY.text}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", LISTS)
def test_a_load_leaves_nothing_behind(name: str, platform: str, tmp_path: Path) -> None:
    """No answer is 5xx, sessions stay within the pool and do not grow from load to load, and a stop ends them all."""
    paging.seed(platform, 200)
    with serving(tmp_path, name, platform) as service, psycopg.connect(platform, autocommit=True) as observer:

        def sessions(which: str = "") -> int:
            row = observer.execute(f"{SESSIONS} {which}".encode(), (name,)).fetchone()
            assert row is not None
            return int(row[0])

        before = sessions()
        assert before <= 1
        # A few first: a session is opened in its own time, and a request waits two seconds for one.
        load(service, pool.SIZE, 0.3)
        after = []
        for _ in range(2):
            found = load(service, CONNECTIONS, 1.0)
            assert found["requests"] >= CONNECTIONS
            assert found["failed"] == 0, service.said()
            until(lambda: not sessions("AND state <> 'idle'"), "no session at work")
            after.append(sessions())
        assert before < after[0] <= MOST
        assert after[1] == after[0]
        assert "status=5" not in service.said()
        service.process.terminate()
        assert service.ends() == 0
        until(lambda: sessions() == 0, "no session left")
