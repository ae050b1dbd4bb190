"""Start, stop and delete the project's own server: all that `embedded` does when there is something to do."""

import contextlib
import dataclasses
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from schemata import errors
from schemata.postgres import libpq
from schemata.server.embedded import binaries, data_directory, postmaster, prebuilt, server_state, state_directory
from schemata.sql import extension_requests
from schemata.system import os_user, processes

# How often a port may be taken between our look at it and postgres'.
_TRIES = 5
# The log is begun again, and the one before is kept, when a start finds it larger.
_LOG_BYTES = 10 * 1024 * 1024
# Loaded wherever it is there, for `inv slow-queries`: to load it later would be another start.
_COLLECTOR = "pg_stat_statements"


@dataclass(frozen=True)
class Order:
    """What embedded.start was called with."""

    state_dir: Path
    database: str
    binaries_of: "binaries.Binaries | Callable[[], binaries.Binaries]"
    settings: dict[str, str]
    port: int | None
    unsafe: bool
    info: server_state.Info | None
    prebuilt_root: Path | None
    timeout: float
    extensions: tuple[str, ...] = ()
    # A server for tests: a prebuilt data directory is copied, not used up.
    passing: bool = False
    began: float = field(default_factory=time.monotonic)


def start(order: Order) -> server_state.Server:
    """Return the running server, starting or making it first. See embedded.start."""
    state_dir = order.state_dir.absolute()
    info = state_directory.teller(state_dir, order.info)
    with state_directory.plainly(state_dir), state_directory.sole(state_dir, order.timeout, make=True):
        running = server_state.find_running(state_dir)
        known = server_state.remembered(state_dir)
        if running is not None and known is not None and set(order.extensions) <= set(known.extensions):
            return _keep(state_dir, running, known, order, info)
        data = state_directory.data_of(state_dir)
        account = os_user.choose(state_dir.parent) if data is None else os_user.owner_of(data)
        found = order.binaries_of if isinstance(order.binaries_of, binaries.Binaries) else order.binaries_of()
        if data is not None:
            data_directory.require_version(data, found)
        job = data_directory.Job(binaries.within_reach(found, account), account)
        if running is not None and known is not None and data is not None:
            if not _needs_restart(known, job.programs, order):
                facts = dataclasses.replace(known, programs=job.programs.directory, extensions=job.programs.extensions)
                state_directory.save(state_dir, facts)
                return _keep(state_dir, running, facts, order, info)
            added = ", ".join(name for name in job.programs.extensions if name not in known.extensions)
            info(f"Restarting the server on the same data, for the extensions that it is to offer: {added}.")
            postmaster.stop(data, info)
        server = None if data is None else postmaster.recover(data, info)
        launch = _Launch(state_dir, order, known, job, info)
        return launch.new() if data is None else launch.again(data, server)


class _Launch:
    """One start, with the lock held."""

    def __init__(
        self,
        state_dir: Path,
        order: Order,
        known: server_state.Remembered | None,
        job: data_directory.Job,
        info: server_state.Info,
    ) -> None:
        self._state_dir = state_dir
        self._order = order
        self._known = known
        self._job = job
        self._info = info
        self._log = server_state.log_of(state_dir)

    def new(self) -> server_state.Server:
        """Make a data directory, from a prebuilt one where there is one, and start on it."""
        data = state_directory.data_location(self._state_dir, self._job.account) / "data"
        if not self._order.passing and (left := processes.outliving(data)):
            numbers = ", ".join(str(process.pid) for process in left)
            self._info(f"A PostgreSQL server of this project still runs (pid {numbers}), but its data were deleted.")
            self._info("A new server with an empty database is made; the old one ends by itself within two minutes.")
        store = self._order.prebuilt_root or prebuilt.directory(self._state_dir)
        obtain = prebuilt.copy if self._order.passing and self._order.unsafe else prebuilt.take
        if not obtain(store, data, self._job):
            data_directory.initialise(data, self._job, prebuilt=False, lasting=not self._order.unsafe)
        try:
            return self._run(data, "new")
        finally:
            prebuilt.prepare(store, self._job)

    def again(self, data: Path, server: postmaster.Postmaster | None) -> server_state.Server:
        """Start on existing data, or wait for the server that is already starting on it."""
        if server is not None and server.port:
            with contextlib.suppress(postmaster.Died):
                return self._attach(data, server)
        if self._known is not None and self._known.unsafe and not self._order.unsafe:
            data_directory.sync(data)  # nothing was brought to the disk until now
        found = self._job.programs
        if self._known is not None and self._known.version not in (found.version, str(found.major)):
            self._info(f"The data were last used by PostgreSQL {self._known.version}; now it is {found.version}.")
        return self._run(data, "stopped")

    def _attach(self, data: Path, server: postmaster.Postmaster) -> server_state.Server:
        password = data_directory.password_of(data) or (self._known.password if self._known else None)
        try:
            if password is None:
                raise libpq.ConnectFailed("28P01", "the password is not known")
            connection = postmaster.login(server.pid, server.port, password, "postgres", self._order.timeout)
        except libpq.ConnectFailed as failure:
            if failure.sqlstate != "28P01":
                raise _refused(failure, server.port) from failure
            self._info(f"The password of the running server (pid {server.pid}) is lost; restarting it with another.")
            postmaster.stop(data, self._info)
            data_directory.reset_password(data, self._job)
            raise postmaster.Died from None
        self._info(
            f"Found the server running (pid {server.pid}, port {server.port}) whose record was lost; recorded it again."
        )
        return self._settle(data, connection, server.port, password, server.socket_directory, "running")

    def _run(self, data: Path, was: server_state.Was) -> server_state.Server:
        password = data_directory.password_of(data) or data_directory.reset_password(data, self._job)
        sockets = postmaster.socket_directory(data.parent, self._job.account)
        settings = postmaster.settings(self._order.unsafe, self._order.settings)
        libraries = extension_requests.preloaded(self._job.programs.extensions)
        if not self._order.passing and _COLLECTOR not in libraries and _has_collector(self._job.programs):
            libraries = (*libraries, _COLLECTOR)
        if libraries:
            settings = {"shared_preload_libraries": ", ".join(libraries), **settings}
        data_directory.configure(data, settings, self._job.account)
        if self._order.unsafe:
            state_directory.note(self._log, "unsafe settings (fsync off): the data may be lost when the machine stops.")
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(state_directory.old_log_of(self._state_dir))
        remembered = self._known.port if self._known else None
        for _ in range(_TRIES):
            port = postmaster.choose_port(self._state_dir, remembered, self._order.port, self._info)
            remembered = None
            self._remember(data, port, password, sockets)
            offset = self._log.stat().st_size if self._log.exists() else 0
            pid = postmaster.launch(data, port, sockets, self._log, self._job)
            try:
                connection = postmaster.login(pid, port, password, "postgres", self._order.timeout)
                return self._settle(data, connection, port, password, sockets, was)
            except postmaster.Died:
                # Between our look at the port and postgres' somebody may have taken it.
                if "could not bind" not in "\n".join(postmaster.read_log(self._log, offset)):
                    raise postmaster.explain_death(self._log, offset, data, self._job.programs.version) from None
                if self._order.port is not None:
                    raise postmaster.port_taken(port) from None
            except libpq.ConnectFailed as failure:
                postmaster.stop(data, self._info)
                if failure.sqlstate != "28P01":
                    raise _refused(failure, port) from failure
                self._info(f"The password of role {server_state.ROLE} was changed; it gets a new one.")
                password = data_directory.reset_password(data, self._job)
                remembered = port
            except postmaster.StillStarting:
                raise  # stopped while it recovers, it would begin again
            except BaseException:
                processes.kill(pid, signal.SIGINT)
                processes.wait_gone(pid, 10.0)
                raise
        raise errors.NotAvailable(
            f"The server on {data} could not be started in {_TRIES} tries; the last port was {port}.",
            f"See {self._log}.",
        )

    def _settle(
        self, data: Path, connection: libpq.Connection, port: int, password: str, sockets: Path, was: server_state.Was
    ) -> server_state.Server:
        with contextlib.closing(connection):
            _create_database(connection, self._order.database)
        facts = self._remember(data, port, password, sockets)
        return server_state.describe(self._state_dir, facts, self._order.began, was)

    def _remember(self, data: Path, port: int, password: str, sockets: Path) -> server_state.Remembered:
        facts = server_state.Remembered(
            port, password, self._order.database, data, sockets, self._job.programs.version,
            self._order.settings, self._order.unsafe, self._job.programs.directory, self._job.programs.extensions,
        )  # fmt: skip
        state_directory.save(self._state_dir, facts)
        return facts


def stop(state_dir: Path, info: server_state.Info | None, patience: float) -> bool:
    """Stop the server of this home; False when none ran. See embedded.stop."""
    state_dir = state_dir.absolute()
    data = state_directory.data_of(state_dir)
    if data is None or not state_dir.is_dir():
        return False
    with state_directory.plainly(state_dir), state_directory.sole(state_dir, 60.0, make=False):
        return postmaster.stop(data, state_directory.teller(state_dir, info), patience=patience)


def remove(state_dir: Path, info: server_state.Info | None) -> bool:
    """Stop the server of this home and delete its data, settings and log. See embedded.remove."""
    state_dir = state_dir.absolute()
    if not state_dir.is_dir():
        return False
    with state_directory.plainly(state_dir), state_directory.sole(state_dir, 60.0, make=False):
        known = server_state.remembered(state_dir)
        data = state_directory.data_of(state_dir)
        if data is not None:
            with contextlib.suppress(FileNotFoundError):
                postmaster.stop(data, state_directory.teller(state_dir, info))
        doomed = [
            state_dir / "data",
            state_dir / "data.making",
            state_dir / "run",
            state_directory.relocated(state_dir),
        ]
        if known is not None:
            doomed.append(known.socket_directory)
        there = [path for path in dict.fromkeys(doomed) if os.path.lexists(path)]
        for path in there:
            if os.path.lexists(path):  # the sockets' folder may lie in one that is gone by now
                shutil.rmtree(path)
        shutil.rmtree(state_dir / "prebuilt", ignore_errors=True)  # one may be in the making
        for path in (
            server_state.state_of(state_dir),
            server_state.log_of(state_dir),
            state_directory.old_log_of(state_dir),
        ):
            path.unlink(missing_ok=True)
        return bool(there)


def status(state_dir: Path) -> server_state.Status:
    """Return the server's state. Changes nothing."""
    known = server_state.remembered(state_dir)
    data = state_directory.data_of(state_dir)
    size: int | None = None
    version = None
    if data is not None:
        with contextlib.suppress(PermissionError, errors.NotAvailable):
            version = known.version if known else str(data_directory.major_of(data))
            size = sum(
                os.lstat(os.path.join(parent, name)).st_size
                for parent, _, names in os.walk(data, onerror=_raise)
                for name in names
                if os.path.lexists(os.path.join(parent, name))
            )
    return server_state.Status(server_state.find_running(state_dir), data, version, size)


def _needs_restart(known: server_state.Remembered, programs: binaries.Binaries, order: Order) -> bool:
    """Tell whether a running server must be restarted for what these programs offer: they are others, or preload."""
    if known.programs != programs.directory:
        return True
    loads = set(extension_requests.preloaded(programs.extensions)) - set(extension_requests.preloaded(known.extensions))
    return bool(loads) and "shared_preload_libraries" not in order.settings


def _keep(
    state_dir: Path,
    running: server_state.Server,
    known: server_state.Remembered,
    order: Order,
    info: server_state.Info,
) -> server_state.Server:
    """Return the running server, with the database that is asked for; say what it does not do as asked."""
    if order.port not in (None, running.port):
        info(f"The server runs on port {running.port}, not {order.port}: `inv dev-down dev-up` changes it.")
    if (known.settings, known.unsafe) != (order.settings, order.unsafe):
        info("The server runs with other settings than now asked for: `inv dev-down dev-up` applies them.")
    if running.database == order.database:
        return running
    with contextlib.closing(
        server_state.connect(known.port, known.password, known.database, timeout=order.timeout)
    ) as connection:
        _create_database(connection, order.database)
    facts = dataclasses.replace(known, database=order.database)
    state_directory.save(state_dir, facts)
    return server_state.describe(state_dir, facts, order.began, "running")


def _has_collector(programs: binaries.Binaries) -> bool:
    try:
        return any(programs.modules.glob(f"{_COLLECTOR}.*"))
    except errors.NotAvailable:  # an installation without pg_config
        return False


def _create_database(connection: libpq.Connection, name: str) -> None:
    """Make sure that a database of this name exists; a prebuilt one is renamed, or dropped if not needed."""
    asked = "SELECT datname FROM pg_catalog.pg_database WHERE datname IN ($1, $2)"
    there = {row[0] for row in connection.query(asked, name, data_directory.PREBUILT_DATABASE)}
    quoted = '"' + name.replace('"', '""') + '"'
    if name in there:
        steps = [f"DROP DATABASE {data_directory.PREBUILT_DATABASE}"] if there != {name} else []
    elif there:
        steps = [f"ALTER DATABASE {data_directory.PREBUILT_DATABASE} RENAME TO {quoted}"]
    else:
        steps = [f"CREATE DATABASE {quoted}"]
    for step in steps:
        try:
            connection.query(step)
        except libpq.QueryFailed as failure:
            if failure.sqlstate not in ("42P04", "23505"):  # somebody else made it meanwhile
                raise errors.NotAvailable(f"Database {name} could not be created: {failure.message}") from failure


def _refused(failure: libpq.ConnectFailed, port: int) -> errors.NotAvailable:
    return errors.NotAvailable(
        f"The server on port {port} refuses the login of schemata: {failure.message.strip()}",
        "Restart it: `inv dev-down dev-up`.",
    )


def _raise(error: OSError) -> None:
    raise error
