"""PgBouncer in front of a server, for the time of a block."""

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import ports
from tests.patience import until


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


@contextlib.contextmanager
def running(folder: Path, url: str, mode: str, size: int) -> Iterator[Callable[[str], str]]:
    """Run PgBouncer with a pool of that mode and size; give a function that turns a direct URL into one through it."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not on this machine (apt-get install pgbouncer)")
    direct = urlsplit(url)
    port = ports.free_port()
    (folder / "users").write_text(f'"{direct.username}" "{direct.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={direct.hostname} port={direct.port} user={direct.username} "
        f"password={direct.password}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\n"
        f"auth_file = {folder / 'users'}\nunix_socket_dir =\ndefault_pool_size = {size}\n"
    )
    user = None
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody").pw_uid
        for path in (*folder.iterdir(), folder):
            os.chown(path, user, -1)
        for parent in Path(folder).parents:
            if parent.owner() == "root" and parent != Path("/") and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
    process = subprocess.Popen(
        [program, "-q", str(folder / "pgbouncer.ini")], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    through = f"{direct.username}:{direct.password}@127.0.0.1:{port}"
    ready = f"postgresql://{through}{direct.path}"

    def answers() -> bool:
        assert process.poll() is None, "pgbouncer ended"
        return _answers(ready)

    try:
        until(answers, "pgbouncer answers")
        yield lambda url: f"postgresql://{through}{urlsplit(url).path}"
    finally:
        process.terminate()
        process.wait(timeout=10)
