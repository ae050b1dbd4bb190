"""The typed client: what is written, that it works and is typed, when it is stale, and when it is refused."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from schemata.client import stamps
from tests.acceptance.conftest import CommandLine
from tests.conftest import REPOSITORY, Project

ONE = "app.20250101000001.one"
TWO = "app.20250101000002.two"
CLIENT = """
[tool.schemata.client]
package = "app_client"
"""
SERVICE = """
[tool.schemata.services.svc]
command = ["python", "-m", "svc"]
client = true
"""
#: Names that two schemas share, references between schemas in both directions, and what is hard to name.
SHARED = """\
-- Two schemas that know each other.
CREATE TYPE app.state AS ENUM ('new', 'it''s done');
CREATE TABLE app.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,
    state app.state NOT NULL DEFAULT 'new', public boolean, boss_id bigint REFERENCES app.users (id));
CREATE TABLE app.friends (one bigint REFERENCES app.users (id), other bigint REFERENCES app.users (id),
    PRIMARY KEY (one, other));
CREATE TABLE app.index (id int PRIMARY KEY, "class" text, metadata jsonb, tags text[]);
CREATE TABLE app.logs (at timestamptz, what text);
CREATE VIEW app.names AS SELECT name FROM app.users;
COMMENT ON TABLE app.users IS 'People.';
"""
OTHER = """\
-- The other one.
CREATE TYPE other.state AS ENUM ('open', 'closed');
CREATE TABLE other.users (id bigint PRIMARY KEY REFERENCES app.users (id), state other.state NOT NULL,
    amount numeric(10, 2) NOT NULL CHECK (amount > 0));
CREATE INDEX users_amount ON other.users (amount);
CREATE TABLE other.memberships (user_id bigint REFERENCES app.users (id), member_id bigint REFERENCES other.users (id),
    PRIMARY KEY (user_id, member_id));
"""


@pytest.fixture
def two(project: Project, schemata: CommandLine) -> Project:
    """Give a project of two schemas that refer to each other, migrated."""
    project.schemas = ("app", "other")
    project.configure(CLIENT)
    project.write(ONE, SHARED)
    project.write("other.20250101000002.two", OTHER)
    assert schemata("migrate").returncode == 0
    return project


def _files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def _python(project: Project, code: str) -> str:
    """Run code with the client on the path; every warning is an error."""
    path = os.pathsep.join([str(project.root / "client"), str(REPOSITORY)])
    ended = project.run([sys.executable, "-W", "error", "-c", code], PYTHONPATH=path)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_client_works(two: Project, schemata: CommandLine) -> None:
    """Two schemas may share names; rows are written and read through relationships that cross from one to the other."""
    ended = schemata("generate")
    assert ended.returncode == 0, ended.stderr
    said = _python(
        two,
        "import os, sqlalchemy as sa, sqlalchemy.orm as orm\n"
        "from app_client import app, metadata, other\n"
        "orm.configure_mappers()\n"
        "assert app.Users is not other.Users and app.State is not other.State\n"
        "url = os.environ['DATABASE_URL'].replace('postgresql:', 'postgresql+psycopg:')\n"
        "engine = sa.create_engine(url)\n"
        "with orm.Session(engine) as s, s.begin():\n"
        "    boss = app.Users(name='boss', state=app.State.IT_S_DONE)\n"
        "    one = app.Users(name='one', boss=boss)\n"
        "    s.add(one)\n"
        "    s.flush()\n"
        "    s.add(other.Users(id=one.id, state=other.State.OPEN, amount=2))\n"
        "with orm.Session(engine) as s:\n"
        "    found = s.scalars(sa.select(app.Users).where(app.Users.boss.has(name='boss'))).one()\n"
        "    print(found.name, found.boss.state.value, sorted(metadata.tables))\n"
        "engine.dispose()\n",
    )
    tables = ["app.friends", "app.index", "app.logs", "app.names", "app.users", "other.memberships", "other.users"]
    assert said == f"one it's done {tables}\n"


@pytest.mark.xdist_group("mypy")
def test_the_client_is_typed(two: Project, schemata: CommandLine, mypy_cache: Path) -> None:
    """mypy --strict accepts the package, sees through a relationship into the other schema, and ruff passes over it."""
    assert schemata("generate").returncode == 0
    use = two.root / "client" / "use.py"
    use.write_text(
        "from app_client import app, other\n\n\n"
        "def name(user: other.Users) -> int:\n    return user.state\n\n\n"
        "def boss(user: app.Users) -> str | None:\n    return user.boss.name if user.boss else None\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={mypy_cache}", "use.py", "app_client"],
        cwd=use.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.splitlines()[:-1] == [
        'use.py:5: error: Incompatible return value type (got "OtherState", expected "int")  [return-value]'
    ], ended.stdout + ended.stderr
    use.unlink()
    for words in (["check"], ["format", "--check"]):
        checked = subprocess.run(
            [sys.executable, "-m", "ruff", *words, f"--config={REPOSITORY / 'pyproject.toml'}", "--no-cache", "."],
            cwd=use.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout


def test_the_same_structure_gives_the_same_files(
    two: Project, schemata: CommandLine, make_database: Callable[..., str]
) -> None:
    """Generated again nothing is touched; from another database, byte for byte the same, the stamp too."""
    assert schemata("generate").returncode == 0
    folder = two.root / "client" / "app_client"
    first, inode = _files(folder), folder.stat().st_ino
    ended = schemata("generate")
    assert "matches the database already" in ended.stdout
    assert folder.stat().st_ino == inode
    two.url = make_database()
    assert schemata("migrate").returncode == 0
    shutil.rmtree(folder)
    assert schemata("generate").returncode == 0
    assert _files(folder) == first
    assert "People." not in "".join(first.values())  # a comment is no part of the structure


def test_check_tells_what_is_stale(two: Project, schemata: CommandLine) -> None:
    """--check writes nothing and exits 1 for a missing, an older and an edited client, and says what differs."""
    folder = two.root / "client" / "app_client"
    ended = schemata("generate", "--check")
    assert (ended.returncode, folder.exists()) == (1, False)
    assert "app.py is missing" in ended.stdout
    assert schemata("generate").returncode == 0
    assert schemata("generate", "--check").returncode == 0

    edited = folder / "app.py"
    text = edited.read_text()
    edited.write_text(text + "\nx = 1\n")
    ended = schemata("generate", "--check")
    assert ended.returncode == 1
    assert "app.py differs" in ended.stdout
    assert "inv generate" in ended.stdout
    edited.write_text(text)
    assert schemata("generate", "--check").returncode == 0

    two.write("other.20250101000003.three", "ALTER TABLE other.users ADD COLUMN note text;\n")
    assert schemata("migrate").returncode == 0
    before = _files(folder)
    ended = schemata("generate", "--check")
    assert ended.returncode == 1
    assert "schema other is no longer what the client was generated from" in ended.stdout
    assert _files(folder) == before
    assert schemata("generate").returncode == 0
    assert "note: Mapped[Optional[str]]" in (folder / "other.py").read_text()
    assert schemata.json("generate", "--check")["ok"] is True


def test_another_major_version_has_the_same_client(two: Project, schemata: CommandLine) -> None:
    """Digests of another major version say nothing: then the files themselves are compared, and a start trusts
    the migrations."""
    assert schemata("generate").returncode == 0
    path = two.root / "client" / "app_client" / stamps.FILE
    stamp = stamps.parse(path.read_text())
    assert stamp is not None
    stamp.major, stamp.structure = 9, dict.fromkeys(stamp.structure, "0" * 32)
    path.write_text(stamp.text())
    assert schemata("generate", "--check").returncode == 0
    two.configure(CLIENT + SERVICE)
    ended = two.boot("svc")
    assert ended.returncode == 0
    assert "generating" not in ended.stderr
    stamp.migrations = "0"
    path.write_text(stamp.text())
    assert "generating the typed client" in two.boot("svc").stderr


def test_only_the_schemas_that_are_asked_for(two: Project, schemata: CommandLine) -> None:
    """With [tool.schemata.client] schemas the rest is left out, references to it too."""
    two.configure(CLIENT + 'schemas = ["other"]\n')
    assert schemata("generate").returncode == 0
    assert sorted(_files(two.root / "client" / "app_client")) == [
        "STAMP", "__init__.py", "_base.py", "_loaders.py", "_sqltypes.py", "_types.py", "other.py", "py.typed",
    ]  # fmt: skip
    said = _python(two, "import sqlalchemy.orm as o; from app_client import metadata; o.configure_mappers();"
                        "print(sorted(metadata.tables))")  # fmt: skip
    assert said == "['other.memberships', 'other.users']\n"


def test_it_is_refused_where_it_would_be_another_builds(two: Project, schemata: CommandLine) -> None:
    """Pending migrations are exit 4, a database that is ahead exit 1, no declared client exit 2; nothing is written."""
    three = two.write("app.20250101000003.three", "CREATE TABLE app.three ();\n")
    schemata.refused("generate", code=1, says=("NotMigrated", "1 migration is pending", "inv migrate"))
    assert schemata("migrate").returncode == 0
    three.unlink()
    three.with_suffix(".rollback.sql").unlink()
    schemata.refused("generate", code=1, says=("OtherHistory", "ahead", "accepts"))
    two.configure()
    schemata.refused("generate", code=2, says=("NoClient", "no typed client is declared", "[tool.schemata.client]"))
    assert not (two.root / "client").exists()


def test_a_missing_library_is_named(two: Project, schemata: CommandLine, tmp_path: Path) -> None:
    """Without the extra `client` the exit code is 3, the text says what to install, and nothing is written."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sqlalchemy.py").write_text("raise ModuleNotFoundError('gone', name='sqlalchemy')\n")
    schemata.refused(
        "generate",
        code=3,
        says=("RuntimeNotFound", "sqlalchemy", "pip install 'pgschemata[client]'"),
        PYTHONPATH=str(tmp_path / "hidden"),
    )
    assert not (two.root / "client" / "app_client").exists()


def test_a_role_that_may_only_read_generates_the_same(
    two: Project, schemata: CommandLine, make_role: Callable[..., str]
) -> None:
    """No right on a table is needed, only USAGE on the schemas; where that is missing the GRANT is named."""
    assert schemata("generate").returncode == 0
    first = _files(two.root / "client" / "app_client")
    shutil.rmtree(two.root / "client")
    grants = ["GRANT USAGE ON SCHEMA schemata", "GRANT SELECT ON ALL TABLES IN SCHEMA schemata"]
    url = make_role(two.url, *grants)
    schemata.refused("generate", "--url", url, code=1, says=("StructureUnreadable", "schema app", "GRANT USAGE"))
    url = make_role(two.url, *grants, "GRANT USAGE ON SCHEMA app, other")
    assert schemata("generate", "--url", url).returncode == 0
    assert _files(two.root / "client" / "app_client") == first


def test_a_folder_that_cannot_be_written(two: Project, schemata: CommandLine) -> None:
    """A read-only place is exit 2 and names the variable for another one."""
    if os.getuid() == 0:
        (two.root / "client").symlink_to("/proc/self")  # not even root makes a folder there
    else:
        (two.root / "client").mkdir(mode=0o555)
    schemata.refused("generate", code=2, says=("ClientNotWritable", "cannot be written", "SCHEMATA_CLIENT_DIR"))


def test_a_file_in_the_way_is_told(two: Project, schemata: CommandLine) -> None:
    """A place that cannot be a folder is exit 2, for root too."""
    (two.root / "client").write_text("in the way\n")
    schemata.refused("generate", code=2, says=("ClientNotWritable", "cannot be written", "SCHEMATA_CLIENT_DIR"))


def _by_hand(package: Path) -> None:
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("answer = 42\n")


def _by_hand_with_a_stamp(package: Path) -> None:
    _by_hand(package)
    (package / stamps.FILE).write_text(stamps.Stamp(18, "0", {"app": "0"}).text())


def _generated_and_more(package: Path) -> None:
    (package / "queries.py").write_text("# By hand.\n")


def _generated_and_a_folder(package: Path) -> None:
    (package / "sub").mkdir()
    (package / "sub" / "kept.py").write_text("")


def _generated_and_a_link(package: Path) -> None:
    (package / "app.py").rename(package.parent / "elsewhere.py")
    (package / "app.py").symlink_to("../elsewhere.py")


def _without_a_stamp(package: Path) -> None:
    (package / stamps.FILE).unlink()


def _a_link(package: Path) -> None:
    package.rename(package.with_name("elsewhere"))
    package.symlink_to("elsewhere")


def _a_file(package: Path) -> None:
    package.parent.mkdir(parents=True)
    package.write_text("in the way\n")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_by_hand, "it has no STAMP written by"),
        (_by_hand_with_a_stamp, "its __init__.py was not written by `inv generate`"),
        (_generated_and_more, "its queries.py was not written by `inv generate`"),
        (_generated_and_a_folder, "its sub was not written by `inv generate`"),
        (_generated_and_a_link, "its app.py was not written by `inv generate`"),
        (_without_a_stamp, "it has no STAMP written by"),
        (_a_link, "it is not a folder"),
        (_a_file, "it is not a folder"),
    ],
)
def test_what_was_not_generated_is_never_replaced(
    two: Project, schemata: CommandLine, tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    """A folder of that name which is no client of ours, or has more in it, is exit 2 and stays, for a start too."""
    two.configure(CLIENT + SERVICE)
    package = two.root / "client" / "app_client"
    if make not in (_by_hand, _by_hand_with_a_stamp, _a_file):
        assert schemata("generate").returncode == 0
    make(package)
    two.write("app.20250101000003.three", "CREATE TABLE app.three ();\n")
    assert schemata("migrate").returncode == 0
    spare = tmp_path / "spare"
    shutil.copytree(package.parent, spare, symlinks=True)
    for folder in (package.parent, spare):
        before = _everything(folder)
        if folder == spare:
            ended = two.boot("svc", "--", "echo", "started", SCHEMATA_CLIENT_DIR=str(spare))
            assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
            assert f"NotOurClient: {spare}/app_client is not a generated client: {says}" in ended.stderr
        else:
            schemata.refused("generate", code=2, says=("NotOurClient", says, "Move it away"))
        assert _everything(folder) == before


def _everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_what_python_left_is_not_in_the_way(two: Project, schemata: CommandLine) -> None:
    """A client that was imported has a __pycache__, and is replaced with it; an empty folder is filled."""
    package = two.root / "client" / "app_client"
    package.mkdir(parents=True)
    assert schemata("generate").returncode == 0
    _python(two, "import app_client")
    (package / "__pycache__").mkdir(exist_ok=True)
    two.write("app.20250101000003.three", "CREATE TABLE app.three ();\n")
    assert schemata("migrate").returncode == 0
    assert schemata("generate").returncode == 0
    assert "three" in (package / "app.py").read_text()


def test_the_platforms_client_is_fresh(platform: str) -> None:
    """services/client, as it is committed, is what the platform's migrations give."""
    ended = subprocess.run(
        [sys.executable, "-m", "invoke", "generate", "--check", f"--url={platform}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture
def service(project: Project) -> Project:
    """Give a project with a service that has a client, migrated and generated by its first start."""
    project.configure(CLIENT + SERVICE)
    project.write(ONE, "-- One.\nCREATE TABLE app.one (id int PRIMARY KEY);\n", "DROP TABLE app.one;\n")
    ended = project.boot("svc")
    assert ended.returncode == 0, ended.stderr
    assert "generating the typed client" in ended.stderr
    return project


def _path(project: Project, *arguments: str, **extra: str) -> tuple[str, str]:
    """Boot the service; return where it would find its client, and what was said."""
    ended = project.boot(*arguments, "--", "sh", "-c", "echo $PYTHONPATH", **extra)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split(os.pathsep)[0], ended.stderr


def test_a_start_generates_what_its_service_needs(service: Project, tmp_path: Path) -> None:
    """A fresh client is left alone; a stale one is generated again, in SCHEMATA_CLIENT_DIR where that is set, and
    comes first on the command's path."""
    own = service.root / "client"
    place, said = _path(service, "svc")
    assert place == str(own)
    assert said.count("\n") == 1
    service.write(TWO, "-- Two.\nCREATE TABLE app.two (id int PRIMARY KEY);\n")
    before = _files(own / "app_client")
    spare = tmp_path / "spare"
    place, said = _path(service, "svc", SCHEMATA_CLIENT_DIR=str(spare))
    assert place == str(spare)
    assert "schema app is no longer what the client was generated from" in said
    assert "class Two(Base)" in (spare / "app_client" / "app.py").read_text()
    assert _files(own / "app_client") == before
    place, said = _path(service, "svc", SCHEMATA_CLIENT_DIR=str(spare))
    assert (place, said.count("\n")) == (str(spare), 1)


def test_other_services_skip_the_client(service: Project) -> None:
    """A service that declares none, and a start without a name, neither look for a client nor generate one."""
    shutil.rmtree(service.root / "client")
    for arguments in (["other"], []):
        assert service.boot(*arguments).returncode == 0
    assert not (service.root / "client").exists()


def test_wait_only_generates_too(service: Project) -> None:
    """A replica that must not migrate still brings its client up to date."""
    shutil.rmtree(service.root / "client")
    _, said = _path(service, "svc", "--wait-only")
    assert "generating the typed client" in said
    assert (service.root / "client" / "app_client" / "app.py").exists()


def test_an_older_build_keeps_its_own_client(service: Project, tmp_path: Path) -> None:
    """On a newer database that it accepts a build uses the client it was built with, not one of the newer structure."""
    two = service.write(TWO, "-- Two.\nCREATE TABLE app.two (id int PRIMARY KEY);\n")
    old = _files(service.root / "client" / "app_client")
    spare = tmp_path / "spare"
    place, _ = _path(service, "svc", SCHEMATA_CLIENT_DIR=str(spare))
    assert place == str(spare)
    two.unlink()
    two.with_suffix(".rollback.sql").unlink()
    refused = service.boot("svc", "--", "echo", "started", SCHEMATA_CLIENT_DIR=str(spare))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert ONE in refused.stderr
    assert TWO in refused.stderr
    accepts = "20250101000001..20250101000002"
    place, said = _path(service, "svc", SCHEMATA_CLIENT_DIR=str(spare), SCHEMATA_ACCEPTS=accepts)
    assert place == str(service.root / "client")
    assert "generating" not in said
    assert _files(service.root / "client" / "app_client") == old


def test_a_sealed_build_generates_from_its_settings(service: Project, schemata: CommandLine, tmp_path: Path) -> None:
    """What the fast path knows of clients is sealed with the build, and holds without a stat cache."""
    assert schemata("seal").returncode == 0
    place, said = _path(service, "svc")
    assert (place, said.count("\n")) == (str(service.root / "client"), 1)
    (service.root / "client" / "app_client" / stamps.FILE).unlink()
    place, said = _path(service, "svc", SCHEMATA_CLIENT_DIR=str(tmp_path / "spare"))
    assert place == str(tmp_path / "spare")


def test_a_start_that_cannot_generate_ends(service: Project) -> None:
    """Exit 2 names the mount and the variable; the command is not run."""
    shutil.rmtree(service.root / "client")
    (service.root / "file").write_text("")
    place = service.root / "file" / "client"
    ended = service.boot("svc", "--", "echo", "started", SCHEMATA_CLIENT_DIR=str(place))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"Mount a writable volume or a tmpfs at {place} (SCHEMATA_CLIENT_DIR)" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_interrupted_writer_leaves_the_old_client(service: Project) -> None:
    """What a killed writer left beside is not in the way, and goes when it is old."""
    left = service.root / "client" / ".app_client.4711.1.tmp"
    left.mkdir()
    os.utime(left, (0, 0))
    service.write(TWO, "-- Two.\nCREATE TABLE app.two (id int PRIMARY KEY);\n")
    assert _path(service, "svc")[0] == str(service.root / "client")
    assert [path.name for path in (service.root / "client").iterdir()] == ["app_client"]
    with psycopg.connect(service.url) as connection:
        row = connection.execute("SELECT structure->>'app' FROM schemata.head").fetchone()
    stamp = stamps.parse((service.root / "client" / "app_client" / stamps.FILE).read_text())
    assert row is not None
    assert stamp is not None
    assert stamp.structure["app"] == row[0].partition(".")[0]
