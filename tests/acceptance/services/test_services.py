"""The services of a project as local processes: one table, twice is once, and nothing that is left behind.

The services here are a few lines of http.server, so that each test is quick. Who runs is asked of the system: a service
works in its project's folder.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import psutil
import psycopg
import pytest

from schemata.server.embedded import instance, server_state
from schemata.services import managed_process
from tests import ports
from tests.conftest import Project, shell_code
from tests.patience import until

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
NAMES = ("first", "second")
# What the file `mode.<name>` says is what the service does; it is looked at again with each question.
PROGRAM = """
import http.server, json, os, pathlib, signal, subprocess, sys

def mode():
    try:
        return pathlib.Path("mode." + sys.argv[1]).read_text()
    except FileNotFoundError:
        return "ready"

if mode() == "crash":
    print("using", os.environ["DATABASE_URL"])
    sys.exit("cannot import name 'left'")
if mode() == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode() == "parent":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 503 if mode() == "unready" else 200
        said = {"revision": "app.1.x"} if status == 200 else {"reason": "the cat is asleep"}
        body = json.dumps(said).encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *rest):
        print("asked", self.path, flush=True)

print("listening", flush=True)
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def working_in(folder: Path) -> dict[int, str]:
    """Return the processes that work in a folder, by their number, with their command line: the system's own word."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and os.path.samefile(process.cwd(), folder):
                found[process.pid] = " ".join(process.cmdline())
    return found


class Services:
    """A project with services, on a server that is not its own: that starts nothing but them."""

    def __init__(self, project: Project, kind: str = "external", patience: float = 30) -> None:
        self.project = project
        self.ports = dict(zip(NAMES, ports.free_ports(len(NAMES)), strict=True))
        self.configure(kind, patience)
        project.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\n", "DROP TABLE app.one;\n")
        (project.root / "program.py").write_text(PROGRAM)
        # Python does not say so of its own accord, and byte code would be a file that is left.
        project.environment["PYTHONDONTWRITEBYTECODE"] = "1"

    def configure(
        self,
        kind: str = "external",
        patience: float = 30,
        names: tuple[str, ...] = NAMES,
        code: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Declare the services."""
        text = f'[tool.schemata.server]\nkind = "{kind}"\n'
        for name in names:
            text += f'[tool.schemata.services.{name}]\ncommand = ["python", "program.py", "{name}"]\n'
            text += f"port = {self.ports[name]}\npatience = {patience}\n"
            text += f'code = ["{code[name]}"]\n' if name in code else ""
        self.project.configure(text)

    def behave(self, name: str, mode: str) -> None:
        """Say what a service does from now on."""
        (self.project.root / f"mode.{name}").write_text(mode)

    def pids(self) -> dict[str, int]:
        """Return the number of each service that runs; a service that runs twice fails the test."""
        found: dict[str, int] = {}
        for pid, line in working_in(self.project.root).items():
            if match := re.search(r"program\.py (\w+)$", line):
                assert match[1] not in found, f"{match[1]} runs twice"
                found[match[1]] = pid
        return found

    def up(self, *flags: str, code: int = 0, **extra: str) -> str:
        """Run dev-up and check how it ended; return what it printed."""
        done = self.project.inv("dev-up", *flags, **extra)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def file(self, name: str) -> Path:
        """Return the state file of a service."""
        return self.project.root / ".schemata" / "services" / f"{name}.json"


@pytest.fixture
def services(project: Project) -> Iterator[Services]:
    """Give a project of two services; none of its processes is left afterwards."""
    made = Services(project)
    yield made
    left = working_in(project.root)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _row(text: str, name: str) -> list[str]:
    (row,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
    return re.split(r"\s{2,}", row.strip())


def test_dev_up_ends_with_a_table_and_twice_changes_nothing(services: Services) -> None:
    """Each service has its state, URL, revision and time; the second time the same processes were running."""
    text = services.up()
    for name in NAMES:
        row = _row(text, name)
        assert row[:4] == [name, "ready", f"http://127.0.0.1:{services.ports[name]}", "app.1.x"]
        assert re.fullmatch(r"\d+\.\d\d s", row[4])
    assert _row(text, "PostgreSQL")[1] == "external"
    assert "external: 1 migration applied now; " in text
    before = services.pids()
    assert set(before) == set(NAMES)
    files = {name: services.file(name).read_bytes() for name in NAMES}

    done = services.project.inv("dev-up", "--json")
    facts = json.loads(done.stdout)
    assert facts["ok"]
    assert facts["revision"] == ONE
    assert facts["url"].startswith("postgresql://schemata:***@")
    assert [(item["name"], item["state"], item["was_running"]) for item in facts["services"]] == [
        (name, "ready", True) for name in NAMES
    ]
    assert _row(services.up(), "first")[1] == "was running"
    assert services.pids() == before
    assert {name: services.file(name).read_bytes() for name in NAMES} == files
    password = services.project.url.split(":")[2].split("@")[0]
    assert password not in done.stdout + done.stderr
    assert password not in "".join(path.read_text() for path in services.file("first").parent.iterdir())


def test_a_service_gets_the_database_its_port_and_a_session_of_its_own(services: Services) -> None:
    """DATABASE_URL, HOST and PORT are as declared; Ctrl-C at the terminal of dev-up does not reach a service."""
    services.up()
    pid = services.pids()["first"]
    environment = psutil.Process(pid).environ()
    assert environment["DATABASE_URL"] == services.project.url
    assert (environment["HOST"], environment["PORT"]) == ("127.0.0.1", str(services.ports["first"]))
    assert environment["SCHEMATA_ROOT"] == str(services.project.root)
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(services.project.root)
    assert os.getsid(pid) == pid != os.getsid(0)


def test_a_service_that_ends_shows_its_last_words_and_the_next_dev_up_starts_just_that(services: Services) -> None:
    """Exit code 1, the end of its log, the other stays; fixed, it is started beside the other."""
    services.behave("second", "crash")
    text = services.up(code=1)
    assert _row(text, "first")[1] == "ready"
    assert _row(text, "second")[1] == "failed"
    assert "second: it ended by itself with exit code 1. The last lines of its log:" in text
    assert "  cannot import name 'left'" in text
    assert "inv logs second" in text
    password = services.project.url.split(":")[2].split("@")[0]
    assert password not in text
    assert "  using postgresql://schemata:***@" in text
    before = services.pids()
    assert set(before) == {"first"}
    services.behave("second", "ready")
    text = services.up()
    assert _row(text, "first")[1] == "was running"
    assert _row(text, "second")[1] == "ready"
    after = services.pids()
    assert after["first"] == before["first"]
    assert set(after) == set(NAMES)


def test_a_service_that_never_is_ready_says_why_and_is_started_anew_the_next_time(services: Services) -> None:
    """Exit code 3 after its patience, with its own reason; it stays to be looked at, until the next dev-up."""
    services.configure(patience=2)
    services.behave("first", "unready")
    text = services.up(code=3)
    assert _row(text, "first")[1] == "unready"
    assert "first: not ready after 2 s: it answers 503: the cat is asleep." in text
    assert "  asked /ready" in text
    assert _row(text, "second")[1] == "ready"
    before = services.pids()
    assert "first is started again: it runs, but never became ready" in services.up(code=3)
    after = services.pids()
    assert after["first"] != before["first"]
    assert after["second"] == before["second"]
    services.behave("first", "ready")
    assert services.pids() == after
    assert _row(services.up(), "first")[1] == "was running"
    assert services.pids() == after


def test_a_service_without_a_port_is_ready_when_it_runs(services: Services) -> None:
    """It must be the command itself that lives, not the entrypoint that waits for the database, nor one that ends."""
    table = '[tool.schemata.server]\nkind = "external"\n[tool.schemata.services.quiet]\npatience = 30\n'
    services.project.configure(table + 'command = ["python", "-c", "open(\'made\', \'w\'); input()"]\n')
    text = services.up(code=1)
    assert _row(text, "quiet")[1] == "failed"
    assert "EOFError" in text
    services.project.configure(table + 'command = ["python", "-c", "__import__(\'signal\').pause()"]\n')
    text = services.up()
    assert _row(text, "quiet")[:4] == ["quiet", "ready", "-", "-"]
    (line,) = working_in(services.project.root).values()
    assert "schemata.boot" not in line
    assert _row(services.up(), "quiet")[1] == "was running"


def test_a_port_in_use_is_named_with_its_owner_before_anything_is_started(services: Services) -> None:
    """Exit code 3; no service, no state file, no migration; with another port in the environment all is well."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", services.ports["second"]))
        taken.listen()
        text = services.up(code=3)
        assert f"port {services.ports['second']}, which second is to have, is used by " in text
        assert f"(pid {os.getpid()}, user " in text
        assert "SECOND_PORT" in text
        assert services.pids() == {}
        assert not services.file("first").exists()
        with psycopg.connect(services.project.url) as connection:
            assert connection.execute("SELECT to_regnamespace('app')").fetchone() == (None,)
        (other,) = ports.free_ports(1)
        assert _row(services.up(SECOND_PORT=str(other)), "second")[2] == f"http://127.0.0.1:{other}"
    assert services.up(code=2, SECOND_PORT="lots").count("SECOND_PORT")
    text = services.up(code=2, SECOND_PORT=str(services.ports["first"]))
    assert "is the port of first too" in text


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, 137)])
def test_a_signal_in_the_middle_leaves_nothing_half_started(
    services: Services, number: signal.Signals, code: int
) -> None:
    """What this call started is stopped and what ran before stays; after a kill -9, dev-down finds all that is left."""
    services.up("--services", "second")
    before = services.pids()
    services.behave("first", "unready")
    running = services.project.start("dev-up")
    until(lambda: set(services.pids()) == set(NAMES) or running.poll() is not None)
    running.send_signal(number)
    out, told = running.communicate(timeout=60)
    assert shell_code(running.returncode) == code, out + told
    if number != signal.SIGKILL:
        assert "stopped again: first" in told
        assert services.pids() == before
        assert not services.file("first").exists()
    done = services.project.inv("dev-down")
    assert done.returncode == 0
    assert working_in(services.project.root) == {}


def test_a_killed_service_is_started_again_and_the_others_are_left_alone(services: Services) -> None:
    """After kill -9 of one, dev-up starts that one; its log goes on."""
    services.up()
    before = services.pids()
    os.kill(before["first"], signal.SIGKILL)
    until(lambda: "first" not in services.pids())
    text = services.up()
    assert _row(text, "first")[1] == "ready"
    after = services.pids()
    assert after["first"] != before["first"]
    assert after["second"] == before["second"]
    assert (
        managed_process.log_of(services.project.root / ".schemata", "first").read_text().count("schemata: starting")
        == 2
    )


def test_a_recycled_number_is_nobody_of_ours(services: Services) -> None:
    """A state file whose number now belongs to somebody else: that one is not touched, ours is found all the same."""
    services.up()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd="/")
    try:
        facts = json.loads(services.file("first").read_text())
        assert facts["pid"] == services.pids()["first"]
        services.file("first").write_text(json.dumps({**facts, "pid": stranger.pid}))
        services.up()
        assert set(services.pids()) == set(NAMES)
        facts = json.loads(services.file("second").read_text())
        services.file("second").write_text(json.dumps({**facts, "pid": stranger.pid}))
        done = services.project.inv("dev-down")
        assert done.stdout.startswith("Stopped first, second."), done.stdout + done.stderr
        assert working_in(services.project.root) == {}
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"pid": "x"}', None])
def test_a_damaged_state_file_loses_nobody(services: Services, damage: str | None) -> None:
    """A service whose file is broken or gone is found by its environment: started again once, and stopped."""
    services.up()
    for name in NAMES:
        services.file(name).write_text(damage) if damage is not None else services.file(name).unlink()
    before = services.pids()
    services.up()
    after = services.pids()
    assert set(after) == set(NAMES)
    assert not set(before.values()) & set(after.values())
    services.file("first").write_text(damage or "")
    services.project.inv("dev-down")
    assert working_in(services.project.root) == {}


def test_only_what_changed_is_started_anew(services: Services) -> None:
    """Another port concerns one service, a new migration all, a service that is declared no more is stopped."""
    services.up()
    first = services.pids()
    (port,) = ports.free_ports(1)
    text = services.up(SECOND_PORT=str(port))
    second = services.pids()
    assert _row(text, "first")[1] == "was running"
    assert second["first"] == first["first"]
    assert second["second"] != first["second"]
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/ready").status == 200
    swapped = {"FIRST_PORT": str(port), "SECOND_PORT": str(services.ports["first"])}
    services.up(**swapped)
    assert not set(services.pids().values()) & set(second.values())

    services.project.write(TWO, "-- Two.\nCREATE TABLE app.two (id int);\n", "DROP TABLE app.two;\n")
    third = services.pids()
    services.up(**swapped)
    fourth = services.pids()
    assert set(fourth) == set(NAMES)
    assert not set(third.values()) & set(fourth.values())

    services.configure(names=("first",))
    text = services.up(**swapped)
    assert "Stopped, because no settings declare it any more: second" in text
    assert services.pids() == {"first": fourth["first"]}
    services.configure(names=())
    services.up()
    assert services.pids() == {}


def test_what_a_service_heeds_in_the_environment_starts_it_anew(services: Services) -> None:
    """A variable that the services or the entrypoint read does, once; one about the server or the waiting does not."""
    services.up()
    before = services.pids()
    unheeded = {"SCHEMATA_SERVER_KIND": "external", "SCHEMATA_WAIT_ATTEMPTS": "7", "COLOUR": "red"}
    services.up(SCHEMATA_CLIENT_DIR="", **unheeded)
    assert services.pids() == before
    for extra in ({"SCHEMATA_LOG_FORMAT": "json"}, {"SERVICES_CURSOR_KEY": "k" * 40}):
        text = services.up(**extra)
        assert "first is started again: its settings, variables, code, database or migrations changed." in text
        after = services.pids()
        assert not set(before.values()) & set(after.values())
        (name, value), *_ = extra.items()
        assert psutil.Process(after["first"]).environ()[name] == value
        assert "started again" not in services.up(**extra)
        assert services.pids() == after
        before = after
    assert "k" * 40 not in services.file("first").read_text()


def test_changed_code_is_started_by_restart(services: Services) -> None:
    """Without --restart the old code goes on; with it each that is asked for is another process; never on Docker."""
    services.up()
    before = services.pids()
    program = services.project.root / "program.py"
    program.write_text(PROGRAM.replace("app.1.x", "app.2.y"))
    assert _row(services.up(), "first")[3] == "app.1.x"
    text = services.up("--restart", "--services", "second")
    assert "second is started again, as asked." in text
    assert f"http://127.0.0.1:{services.ports['second']}  app.2.y" in text
    after = services.pids()
    assert after["first"] == before["first"]
    assert after["second"] != before["second"]
    text = services.up("--restart")
    assert text.count("  app.2.y  ") == 2
    assert not set(services.pids().values()) & {*before.values(), *after.values()}
    assert "--restart and --no-services exclude each other" in services.up("--restart", "--no-services", code=2)
    assert "Leave --restart out." in services.up("--restart", "--server", "docker", code=2)


def test_changed_code_that_is_declared_starts_a_service_anew(services: Services) -> None:
    """With `code` an edit is seen, once and by that service only; a place that is not there is exit code 2."""
    services.configure(code={"first": "program.py"})
    services.up()
    before = services.pids()
    program = services.project.root / "program.py"
    program.write_text(PROGRAM.replace("app.1.x", "app.2.y"))
    text = services.up()
    assert "first is started again: its settings, variables, code, database or migrations changed." in text
    assert f"http://127.0.0.1:{services.ports['first']}  app.2.y" in text
    assert _row(text, "second")[1] == "was running"
    after = services.pids()
    assert after["first"] != before["first"]
    assert after["second"] == before["second"]
    services.up()
    assert services.pids() == after
    services.configure(code={"first": "programme.py"})
    text = services.up(code=2)
    assert "programme.py cannot be read: No such file or directory" in text
    assert services.pids() == after


def test_the_looks_at_a_service_do_not_hide_its_own_words(services: Services) -> None:
    """Of the many lines about /ready two are shown, and what the service said before them is."""
    services.configure(patience=6)
    services.behave("first", "unready")
    text = services.up("--services", "first", code=3)
    log = managed_process.log_of(services.project.root / ".schemata", "first").read_text()
    assert log.count("asked /ready\n") > 12
    assert text.count("  asked /ready\n") == 2
    assert "  listening\n" in text


def test_only_the_services_that_are_named_are_started(services: Services) -> None:
    """--services starts those, --no-services none and leaves what runs; a name that is none is exit code 2."""
    services.up("--services", "second")
    before = services.pids()
    assert set(before) == {"second"}
    text = services.up("--no-services")
    assert services.pids() == before
    assert not [line for line in text.splitlines() if line.startswith(("first ", "second "))]
    assert "Did you mean second?" in services.up("--services", "secnd", code=2)
    assert "exclude each other" in services.up("--services", "second", "--no-services", code=2)
    services.up()
    assert services.pids()["second"] == before["second"]


def test_two_at_once_start_each_service_once(services: Services) -> None:
    """Of two dev-ups at the same time one starts the services, and both end with them ready."""
    running = [services.project.start("dev-up", "--json") for _ in range(2)]
    ended = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], ended
    found = [{item["was_running"] for item in json.loads(out)["services"]} for out, _ in ended]
    assert set(services.pids()) == set(NAMES)
    assert sorted(found, key=str) == [{False}, {True}]


def test_the_logs_of_a_service(services: Services) -> None:
    """`inv logs NAME` shows its end, -f what comes, across a log that was cut; a wrong name suggests the right one."""
    never = services.project.inv("logs", "first")
    assert never.returncode == 3
    assert "first was never started" in never.stderr
    services.up()
    done = services.project.inv("logs", "first")
    assert done.returncode == 0
    assert "schemata: starting " in done.stdout
    assert f"program.py first on port {services.ports['first']}\n" in done.stdout
    assert "asked /ready\n" in done.stdout
    assert services.project.inv("logs", "first", "--lines", "1").stdout == "asked /ready\n"
    assert services.project.inv("logs", "--service", "first").stdout == done.stdout
    wrong = services.project.inv("logs", "frist")
    assert wrong.returncode == 2
    assert "Did you mean first?" in wrong.stderr
    assert services.project.inv("logs").returncode == 2  # the server's own, which is elsewhere

    following = services.project.start("logs", "first", "-f", "--lines", "0")
    assert following.stdout is not None
    pipe = following.stdout.fileno()
    os.set_blocking(pipe, False)
    url = f"http://127.0.0.1:{services.ports['first']}"
    seen = ""
    # Asked until it shows, since nothing tells when the command has begun to follow.
    for path in ("/one", "/two"):

        def asked(path: str = path) -> bool:
            nonlocal seen
            urllib.request.urlopen(url + path).close()
            with contextlib.suppress(BlockingIOError):
                seen += os.read(pipe, 65536).decode()
            return f"asked {path}\n" in seen

        until(asked)
        os.truncate(managed_process.log_of(services.project.root / ".schemata", "first"), 0)
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=60)
    assert shell_code(following.returncode) == 130


def test_a_log_is_bounded(services: Services) -> None:
    """A log that has grown beyond 10 MB is put aside by the next dev-up, while its service writes on."""
    services.up()
    log = managed_process.log_of(services.project.root / ".schemata", "first")
    with log.open("a") as file:
        file.write("x" * 11_000_000 + "\n")
    pids = services.pids()
    services.up()
    assert log.stat().st_size < 1000
    assert log.with_suffix(".log.1").stat().st_size > 11_000_000
    urllib.request.urlopen(f"http://127.0.0.1:{services.ports['first']}/three").close()
    until(lambda: "asked /three\n" in log.read_text())
    assert services.pids() == pids


def test_dev_down_stops_what_does_not_want_to_and_all_that_it_started(services: Services) -> None:
    """SIGTERM, 5 seconds, SIGKILL, and it is said; the children of a service end with it."""
    services.behave("first", "stubborn")
    services.behave("second", "parent")
    services.up()
    assert len(working_in(services.project.root)) == 3
    began = time.monotonic()
    done = services.project.inv("dev-down")
    assert done.returncode == 0
    assert done.stdout == "Stopped first, second. The server is external: it goes on running.\n"
    assert "first did not stop within 5 s of SIGTERM; it is killed." in done.stderr
    assert "second did not" not in done.stderr
    assert time.monotonic() - began > 5
    assert working_in(services.project.root) == {}
    with psycopg.connect(services.project.url) as connection:
        assert connection.execute("SELECT count(*) FROM app.one").fetchone() == (0,)


def test_cleaning_leaves_no_process_and_no_file(services: Services) -> None:
    """On a server elsewhere the services, their files and the schemas go; a no to the question leaves all of it."""
    services.up()
    refused = services.project.inv("dev-down-clean")
    assert refused.returncode == 1
    assert set(services.pids()) == set(NAMES)
    done = services.project.inv("dev-down-clean", services.project.confirm)
    assert done.returncode == 0
    assert done.stdout.startswith("Stopped first, second. Dropped app, schemata in ")
    assert working_in(services.project.root) == {}
    assert not (services.project.root / ".schemata").exists()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Services]:
    """Give a project of two services with a server of its own."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    made = Services(Project(tmp_path), kind="embedded")
    yield made
    for pid in working_in(tmp_path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    instance.remove(tmp_path / ".schemata")


def test_the_life_of_services_on_a_server_of_their_own(own: Services) -> None:
    """Up starts server and services; nothing of the caller's PG variables reaches them; clean leaves no trace."""
    before = {path.relative_to(own.project.root) for path in own.project.root.rglob("*")}
    text = own.up(PGUSER="nobody", PGHOST="/nowhere")
    assert _row(text, "PostgreSQL 18.6" if "PostgreSQL 18.6" in text else "PostgreSQL")[1] == "made and started"
    assert "PGUSER" not in psutil.Process(own.pids()["first"]).environ()
    pids = own.pids()
    down = own.project.inv("dev-down")
    assert down.stdout == "Stopped first, second. The server is stopped; its data stay.\n"
    assert own.project.inv("dev-down").stdout == "The server was not running.\n"
    own.up()
    assert not set(own.pids().values()) & set(pids.values())
    assert "starting" in own.project.inv("logs", "second").stdout
    assert own.project.inv("logs").returncode == 0
    clean = own.project.inv("dev-down-clean")
    assert clean.stdout == "Stopped first, second. The server is stopped and its data are deleted.\n"
    assert working_in(own.project.root) == {}
    left = {path.relative_to(own.project.root) for path in own.project.root.rglob("*")}
    assert left == before


def test_what_is_forgotten_but_runs_is_named(own: Services) -> None:
    """With .schemata gone the old server and the old services are named; the services are stopped, new ones start."""
    # Where the server's user cannot enter, the data lie elsewhere, and are found again.
    for folder in own.project.root.parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(0o755)
    text = own.up()
    server = server_state.find_running(own.project.root / ".schemata")
    assert server is not None
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    before = own.pids()
    assert "still runs" not in text
    shutil.rmtree(own.project.root / ".schemata")
    try:
        text = own.up()
        # It looks for its data once a minute and ends without them: on a slow machine that may come first.
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert f"A PostgreSQL server of this project still runs (pid {pid}), but its data were deleted." in text
        for name in NAMES:
            assert f"{name} is started again: it runs, but what was known of it in " in text
        assert not set(before.values()) & set(own.pids().values())
    finally:
        # By itself it ends a minute later.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert "still runs" not in own.up()


def test_the_choice_of_the_server_is_said_and_the_flag_wins(services: Services) -> None:
    """--server, SCHEMATA_SERVER_KIND, the settings, in that order; each command says which it was."""
    assert "Server: external (settings)" in services.up("--no-services")
    assert "Server: external (SCHEMATA_SERVER_KIND)" in services.up("--no-services", SCHEMATA_SERVER_KIND="external")
    flags = {"SCHEMATA_SERVER_KIND": "embedded"}
    text = services.up("--no-services", "--server", "external", **flags)
    assert "Server: external (--server; to choose it for every command: export SCHEMATA_SERVER_KIND=external)" in text
    for command in ("dev-down", "logs"):
        told = services.project.inv(command, "--server", "embedded").stderr
        assert "Server: embedded (--server; " in told
    assert "Did you mean docker?" in services.up("--server", "dokcer", code=2)
