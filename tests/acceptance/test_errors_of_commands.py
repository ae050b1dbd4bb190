"""What is wrong around the migrations: settings, command line, server, roles. What, where, and what to type."""

import socket
import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest

from schemata.postgres import urls
from schemata.server.embedded import binaries, instance, server_state
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"
QUICK = {"SCHEMATA_WAIT_ATTEMPTS": "2", "SCHEMATA_WAIT_DELAY": "10ms"}


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('scemas = ["app"]', ("[tool.schemata] scemas: no such setting", "Did you mean schemas?")),
        ("[tool.schemata.locks]\nlock_timout = 1", ("[tool.schemata.locks] lock_timout", "Did you mean lock_timeout?")),
        ('[tool.schemata.lock]\nwait = "5s"', ("[tool.schemata] lock: no such setting", "Did you mean locks?")),
        ('[tool.schemata.locks]\nwait = "5 weeks"', ("locks] wait: '5 weeks' is not a duration", '"500ms"')),
        ("[tool.schemata.locks]\nlock_timeout = 300", ("300 is not between 1ms and 60s", "queue behind waiting DDL")),
        ("[tool.schemata.wait]\nattempts = 0", ("wait] attempts: 0 is not a whole number from 1 to 100000",)),
        ('[tool.schemata.server]\nkind = "extrenal"', ("kind: 'extrenal' is not one of", "Did you mean external?")),
        ('out_of_order = "yes"', ("out_of_order: 'yes' is not one of refuse, allow",)),
        ('accepts = "yesterday"', ("accepts: 'yesterday' is not a range of revisions", "YYYYMMDDHHMMSS")),
        ('history_schema = "app"', ("history_schema: 'app' is also one of the application's schemas",)),
        ('[[tool.schemata.pages]]\nname = "x"', ("[[tool.schemata.pages]] 1: table is missing",)),
        (
            '[[tool.schemata.pages]]\nname = "x"\ntable = "web.x"\norder = ["id"]\nindex = "x_id"',
            ("pages]] 1 table: 'web.x' is not a table of the schemas above",),
        ),
    ],
)
def test_a_wrong_setting_is_named_with_a_suggestion(
    project: Project, schemata: CommandLine, table: str, says: tuple[str, ...]
) -> None:
    """An unknown or impossible setting ends every command with code 2, before the server is asked."""
    project.configure(table)
    schemata.refused("migrate-status", "--url", "postgresql://127.0.0.1:1/none", code=2, says=says)


def test_a_project_without_settings_is_told_what_to_add(project: Project, schemata: CommandLine) -> None:
    """Without [tool.schemata], or without a schema in it, or with broken TOML, the file and the remedy are named."""
    pyproject = project.root / "pyproject.toml"
    pyproject.write_text("[project]\nname = 'x'\n")
    schemata.refused("migrate", code=2, says=("no pyproject.toml with [tool.schemata]", "add the table", "schemas = ["))
    pyproject.write_text("[tool.schemata]\n")
    schemata.refused("migrate", code=2, says=("schemas: at least one schema is needed", 'schemas = ["app"]'))
    pyproject.write_text("[tool.schemata\n")
    schemata.refused("migrate", code=2, says=("pyproject.toml is not TOML", "line 1", "Fix that line."))


def test_an_environment_variable_is_checked_like_the_file(schemata: CommandLine) -> None:
    """A wrong value in SCHEMATA_LOCKS_WAIT is told under that name."""
    schemata.refused(
        "migrate", code=2, says=("SCHEMATA_LOCKS_WAIT: 'soon' is not a duration",), SCHEMATA_LOCKS_WAIT="soon"
    )
    schemata.refused("migrate", "--lock-wait", "soon", code=2, says=("--lock-wait: 'soon' is not a duration", '"5min"'))


def test_unknown_names_on_the_command_line_get_a_suggestion(project: Project, schemata: CommandLine) -> None:
    """An unknown migration or schema is refused with the nearest one, or with all."""
    project.write(ONE, "SELECT 1;\n")
    schemata.refused("migrate", "--to", "app.20250101000001.on", code=2, says=("there is no migration", f"mean {ONE}?"))
    schemata.refused("migrate", "--to", "zzz", code=2, says=("there is no migration zzz", "migrate-status"))
    schemata.refused(
        "migrate", "--schema", "web", code=2, says=("there is no schema web in [tool.schemata]", "Known: app.")
    )
    schemata.refused(
        "migrate-status", "--schema", "web", code=2, says=("there is no schema web in [tool.schemata]", "Known: app.")
    )
    schemata.refused(
        "rollback", "--to", "app.20250101000001.on", code=2, says=("there is no migration", f"mean {ONE}?")
    )
    schemata.refused("migrate-baseline", "--through", "zzz", code=2, says=("there is no migration zzz",))
    schemata.refused(
        "migrate-baseline", code=2, says=("no migration is named", f"inv migrate-baseline --through {ONE}")
    )
    schemata.refused("migrate-restamp", "--migration", "zzz", code=2, says=("there is no migration zzz",))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["migrat"], "migrat"),
        (["migrate", "--dry-rum"], "--dry-rum"),
        (["migrate", "--to"], "needed value"),
        (["migrate-resolve"], "migration"),
    ],
)
def test_the_console_script_ends_with_2_for_a_wrong_command_line(
    project: Project, arguments: list[str], says: str
) -> None:
    """An unknown command or flag, or a missing value, is told on standard error with code 2 and no traceback."""
    script = [sys.executable, "-c", "from schemata.cli import main; main()"]
    ended = project.run([*script, *arguments])
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert says in ended.stderr
    assert "schemata --list" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_inv_itself_ends_with_1_for_a_wrong_command_line(project: Project) -> None:
    """`inv` is Invoke's own program, which parses before any code of ours could say 2: README.md notes it."""
    ended = project.inv("migrate", "--misspelt")
    assert ended.returncode == 1, "README.md and troubleshooting.md say 1: if Invoke says 2 now, take the notes out"
    assert "No idea what '--misspelt' is!" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_that_is_not_there_is_told_apart(
    project: Project, schemata: CommandLine, server: server_state.Server
) -> None:
    """Refused, unknown host, wrong password: each has its own sentence and code 3; no password is shown."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://u:secret@127.0.0.1:{closed.getsockname()[1]}/d"
        text = schemata.refused(
            "migrate",
            "--url",
            url,
            code=3,
            says=("u:***@", "no server accepts connections", "2 tries", "inv dev-up"),
            **QUICK,
        )
        assert "(try 1 of 2" in text
        assert "secret" not in text
    text = schemata.refused(
        "migrate",
        "--url",
        "postgresql://u:secret@no-such-host.invalid/d",
        code=3,
        says=("the host's name is not known", "Correct the host in DATABASE_URL"),
        **QUICK,
    )
    assert "secret" not in text
    wrong = project.url.replace(server.password, "secret")
    text = schemata.refused(
        "migrate", "--url", wrong, code=3, says=("refused the user or the password", "password authentication failed")
    )
    assert "(try 1" not in text
    assert "secret" not in text
    text = schemata.refused(
        "migrate-status", "--url", "postgresql://u@h:port/d", code=3, says=("settings are not valid",)
    )


def test_a_missing_database_is_created_only_on_demand(
    project: Project, schemata: CommandLine, admin: psycopg.Connection
) -> None:
    """Without --create-database its name and the flag are told; with it the database is made and migrated."""
    project.write(ONE, "CREATE TABLE app.one ();\n")
    name = urls.database_of(project.url) + "_new"
    url = urls.with_database(project.url, name)
    try:
        schemata.refused(
            "migrate", "--url", url, code=3, says=("the server has no such database", name, "--create-database")
        )
        schemata.refused("migrate-status", "--url", url, code=3, says=("no such database", "--create-database"))
        ended = schemata("migrate", "--url", url, "--create-database")
        assert ended.returncode == 0, ended.stderr
        assert f"created the database {name}" in ended.stderr
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT to_regclass('app.one')::text").fetchone() == ("app.one",)
    finally:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_no_permission_to_create_a_database_is_told(
    project: Project, schemata: CommandLine, make_role: Callable[..., str]
) -> None:
    """A role without CREATEDB that asks for --create-database hears what it lacks."""
    url = make_role(project.url)
    schemata.refused(
        "migrate",
        "--url",
        urls.with_database(url, "not_there"),
        "--create-database",
        code=1,
        says=("not_there could not be created: permission denied to create database", "CREATEDB"),
    )


def test_no_permission_to_create_schemas_is_told(
    project: Project, schemata: CommandLine, make_role: Callable[..., str]
) -> None:
    """A role that may not make the schemas hears which privilege it needs, and nothing is changed."""
    project.write(ONE, "CREATE TABLE app.one ();\n")
    url = make_role(project.url)
    schemata.refused(
        "migrate",
        "--url",
        url,
        code=1,
        says=(
            "the schemas and the history could not be created: permission denied",
            "GRANT CREATE ON DATABASE",
        ),
    )
    with psycopg.connect(project.url) as connection:
        found = connection.execute("SELECT to_regnamespace('app'), to_regnamespace('schemata')").fetchone()
        assert found == (None, None)


def test_a_history_that_the_role_may_not_read_is_told(
    project: Project, schemata: CommandLine, make_role: Callable[..., str]
) -> None:
    """A role without USAGE on the history's schema, or SELECT on its tables, hears the two GRANTs."""
    project.write(ONE, "CREATE TABLE app.one ();\n")
    assert schemata("migrate").returncode == 0
    grants = ("GRANT USAGE ON SCHEMA schemata TO", "GRANT SELECT ON ALL TABLES IN SCHEMA schemata TO")
    nothing = make_role(project.url)
    usage = make_role(project.url, "GRANT USAGE ON SCHEMA schemata")
    says = ("may not read the history: permission denied", *grants)
    for command in ("migrate", "migrate-status", "rollback", "smoke"):
        schemata.refused(command, "--url", nothing, code=1, says=says)
        schemata.refused(command, "--url", usage, code=1, says=says)
    reader = make_role(project.url, "GRANT USAGE ON SCHEMA schemata", "GRANT SELECT ON ALL TABLES IN SCHEMA schemata")
    assert schemata("migrate-status", "--url", reader).returncode == 0
    assert schemata("migrate", "--url", reader).returncode == 0

    project.write("app.20250101000002.two", "SELECT 1;\n")
    says = (
        "was rolled back, because this role may not write the history: permission denied",
        "INSERT, UPDATE and DELETE",
    )
    schemata.refused("migrate", "--url", reader, code=1, says=("app.20250101000002.two", *says))
    assert schemata("migrate").returncode == 0
    says = ("the history could not be written: permission denied", "Nothing was recorded")
    project.write("app.20250101000003.three", "CREATE TABLE app.t ();\n")
    through = ("--through", "app.20250101000003.three")
    with psycopg.connect(project.url) as connection:
        connection.execute("CREATE TABLE app.t ()")
    schemata.refused("migrate-baseline", schemata.confirm, *through, "--url", reader, code=1, says=says)


def test_a_standby_is_read_but_not_migrated(
    project: Project, schemata: CommandLine, programs: binaries.Binaries
) -> None:
    """On a read-only standby migrate waits and then says so with code 3; migrate-status answers."""
    project.write(ONE, "CREATE TABLE app.one ();\n")
    with instance.temporary(programs) as standby:
        control = [str(programs.program("pg_ctl")), "-D", str(standby.data), "-w", "-s"]
        owner = standby.data.stat()

        def run(*arguments: str) -> None:
            subprocess.run(
                [*control, *arguments], check=True, user=owner.st_uid, group=owner.st_gid, stdout=subprocess.DEVNULL
            )

        run("stop", "-m", "fast")
        (standby.data / "standby.signal").touch()
        run("start", "-l", str(standby.data / "standby.log"), "-o", f"-p {standby.port} -k {standby.socket_directory}")
        try:
            schemata.refused(
                "migrate", "--url", standby.url, code=3, says=("read-only standby", "2 tries", "the primary"), **QUICK
            )
            told = schemata.json("migrate-status", "--url", standby.url)
            assert [row["state"] for row in told["migrations"]] == ["pending"]
        finally:
            run("stop", "-m", "immediate")
