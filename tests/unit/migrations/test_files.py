"""files: migrations on disk, and the two shortcuts that remember them."""

import os
from pathlib import Path

import pytest

from schemata import errors
from schemata.migrations import builds, checksums, files
from tests.unit import cases

A = "app.20250101000000.a"
PYTHON = "app.20250102120000.fill"
B = "app.20250102000000.b"
SETTINGS = {"history": "schemata", "schemas": "app", "lock_wait": "300.0"}


def write(folder: Path, tree: dict[str, str | bytes]) -> Path:
    """Write files below a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_migrations_are_read_as_they_are(tmp_path: Path) -> None:
    """Text, checksum, directives and rollback come from the files; what is not a migration is left alone."""
    folder = write(
        tmp_path,
        {
            f"app/{B}.sql": f"-- B\n-- depends: {A}\nSELECT 2;\r\n",
            f"app/{A}.sql": b"\xef\xbb\xbf-- A\nSELECT 1;",
            f"app/{A}.rollback.sql": "-- transactional: false\nVACUUM;\n",
            "app/README.md": "x",
            "app/.hidden.sql": "x",
            "app/__init__.py": "",
            ".git/x.sql": "x",
            "notes/x.md": "x",
            "manifest": "x",
        },
    )
    first, second = files.with_rollbacks(files.read(folder, ["app", "absent"]))
    assert (first.id, first.schema, first.timestamp, first.slug) == (A, "app", "20250101000000", "a")
    assert (first.sql, first.rollback_sql, first.rollback_transactional) == (
        "-- A\nSELECT 1;",
        "-- transactional: false\nVACUUM;\n",
        False,
    )
    assert (second.sql, second.rollback_path, second.directives.depends) == (
        f"-- B\n-- depends: {A}\nSELECT 2;\n",
        "",
        (A,),
    )
    assert second.checksum == checksums.checksum(second.sql)
    assert Path(first.path).samefile(folder / "app" / f"{A}.sql")


@cases.named(
    ("tree", "words"),
    [
        ("outside the schemas' folders", {f"{A}.sql": ""}, "outside the schemas' folders"),
        ("a schema that is not listed", {"other/other.20250101000000.a.sql": ""}, "does not list the schema other"),
        ("a wrong name", {"app/0001_a.sql": ""}, "three parts"),
        ("another schema's name", {"app/other.20250101000000.a.sql": ""}, "its name says schema other"),
        ("a rollback alone", {f"app/{A}.rollback.sql": ""}, "this rollback file has no migration file of the "
        "same name"),
        ("Python without a step", {f"app/{A}.py": ""}, "it calls step() nowhere"),
        ("Python beside SQL", {f"app/{A}.py": "", f"app/{A}.sql": ""}, f"both have the id {A}"),
        ("not UTF-8", {f"app/{A}.sql": b"-- a\n\xff"}, f"{A}.sql:2: byte 5 is not UTF-8"),
        ("a NUL", {f"app/{A}.sql": "-- a\n\n\0"}, "Save the file as UTF-8 (UTF-16"),
        ("irreversible, with a rollback", {f"app/{A}.sql": "-- irreversible: x\n", f"app/{A}.rollback.sql": "x"},
         "also a rollback file"),
        ("a mistake in a rollback", {f"app/{A}.sql": "", f"app/{A}.rollback.sql": "-- transactional: 1\n"},
         f"{A}.rollback.sql:1"),
        ("an unknown dependency", {f"app/{A}.sql": f"-- depends: {B}\n"}, "but there is no such migration file"),
    ],
)  # fmt: skip
def test_what_would_be_skipped_elsewhere_is_refused(tmp_path: Path, tree: dict[str, str | bytes], words: str) -> None:
    """A file that would silently not run, or not as meant, stops the run and is named."""
    with pytest.raises(errors.Error) as caught:
        files.with_rollbacks(files.read(write(tmp_path, tree), ["app"]))
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_no_folder(tmp_path: Path) -> None:
    """Without a folder of migrations the error says how to make one."""
    with pytest.raises(errors.ConfigError, match=r"(?s)there is no folder .*migrate-new"):
        files.read(tmp_path / "migrations", ["app"])


def test_a_file_is_written_new_or_not_at_all(tmp_path: Path) -> None:
    """Nothing is overwritten, and folders are made."""
    path = tmp_path / "app" / "a.sql"
    files.write_new(path, "one\n")
    with pytest.raises(FileExistsError):
        files.write_new(path, "two\n")
    assert path.read_bytes() == b"one\n"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """After a failure the old content stands, and no temporary file is left."""
    path = tmp_path / "a"
    files.replace(path, "one\n")
    with pytest.raises(UnicodeEncodeError):
        files.replace(path, "two\n" * 10_000 + "\ud800")
    assert path.read_text() == "one\n"
    assert os.listdir(tmp_path) == ["a"]


def test_a_sealed_build_is_known_without_its_migrations(tmp_path: Path) -> None:
    """The seal gives the digest and the last id of what was read; the files are not needed any more."""
    folder = write(tmp_path / "migrations", {f"app/{A}.sql": "SELECT 1;\n", f"app/{B}.sql": "SELECT 2;\n"})
    items = files.read(folder, ["app"])
    digest = checksums.of([(item.id, item.checksum) for item in items])
    (folder / builds.SEAL).write_text(files.seal_text(digest, B, SETTINGS, {"1 18": {"app": "0a.0b.0c.0d"}}))
    for item in items:
        os.unlink(item.path)
    build = builds.known(str(tmp_path))
    assert build is not None
    assert build.sealed
    assert (build.digest, build.last) == (digest, B)
    assert build.settings | SETTINGS == build.settings
    assert build.expected == "1 18 app 0a.0b.0c.0d\n"


def remembered(tmp_path: Path) -> Path:
    """Make a working tree of two migrations that were read well after they were written."""
    python = "from yoyo import step\nstep('SELECT 3')\n"
    tree = {f"app/{A}.sql": "SELECT 1;\n", f"app/{B}.sql": "SELECT 2;\n", f"app/{PYTHON}.py": python}
    folder = write(tmp_path / "migrations", {**tree, "app/__init__.py": ""})
    (tmp_path / "pyproject.toml").write_text("")
    settings = {
        **SETTINGS,
        "folder": str(folder),
        "settings_stamp": builds.stamp(str(tmp_path / "pyproject.toml")),
    }
    files.remember(tmp_path / ".schemata" / "stat-cache", files.clock() + 1, settings, files.read(folder, ["app"]))
    return folder


def test_an_unchanged_working_tree_is_known_without_reading_it(tmp_path: Path) -> None:
    """While no stat differs, the digest comes from the cache."""
    folder = remembered(tmp_path)
    build = builds.known(str(tmp_path))
    assert build is not None
    assert not build.sealed
    assert build.digest == checksums.of([(item.id, item.checksum) for item in files.read(folder, ["app"])])


@cases.named(
    ("change",),
    [
        ("an edit", lambda folder: (folder / "app" / f"{A}.sql").write_text("SELECT 1; \n")),
        ("an edit of equal length with the old times", lambda folder: _edit_quietly(folder / "app" / f"{A}.sql")),
        ("an edit in Python", lambda folder: (folder / "app" / f"{PYTHON}.py").write_text("step('SELECT 4')\n")),
        ("a file of Python more", lambda folder: (folder / "app" / "app.20250103000000.c.py").write_text("")),
        (
            "Python that became SQL",
            lambda folder: (folder / "app" / f"{PYTHON}.py").rename(folder / f"app/{PYTHON}.sql"),
        ),
        ("a new file", lambda folder: (folder / "app" / "app.20250103000000.c.sql").write_text("")),
        ("a removed file", lambda folder: (folder / "app" / f"{B}.sql").unlink()),
        ("a renamed file", lambda folder: (folder / "app" / f"{B}.sql").rename(folder / "app" / "app.2.b.sql")),
        ("a file replaced by its copy", lambda folder: _replace_by_copy(folder / "app" / f"{B}.sql")),
        ("an edit of the settings", lambda folder: (folder.parent / "pyproject.toml").write_text("x = 1\n")),
        ("a cache cut off in its head", lambda folder: _cut_cache(folder.parent / ".schemata" / "stat-cache", 40)),
        ("a cache cut off in a line", lambda folder: _cut_cache(folder.parent / ".schemata" / "stat-cache", -20)),
        ("a cache of another release", lambda folder: (folder.parent / ".schemata/stat-cache").write_text("cache 9\n")),
        ("a folder that is gone", lambda folder: (folder / "app").rename(folder / "gone")),
    ],
)
def test_a_changed_working_tree_is_read_again(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    """Whatever changed, the shortcut says that it does not know, so that the files are read."""
    folder = remembered(tmp_path)
    change(folder)
    assert builds.known(str(tmp_path)) is None


def _edit_quietly(path: Path) -> None:
    times = path.stat()
    path.write_text("SELECT 9;\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the change time cannot be set back


def _replace_by_copy(path: Path) -> None:
    content = path.read_bytes()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(content)


def _cut_cache(path: Path, length: int) -> None:
    path.write_text(path.read_text()[:length])


def test_a_file_written_while_it_was_read_is_not_trusted(tmp_path: Path) -> None:
    """A file as young as its reading may have changed within one tick of the clock: it is read again."""
    folder = remembered(tmp_path)
    cache = tmp_path / ".schemata" / "stat-cache"
    settings = {**SETTINGS, "folder": str(folder), "settings_stamp": builds.stamp(str(tmp_path / "pyproject.toml"))}
    files.remember(cache, (folder / "app" / f"{A}.sql").stat().st_ctime, settings, files.read(folder, ["app"]))
    assert builds.known(str(tmp_path)) is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """On a read-only file system the next run reads the files; this one goes on."""
    folder = remembered(tmp_path)
    (tmp_path / "file").write_text("")
    files.remember(tmp_path / "file" / "stat-cache", files.clock(), SETTINGS, files.read(folder, ["app"]))
    assert (tmp_path / "file").read_text() == ""
