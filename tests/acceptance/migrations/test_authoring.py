"""Files that the commands write: a new migration, the manifest of a build."""

import re

from schemata import config
from schemata.migrations import files
from tests.acceptance.conftest import CommandLine
from tests.conftest import Project

ONE = "app.20250101000001.one"


def test_a_new_migration_is_two_files_that_can_be_read(project: Project, schemata: CommandLine) -> None:
    """Both files are written, named for after every other, and parse as they are; the same again is another."""
    future = "app.20990101000000.future"
    project.write(future, "SELECT 1;\n")
    ids = [schemata.json("migrate-new", "--name", name)["id"] for name in ("Create Invoices", "create-invoices")]
    assert re.fullmatch(r"app\.20990101000001\.create_invoices", ids[0])
    assert re.fullmatch(r"app\.20990101000002\.create_invoices", ids[1])
    settings = config.load(project.root, {})
    read = files.with_rollbacks(files.read(settings.migrations, settings.schemas))
    assert [item.id for item in read] == [future, *ids]
    for item in read[1:]:
        assert item.directives.title == "Create invoices."
        assert item.transactional
        assert item.rollback_path.endswith(f"{item.id}.rollback.sql")
        assert f"{item.id}.sql" in item.rollback_sql


def test_a_new_migration_with_a_wrong_name_writes_nothing(project: Project, schemata: CommandLine) -> None:
    """A slug that is no slug, an unknown schema, or neither given: exit 2, the reason, and no file."""
    says: tuple[tuple[list[str], tuple[str, ...]], ...] = (
        (["--name", "naïve"], ("'naïve' is not a name for a migration", "lower-case words")),
        (["--name", "a/b"], ("'a/b' is not a name for a migration",)),
        (["--name", "../x"], ("'../x' is not a name for a migration",)),
        (["--name", "a" * 101], ("is not a name for a migration", "at most 100 letters")),
        (["--name", "x", "--schema", "web"], ("there is no schema web in [tool.schemata]", "Known: app.")),
        ([], ("a migration needs a schema and a name", "inv migrate-new --schema app --name create_something")),
    )
    for flags, parts in says:
        schemata.refused("migrate-new", *flags, code=2, says=parts)
    assert [path for path in (project.root / "migrations").rglob("*") if path.is_file()] == []


def test_the_first_migration_of_a_new_project(project: Project, schemata: CommandLine) -> None:
    """Without a migrations folder a new migration makes it."""
    (project.root / "migrations" / "app").rmdir()
    (project.root / "migrations").rmdir()
    schemata.refused("migrate", code=2, says=("there is no folder", "migrations", "inv migrate-new"))
    assert schemata("migrate-new", "--name", "first").returncode == 0
    assert len(list((project.root / "migrations" / "app").iterdir())) == 2


def test_a_seal_says_what_the_files_say(project: Project, schemata: CommandLine) -> None:
    """--check is 1 without a seal or after any edit, 0 after sealing; sealing again writes the same bytes."""
    path = project.write(ONE, "-- One.\nCREATE TABLE app.one ();\n")
    manifest, seal = (project.root / "migrations" / name for name in ("manifest", "seal"))
    ended = schemata("seal", "--check")
    assert (ended.returncode, manifest.exists(), seal.exists()) == (1, False, False)
    assert f"{manifest} does not exist.\nWrite it: inv seal" in ended.stdout
    assert schemata("seal").returncode == 0
    sealed = seal.read_bytes()
    assert ONE in sealed.decode()
    assert ONE in manifest.read_text()
    assert schemata("seal", "--check").returncode == 0
    assert schemata("seal").returncode == 0
    assert seal.read_bytes() == sealed

    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert schemata("seal", "--check").returncode == 0, "a checkout with CRLF is the same build"
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int);\n")
    ended = schemata("seal", "--check")
    assert ended.returncode == 1
    assert "does not match the migration files" in ended.stdout
    project.write(ONE, "-- One.\nCREATE TABLE app.one ();\n")
    project.configure("[tool.schemata.wait]\nattempts = 3\n")
    assert schemata("seal", "--check").returncode == 1, "a boot reads the retry policy from the seal"
    assert seal.read_bytes() == sealed


def test_two_branches_that_add_a_migration_meet_in_the_manifest(project: Project, schemata: CommandLine) -> None:
    """Every migration has a line of its own; the digest, the count and the schema's structure change with each."""
    project.write(ONE, "CREATE TABLE app.one ();\n")
    assert schemata("lock").returncode == 0
    manifest = project.root / "migrations" / "manifest"
    before = manifest.read_text().splitlines()
    project.write("app.20250101000002.two", "CREATE TABLE app.two ();\n")
    refused = schemata("seal")
    assert refused.returncode == 1
    assert "does not match the migration files, so the structure that it expects is not theirs" in refused.stderr
    assert schemata("lock", "--check").returncode == 1
    assert schemata("lock").returncode == 0
    after = manifest.read_text().splitlines()
    assert len(after) == len(before) + 1
    gone = sorted(line.rpartition(" ")[0] for line in set(before) - set(after))
    assert [line.partition(" ")[0] for line in gone] == ["1", "count", "digest"]
    assert gone[0].endswith(" app")
    # A merge of two branches leaves its marks; the lock file is written again from the files.
    manifest.write_text("\n".join(["<<<<<<< HEAD", *before, "=======", *after, ">>>>>>> theirs"]), encoding="utf-8")
    ended = schemata("lock", "--check")
    assert (ended.returncode, "it has the marks of a merge conflict" in ended.stdout) == (1, True)
    assert schemata("lock").returncode == 0
    assert manifest.read_text().splitlines() == after
    assert schemata("seal").returncode == 0
