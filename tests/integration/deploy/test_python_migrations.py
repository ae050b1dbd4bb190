"""Migrations in Python: run by yoyo's own code, in the transaction of the deploy, recorded with it."""

import logging
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from schemata import config, errors, targets
from schemata.deploy import deployment, migrate, results, rollback
from schemata.deploy.python import failures
from schemata.entrypoint import boot_queue
from schemata.history import restamp, status
from schemata.migrations import authoring, files
from schemata.parity import expected
from schemata.postgres import urls, waiting
from schemata.report import progress
from schemata.server.embedded import extensions
from schemata.squash import plan
from tests.conftest import Project, _programs

TABLE = "app.20250101000000.table"
FILL = "app.20250102000000.fill"
HEAD = "from yoyo import group, step\n\n"
DEPENDS = f'__depends__ = {{"{TABLE}"}}\n'


@pytest.fixture
def table(project: Project) -> Project:
    """Give a project whose first migration makes a table; the tests add one in Python."""
    project.write(TABLE, "CREATE TABLE app.t (a int PRIMARY KEY, b text);\n", "DROP TABLE app.t;\n")
    return project


def write(project: Project, text: str, migration_id: str = FILL, head: str = HEAD + DEPENDS) -> Path:
    """Write a migration in Python."""
    path = project.root / "migrations" / migration_id.partition(".")[0] / f"{migration_id}.py"
    path.write_text(head + textwrap.dedent(text), encoding="utf-8")
    return path


def apply(project: Project, said: list[str] | None = None, **options: object) -> results.Migrated:
    """Migrate in this process; what is reported goes to `said`."""
    reporter = progress.Reporter((said if said is not None else []).append, lambda *_: None, verbose=True)
    settings = config.load(project.root, {})
    return migrate.migrate(settings, url=project.url, reporter=reporter, **options)  # type: ignore[arg-type]


def undo(project: Project, **options: object) -> results.Migrated:
    """Roll back in this process."""
    return rollback.rollback(
        config.load(project.root, {}), url=project.url, confirm=urls.database_of(project.url), **options
    )  # type: ignore[arg-type]


def ask(project: Project, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    with psycopg.connect(project.url) as connection:
        return connection.execute(sql).fetchall()


def test_steps_of_sql_and_calls_are_one_transaction_with_their_record(table: Project) -> None:
    """SQL, calls and groups run in order on one server session; yoyo's tables and ours say that it is applied."""
    write(
        table,
        """
        def fill(connection):
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO t VALUES (%s, pg_backend_pid()::text || '/' || txid_current())", (2,))
            with connection.transaction():
                connection.execute("INSERT INTO t SELECT 3, b FROM t WHERE a = 2")

        step("INSERT INTO app.t VALUES (1, pg_backend_pid()::text || '/' || txid_current()); SELECT 1",
             "DELETE FROM app.t WHERE a = 1")
        group([step(fill, lambda connection: connection.execute("DELETE FROM app.t WHERE a > 1"))])
        """,
    )
    result = apply(table)
    assert [one.id for one in result.done] == [TABLE, FILL]
    assert len({row[1] for row in ask(table, "SELECT a, b FROM app.t")}) == 1
    one = "SELECT a.xmin::text = m.xmin::text FROM app.t a, schemata._yoyo_migration m WHERE m.migration_id = "
    assert {row[0] for row in ask(table, f"{one}'{FILL}' AND a.a IN (1, 2)")} == {True}
    assert apply(table).done == ()
    undone = undo(table)
    assert [one.id for one in undone.done] == [FILL]
    assert ask(table, "SELECT count(*) FROM app.t") == [(0,)]
    assert [one.id for one in apply(table).done] == [FILL]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("def fill(c):\n    c.commit()\nstep(fill, '')", 5, "`connection.commit()`: the engine opens and commits"),
        ("def fill(c):\n    c.rollback()\nstep(fill, '')", 5, "connection.rollback()"),
        ("def fill(c):\n    c.autocommit = False\nstep(fill, '')", 5, "connection.autocommit = False"),
        ("def fill(c):\n    c.close()\nstep(fill, '')", 5, "connection.close()"),
        ("def fill(c):\n    c.execute('SELECT 1; commit')\nstep(fill, '')", 5, "`commit`: the engine opens"),
        ("def fill(c):\n    c.cursor().execute(b'ROLLBACK')\nstep(fill, '')", 5, "`ROLLBACK`: the engine opens"),
        ("def fill(c):\n    c.pgconn.exec_(b'COMMIT')\nstep(fill, '')", 4, "it ended the transaction"),
        ("def fill(c):\n    c.pgconn.exec_(b'COMMIT; BEGIN')\nstep(fill, '')", 0, "ended the transaction"),
        ("def fill(c):\n    with c:\n        pass\nstep(fill, '')", 5, "connection.commit()"),
        (
            "def fill(c):\n    try:\n        c.execute('x')\n    except Exception:\n        pass\nstep(fill, '')",
            4,
            "it went on after the server had refused a statement",
        ),
        ("def fill(c):\n    raise LookupError('no\\nrow')\nstep(fill, '')", 5, "in fill()\n  LookupError: no row"),
        ("def fill(c):\n    raise SystemExit(0)\nstep(fill, '')", 5, "SystemExit: 0"),
        ("def fill(c):\n    c.execute('INSERT INTO t VALUES (%s, %s)', [1])\nstep(fill, '')", 5, "2 placeholders"),
        ("def fill(c):\n    c.execute('INSERT INTO nowhere VALUES (1)')\nstep(fill, '')", 5, "PostgreSQL 42P01"),
        ("step('''\n    SELECT 1;\n    SELECT nothing''', '')", 6, "nothing"),
        ("step('SEL' + 'ECT nothing', '')", 0, "PostgreSQL 42703"),
        ("import a_module_that_is_not_there\nstep('SELECT 1', '')", 4, "ModuleNotFoundError: No module named"),
        ("1 / 0\nstep('SELECT 1', '')", 4, "it could not be loaded: ZeroDivisionError"),
        ("raise SystemExit(3)\nstep('SELECT 1', '')", 4, "it could not be loaded: SystemExit"),
        ("exec('__transactional__ = False')\nstep('SELECT 1', '')", 0, "something else"),
    ],
)
def test_a_failure_names_the_file_and_the_line_and_leaves_nothing(
    table: Project, text: str, line: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What went wrong is told by the line of the file, never by a traceback; the transaction is rolled back."""
    path = write(table, f'step("INSERT INTO app.t VALUES (7)", "")\n{text}\n', head=HEAD)
    # The head has two lines, and the step another.
    with pytest.raises(errors.Error) as caught:
        apply(table)
    shown = str(caught.value)
    assert words in shown
    if line:
        assert f"{path}:{line}" in shown
    assert "Traceback" not in shown
    assert caught.value.hint
    own = "pgconn.exec_" in text  # what it committed itself stays, as it is told
    assert ask(table, "SELECT count(*) FROM app.t") == [(int(own),)]
    assert ask(table, f"SELECT count(*) FROM schemata._yoyo_migration WHERE migration_id = '{FILL}'") == [(0,)]
    assert capfd.readouterr() == ("", "")
    found = ask(table, f"SELECT state, error_line FROM schemata.attempts WHERE migration_id = '{FILL}'")
    assert found in ([], [("failed", line or None)])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("step(", 3, "it is not valid Python"),
        ("x = 1", 0, "it calls step() nowhere"),
        ("__depends__ = {name for name in ()}\nstep('SELECT 1')", 3, "__depends__ cannot be told from the text"),
        ("if True:\n    __transactional__ = False\nstep('SELECT 1')", 4, "__transactional__ cannot be told"),
        ("__transactional__ = 0\nstep('SELECT 1')", 3, "__transactional__ cannot be told"),
        ("__depends__ = {'app.20990101000000.none'}\nstep('SELECT 1')", 0, "there is no such migration file"),
        ("step('COMMIT', '')", 3, "the engine opens and commits the transaction itself"),
        ("step('''\n  SELECT 1;\n  VACUUM''', '')", 5, "cannot run inside a transaction"),
    ],
)
def test_what_can_be_known_without_running_it_is_refused_before_anything_runs(
    table: Project, text: str, line: int, words: str
) -> None:
    """A file that could not be run as it says leaves an empty database empty."""
    path = write(table, text, head=HEAD)
    with pytest.raises(errors.Error) as caught:
        apply(table)
    assert words in str(caught.value)
    if line:
        assert f"{path}:{line}" in str(caught.value)
    assert ask(table, "SELECT to_regnamespace('app')") == [(None,)]


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("# irreversible: rows are gone\n", "it has the line `# irreversible:` and also a rollback of each step"),
        ("# depends: app.20250101000000.table\n", "which yoyo does not read in a migration in Python"),
        ("# transactional: false\n", "Write __transactional__ = False instead"),
        ("# irreversable: rows are gone\n", "Did you mean `-- irreversible:`?"),
    ],
)
def test_the_leading_comment_follows_the_rules_of_sql(table: Project, head: str, words: str) -> None:
    """Directives are the same words; those that yoyo has in Python are written as yoyo has them."""
    write(table, "step('SELECT 1', '')", head=head + HEAD)
    with pytest.raises(errors.Error) as caught:
        apply(table)
    assert words in str(caught.value)


def test_status_and_a_dry_run_never_run_the_file(table: Project, tmp_path: Path) -> None:
    """They are told from its text: SQL is shown, calls are named, and its order is that of `__depends__`."""
    ran = tmp_path / "ran"
    write(
        table,
        f"""
        open({str(ran)!r}, "w").close()
        SQL = "INSERT INTO app.t VALUES (1)"

        def fill(connection):
            pass

        step(SQL, "DELETE FROM app.t WHERE a = 1")
        step(fill, lambda connection: None, ignore_errors="all")
        """,
        "app.20240101000000.fill",
        head=f"# Fill the table.\n#\n# breaking: a reader sees rows\n{HEAD}{DEPENDS}",
    )
    found = status.status_of(config.load(table.root, {}), url=table.url)
    assert [row.title for row in found.compared.rows] == ["table", "Fill the table."]
    planned = apply(table, dry_run=True).planned
    assert [one["id"] for one in planned] == [TABLE, "app.20240101000000.fill"]
    assert planned[1]["sql"] == (
        "-- step 1, line 14: SQL\nINSERT INTO app.t VALUES (1)\n-- step 2, line 15: calls fill()\n"
        "-- an error of it is ignored (ignore_errors=all)\n"
    )
    assert not ran.exists()
    apply(table)
    assert ran.exists()
    ran.unlink()
    undone = rollback.rollback(config.load(table.root, {}), url=table.url, dry_run=True)
    assert undone.planned[0]["sql"] == (
        "-- step 1, line 15: calls lambda connection: None\n-- an error of it is ignored (ignore_errors=all)\n"
        "-- step 2, line 14: SQL\nDELETE FROM app.t WHERE a = 1\n"
    )
    assert any("app.t" in loss for loss in undone.planned[0]["destroys"])
    assert not ran.exists()


def test_an_error_that_is_to_be_ignored_takes_only_its_step_back(table: Project) -> None:
    """`ignore_errors` sets a savepoint around the step, or the group; what yoyo says of it is one line."""
    said: list[str] = []
    write(
        table,
        """
        step("INSERT INTO app.t VALUES (1)", "")
        step("INSERT INTO app.t VALUES (2); INSERT INTO app.t VALUES (1)", "", ignore_errors="apply")
        group(step("INSERT INTO app.t VALUES (3)", ""), step("SELECT 1 / 0", ""), ignore_errors="all")
        step("INSERT INTO app.t VALUES (4)", "")
        """,
    )
    apply(table, said)
    assert ask(table, "SELECT array_agg(a ORDER BY a) FROM app.t") == [([1, 4],)]
    ignored = [line for line in said if "Ignored error" in line]
    assert len(ignored) == 2
    assert "UniqueViolation: duplicate key" in ignored[0]
    assert "\n" not in ignored[0]


def test_a_lock_that_is_not_free_is_tried_again_with_the_whole_file(table: Project) -> None:
    """Each try loads the file again, so that nothing of the first is left in it; an ignored error does not hide it."""
    table.configure("[tool.schemata.locks]\nlock_timeout = '100ms'\nattempts = 20\nbackoff = '50ms'\n")
    apply(table)
    write(
        table,
        """
        tries = []

        def fill(connection):
            tries.append(1)
            connection.execute("INSERT INTO app.t VALUES (%s)", (len(tries),))

        step(fill, "")
        step("ALTER TABLE app.t ADD COLUMN c int", "", ignore_errors="apply")
        """,
    )
    with psycopg.connect(table.url) as holder:
        holder.execute("SELECT * FROM app.t")

        class Heard(list[str]):
            def append(self, line: str) -> None:
                super().append(line)
                if "(try 2 of" in line:
                    holder.rollback()

        result = apply(table, Heard())
    assert result.done[0].tries > 2
    assert ask(table, "SELECT a, c FROM app.t") == [(1, None)]


def test_what_is_printed_is_reported_and_standard_output_stays_the_commands(
    table: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """A SELECT's rows, which yoyo prints, print() and the server's notices come as lines of progress."""
    write(
        table,
        """
        def raised(connection):
            heard = []
            connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
            connection.execute("DO $$BEGIN RAISE NOTICE 'told'; END$$")
            assert heard == ["told"]

        step('SELECT 41 + 1 AS answer', '')
        step(lambda c: print('so', end=''), '')
        step(raised, '')
        """,
    )
    said: list[str] = []
    apply(table, said)
    assert any("told" in line for line in said)
    assert any("42" in line for line in said)
    assert "so" in said
    assert capsys.readouterr().out == ""


def test_the_session_is_as_before_after_a_file_that_changes_it(table: Project) -> None:
    """Settings, prepared statements and temporary tables end with the migration; the deploy lock does not."""
    write(
        table,
        """
        def spoil(connection):
            for _ in range(9):
                connection.execute("SELECT %s", (1,), prepare=True)
            connection.execute("DEALLOCATE ALL; SET search_path = nowhere; CREATE TEMP TABLE left_over (a int)")

        step(spoil, "")
        """,
    )
    later = "app.20250103000000.later"
    names = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE '_pg3%'"
    temporary = "SELECT count(*) FROM pg_class WHERE relname = 'left_over'"
    table.write(later, f"CREATE TABLE app.seen AS SELECT ({names}) AS a, ({temporary}) AS b, current_schema() AS c;\n")
    assert [one.id for one in apply(table).done] == [TABLE, FILL, later]
    assert ask(table, "SELECT a, b, c FROM app.seen") == [(0, 0, "app")]


def test_an_edit_is_seen_and_one_of_comments_is_a_note(table: Project) -> None:
    """The checksum is of the text; what the text means is for Python to say, whose layout matters."""
    path = write(table, "step('SELECT 1', '')  # one\n")
    apply(table)
    settings = config.load(table.root, {})
    path.write_text(path.read_text().replace("  # one", ""))
    codes = [one.code for one in status.status_of(settings, url=table.url).compared.findings]
    assert codes == ["reformatted"]
    path.write_text(path.read_text().replace("SELECT 1", "SELECT 2"))
    changed = status.status_of(settings, url=table.url).compared.findings[0]
    assert changed.code == "changed"
    assert f"applied/{FILL}.py" in changed.detail
    with pytest.raises(errors.Error, match="was edited after it was applied"):
        apply(table)


def test_a_step_without_a_rollback_is_not_rolled_back(table: Project) -> None:
    """Yoyo would remove the record and leave what the step did; an empty rollback says there is nothing to undo."""
    write(table, "step('INSERT INTO app.t VALUES (1)', '')\nstep('INSERT INTO app.t VALUES (2)')\n")
    apply(table)
    with pytest.raises(rollback.Irreversible, match="its step in line 5 has no rollback"):
        undo(table)
    assert ask(table, "SELECT count(*) FROM app.t") == [(2,)]


def test_a_rollback_that_is_none_once_the_file_is_loaded_is_refused(table: Project) -> None:
    """What the text cannot tell is looked at before anything is undone."""
    write(table, "for number in (1, 2):\n    step(f'INSERT INTO app.t VALUES ({number})', [None, ''][number - 1])\n")
    apply(table)
    with pytest.raises(failures.NotReversible):
        undo(table)
    assert ask(table, "SELECT count(*) FROM app.t") == [(2,)]


def test_a_connection_that_is_lost_in_a_call_is_settled_by_the_history(table: Project) -> None:
    """Whether it was committed is asked again; here it was not."""
    write(table, "step(lambda c: c.execute('SELECT pg_terminate_backend(pg_backend_pid())'), '')")
    with pytest.raises(migrate.ConnectionEnded, match="The history records: 1 applied"):
        apply(table)


def test_steps_without_a_transaction_commit_one_by_one_and_go_on_where_they_stopped(table: Project) -> None:
    """What is done stays done; statements of one step count for themselves; the file is run again from there."""
    head = f"{HEAD}{DEPENDS}__transactional__ = False\n"
    done = """
        step("INSERT INTO app.t VALUES (1); INSERT INTO app.t VALUES (2)", "DELETE FROM app.t")
        step("CREATE INDEX CONCURRENTLY t_b ON app.t (b)", "DROP INDEX app.t_b")
        step('''SELECT 1;
            SELECT 1 / (SELECT count(*) FROM app.t WHERE a = 9)''', '')
        """
    path = write(table, done, head=head)
    with pytest.raises(errors.MigrationError) as caught:
        apply(table)
    assert f"{path}:9" in str(caught.value)
    assert "Its first 4 statements are committed and stay" in str(caught.value)
    assert ask(table, "SELECT count(*) FROM app.t") == [(2,)]
    counts = "SELECT state, statements_done, statement_count FROM schemata.attempts"
    states = ask(table, f"{counts} WHERE migration_id = '{FILL}'")
    assert states == [("failed", 4, 5)]
    with psycopg.connect(table.url) as connection:
        connection.execute("INSERT INTO app.t VALUES (9)")
    assert [one.id for one in apply(table).done] == [FILL]
    assert ask(table, "SELECT count(*) FROM app.t") == [(3,)]
    assert [one.id for one in undo(table).done] == [FILL]
    assert ask(table, "SELECT to_regclass('app.t_b')") == [(None,)]


def test_a_call_without_a_transaction_may_commit_batches(table: Project) -> None:
    """It is given autocommit; a transaction that it leaves open is rolled back and told."""
    head = f"{HEAD}{DEPENDS}__transactional__ = False\n"
    write(
        table,
        """
        def fill(connection):
            for number in range(3):
                with connection.transaction():
                    connection.execute("INSERT INTO t VALUES (%s, txid_current()::text)", (number,))
            connection.execute("BEGIN")
            connection.execute("INSERT INTO t VALUES (9)")

        step(fill, "DELETE FROM app.t")
        """,
        head=head,
    )
    with pytest.raises(failures.CallFailed, match="left a transaction open"):
        apply(table)
    assert ask(table, "SELECT count(*), count(DISTINCT b) FROM app.t") == [(3, 3)]
    # What it had committed by then is for a person to judge.
    with pytest.raises(errors.MigrationError, match="must be judged by a person"):
        apply(table)


def test_an_idempotent_call_is_run_again_without_a_question(table: Project) -> None:
    """`__idempotent__ = True` says that a step which stopped in the middle may begin again."""
    head = f"{HEAD}{DEPENDS}__transactional__ = False\n__idempotent__ = True\n"
    text = """
        step("CREATE TABLE app.marks (a int)", "DROP TABLE app.marks")

        def fill(connection):
            for number in range(3):
                connection.execute("INSERT INTO t VALUES (%s) ON CONFLICT DO NOTHING", (number,))
                connection.execute("SELECT 1 / (SELECT count(*) FROM app.marks)")

        step(fill, "DELETE FROM app.t")
        """
    write(table, text, head=head)
    with pytest.raises(errors.MigrationError, match="division by zero"):
        apply(table)
    assert ask(table, "SELECT count(*) FROM app.t") == [(1,)]
    with psycopg.connect(table.url) as connection:
        connection.execute("INSERT INTO app.marks VALUES (1)")
    assert [one.id for one in apply(table).done] == [FILL]
    assert ask(table, "SELECT count(*) FROM app.t") == [(3,)]


def test_without_yoyo_only_a_pending_migration_in_python_is_refused(
    table: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status, a dry run and a deploy with nothing in Python pending need neither yoyo nor this part of the engine."""
    write(table, "step('SELECT 1', '')\n")
    apply(table)
    for name in [name for name in sys.modules if name.split(".")[0] == "yoyo"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "yoyo", None)
    table.write("app.20250103000000.later", "SELECT 1;\n")
    assert [one.id for one in apply(table).done] == ["app.20250103000000.later"]
    assert status.status_of(config.load(table.root, {}), url=table.url).ok
    write(table, "step('SELECT 1', '')\n", "app.20250104000000.more", head=HEAD)
    apply(table, dry_run=True)
    with pytest.raises(failures.NotInstalled, match="here there is no yoyo") as caught:
        apply(table)
    assert caught.value.exit_code == errors.NOT_AVAILABLE
    assert "pip install yoyo-migrations" in caught.value.hint


def test_the_text_itself_runs_and_nothing_is_written_beside_it(table: Project) -> None:
    """Compiled code beside the file, perhaps of another text, is neither read nor made."""
    path = write(table, "step('INSERT INTO app.t VALUES (1)', '')\n")
    apply(table)
    assert sorted(one.name for one in path.parent.iterdir()) == sorted(
        [f"{TABLE}.sql", f"{TABLE}.rollback.sql", path.name]
    )
    assert logging.getLogger("yoyo.migrations").propagate


def test_a_new_migration_in_python_is_refused_until_it_is_filled_in(table: Project) -> None:
    """`migrate-new --python` writes one file that passes every check and says itself that it does nothing yet."""
    settings = config.load(table.root, {})
    written = authoring.new(settings, schema="app", name="Fill the table", python=True)
    assert written.facts["files"] == [f"migrations/app/{written.facts['id']}.py"]
    assert status.status_of(settings, url=table.url).compared.rows[1].title == "Fill the table."
    with pytest.raises(failures.CallFailed, match="NotImplementedError: write what the migration does"):
        apply(table)
    (table.root / "migrations" / "app" / f"{written.facts['id']}.py").unlink()


def test_restamp_moves_a_migration_in_python_and_the_names_in_it(table: Project) -> None:
    """One file is renamed once, and `__depends__` of what needs it says the new id."""
    table.write("app.20250105000000.later", "SELECT 1;\n")
    apply(table)
    other = "app.20250103000000.other"
    write(table, "step('SELECT 1', '')\n")
    path = write(table, "step('SELECT 1', '')\n", other, head=f"{HEAD}__depends__ = {{'{FILL}', '{TABLE}'}}  # é\n")
    moved = restamp.restamp(config.load(table.root, {}), url=table.url)
    assert moved.ok
    assert not path.exists()
    ids = [one.id for one in apply(table).done]
    assert [one.rpartition(".")[2] for one in ids] == ["fill", "other"]
    text = (path.parent / f"{ids[1]}.py").read_text(encoding="utf-8")
    assert f'__depends__ = {{"{ids[0]}", "{TABLE}"}}  # é' in text


def test_a_squash_does_not_replace_what_it_cannot_read(table: Project) -> None:
    """What a call leaves besides structure is in no text; a squash through what lies before it may go on."""
    write(table, "step('SELECT 1', '')\n")
    sources = files.read(table.root / "migrations", ["app"])
    with pytest.raises(errors.MigrationError, match="is in Python"):
        plan.make(sources, FILL, "baseline")
    made = plan.make(sources, TABLE, "baseline")
    ((item, text),) = plan.rewritten(made, {TABLE: "app.20250101000000.baseline"}, "app.20250101000000.baseline")
    assert item.id == FILL
    assert '__depends__ = {"app.20250101000000.baseline"}' in text


def test_the_embedded_server_offers_what_a_step_asks_for(table: Project) -> None:
    """CREATE EXTENSION in the SQL of a step is seen before there is a server."""
    write(table, "step('CREATE EXTENSION IF NOT EXISTS hstore', '')\n")
    asked = extensions.asked_for(table.root / "migrations", ["app"])
    assert [(one.name, one.is_certain) for one in asked] == [("hstore", True)]


def test_a_replay_runs_it_too(table: Project) -> None:
    """What the migrations make is known from a database in which a step in Python ran, or the reason why not."""
    path = write(table, "step(lambda c: c.execute('CREATE TABLE made ()'), 'DROP TABLE app.made')\n")
    settings = config.load(table.root, {})
    sources = files.read(settings.migrations, ["app"])
    made = expected.replay(settings, sources, _programs("").major)
    assert any("made" in key for key in map(str, made.structure.items))
    path.write_text(path.read_text().replace("made ()", "nowhere.made ()"))
    with pytest.raises(expected.ReplayFailed, match='schema "nowhere" does not exist'):
        expected.replay(settings, files.read(settings.migrations, ["app"]), _programs("").major)
    path.write_text("from yoyo import step\nstep(lambda c: 1 / 0, '')\n")
    with pytest.raises(expected.ReplayFailed, match="ZeroDivisionError"):
        expected.replay(settings, files.read(settings.migrations, ["app"]), _programs("").major)


def test_a_connection_that_is_made_again_keeps_its_locks(table: Project) -> None:
    """A start that has its turn in the queue of boots does not lose it to those that wait."""
    write(table, "step('SELECT 1', '')\n")
    settings = config.load(table.root, {})
    sources = files.read(settings.migrations, ["app"])
    keys = (boot_queue.QUEUE_KEY, -5)
    with waiting.connect(table.url, application_name="test") as connection:
        for key in keys:
            connection.query(f"SELECT pg_try_advisory_lock({key})")
        before = connection.backend_pid
        deployment.make_ready(connection, targets.choose(settings, table.url), sources[:1])
        assert connection.backend_pid == before
        deployment.make_ready(connection, targets.choose(settings, table.url), sources)
        assert connection.backend_pid != before
        for key in keys:
            assert ask(table, f"SELECT pg_try_advisory_lock({key})") == [(False,)]
