"""Two databases that differ in one statement: what the difference of their snapshots says, and what pg_dump says.

The cases are rows of `cases/<kind>.toml`. `base` runs in both databases, then `before` in one and `after` in the other;
each is SQL, or a list of SQL that is sent piece by piece where one message would be one transaction. `class` is the
worst severity that the difference must have, "none" for none. pg_dump must agree, unless the row says why not:
`not_compared` names a line of `kinds.NOT_COMPARED`, `oracle` tells what pg_dump leaves out. `finds` lists the subjects
of the differences where the class alone would not tell that the right thing was found.
"""

import contextlib
import difflib
import subprocess
import tomllib
import uuid
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from _pytest.mark.structures import ParameterSet

from schemata.parity import diff
from schemata.postgres import libpq, urls
from schemata.server.embedded import binaries, server_state
from schemata.snapshot import kinds, model, reading

FOLDER = Path(__file__).with_name("cases")
NONE = "none"
# Roles and tablespaces belong to the server: the cases only use them.
ROLES = ("parity_owner", "parity_reader", "parity_writer")
TABLESPACE = "parity_disk"
_SUBSCRIPTIONS = """SELECT quote_ident(subname) FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""

Script = tuple[str, ...]


class Case(NamedTuple):
    """One row: what runs in which database, and what must be found."""

    base: Script
    before: Script
    after: Script
    severity: str
    finds: tuple[str, ...] | None
    not_compared: str | None
    oracle: str | None


class Side(NamedTuple):
    """One of the two databases, as it was read."""

    snapshot: model.Snapshot
    dump: str
    done: Script  # what was not refused


class Databases:
    """Make databases, run SQL in them, read them; one that was read before is not made again."""

    def __init__(self, server: server_state.Server, programs: binaries.Binaries, admin: psycopg.Connection) -> None:
        self._server, self._programs, self._admin = server, programs, admin
        self._templates: dict[Script, str] = {}
        self._read: dict[tuple[Script, Script], Side] = {}

    def sides(self, case: Case) -> tuple[Side, Side]:
        """Return both databases; what ran in one is often the same as in another of the file's cases."""
        keys = [
            key for key in dict.fromkeys([(case.base, case.before), (case.base, case.after)]) if key not in self._read
        ]
        # No change: two databases all the same.
        twin = case.before == case.after
        made = self.read(case.base, [script for _, script in keys] + [case.after] * twin)
        self._read.update(zip(keys, made, strict=False))
        return self._read[case.base, case.before], made[-1] if twin else self._read[case.base, case.after]

    def read(self, base: Script, scripts: Sequence[Script], *, skip_refused: bool = False) -> list[Side]:
        """Run each script in a database of its own, at once; what is refused is an error, or is skipped."""
        template = self._template(base)
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda script: self._side(template, script, skip_refused), scripts))

    def _template(self, base: Script) -> str:
        if base not in self._templates:
            name = f"base_{uuid.uuid4().hex[:12]}"
            self._admin.execute(f"CREATE DATABASE {name} TEMPLATE template1")
            self._run(name, base)
            self._templates[base] = name
        return self._templates[base]

    def _side(self, template: str, script: Script, skip_refused: bool) -> Side:
        name = f"case_{uuid.uuid4().hex[:12]}"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            done = self._run(name, script, skip_refused)
            with libpq.connect(self._url(name), timeout=20, application_name="cases") as connection:
                snapshot = reading.read(connection.query)
                dump = self._dump(name)
                # A database that has one cannot be dropped, and one that knows of a slot would look for it.
                for (subscription,) in connection.query(_SUBSCRIPTIONS):
                    connection.query(f"ALTER SUBSCRIPTION {subscription} SET (slot_name = NONE)")
                    connection.query(f"DROP SUBSCRIPTION {subscription}")
            return Side(snapshot, dump, done)
        finally:
            self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, name: str, script: Script, skip_refused: bool = False) -> Script:
        done = []
        with psycopg.connect(self._url(name), autocommit=True) as connection:
            for sql in script:
                with contextlib.suppress(*([psycopg.Error] if skip_refused else [])):
                    connection.execute(sql.encode())
                    done.append(sql)
        return tuple(done)

    def _dump(self, name: str) -> str:
        program = self._programs.program("pg_dump")
        done = subprocess.run(
            [str(program), "--schema-only", "--restrict-key=x", f"--dbname={self._url(name)}"],
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()  # as it is: text mode would take \r\n for \n

    def _url(self, name: str) -> str:
        return urls.with_database(self._server.url, name)


def _script(value: object) -> Script:
    pieces = value if isinstance(value, list) else [value]
    return tuple(piece for piece in map(str, pieces) if piece.strip())


def _rows(path: Path) -> Iterator[tuple[dict[str, object], Case]]:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    for row in table["case"]:
        unknown = row.keys() - {
            "name", "before", "after", "class", "least", "most", "finds", "not_compared", "oracle",
        }  # fmt: skip
        assert not unknown, f"{path.name}: {row['name']}: {unknown}"
        yield (
            row,
            Case(
                _script(table.get("base", "")),
                _script(row.get("before", "")),
                _script(row["after"]),
                row["class"],
                tuple(row["finds"]) if "finds" in row else None,
                row.get("not_compared"),
                row.get("oracle"),
            ),
        )


def _parameters() -> Iterator[ParameterSet]:
    for path in sorted(FOLDER.glob("*.toml")):
        for row, case in _rows(path):
            versions = pytest.mark.pg(least=row.get("least", 0), most=row.get("most", 99))
            # The cases of a file have databases in common, which one worker then makes.
            together = pytest.mark.xdist_group(f"cases of {path.stem}")
            yield pytest.param(case, id=f"{path.stem}: {row['name']}", marks=[versions, together])


def _worst(found: tuple[diff.Difference, ...]) -> str:
    return min((one.severity for one in found), key=kinds.SEVERITIES.index, default=NONE)


def _worst_of_fingerprints(one: model.Snapshot, other: model.Snapshot) -> str:
    """Return the worst class in which the fingerprints of any schema differ."""
    left, right = one.fingerprints(), other.fingerprints()
    nothing = model.Snapshot("", "", 0, (), ()).fingerprints()[""]
    for number, severity in enumerate(kinds.SEVERITIES):
        for name in left.keys() | right.keys():
            pair = {side.get(name, nothing).split(".")[number] for side in (left, right)}
            if len(pair) > 1:
                return severity
    return NONE


def told(found: tuple[diff.Difference, ...]) -> str:
    """Return the differences as text for a failure."""
    lines = []
    for one in found:
        lines.append(f"  {one.change} {one.subject} [{one.severity}]")
        lines += [f"      {change.fact}: {change.expected!r} -> {change.actual!r}" for change in one.changes]
        lines += [f"      with {diff.subject(part)}" for part in one.parts]
    return "\n".join(lines) or "  nothing"


def dump_changes(one: str, other: str) -> str:
    """Return the differences of two texts of pg_dump as text for a failure."""
    lines = difflib.unified_diff(one.split("\n"), other.split("\n"), "before", "after", lineterm="", n=0)
    return "\n".join(f"  {line}" for line in lines) or "  nothing"


_MIRRORED = {"missing": "extra", "extra": "missing", "changed": "changed"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try every case; on another version than the usual one a third of them, always the same, unless --whole."""
    if "case" in metafunc.fixturenames:
        cases = list(_parameters())
        if metafunc.config.getoption("--postgres") and not metafunc.config.getoption("--whole"):
            cases = [one for one in cases if zlib.crc32(str(one.id).encode()) % 3 == 0]
        metafunc.parametrize("case", cases)


def test_the_difference_is_what_pg_dump_sees_and_of_the_expected_class(case: Case, databases: Databases) -> None:
    before, after = databases.sides(case)
    there = diff.diff(before.snapshot, after.snapshot)
    back = diff.diff(after.snapshot, before.snapshot)
    said = f"we find\n{told(there)}\nback\n{told(back)}\npg_dump finds\n{dump_changes(before.dump, after.dump)}"

    assert _worst(there) == case.severity, f"the class is {_worst(there)}, not {case.severity}: {said}"
    if case.finds is not None:
        assert tuple(one.subject for one in there) == case.finds, said
    for side in (before, after):
        assert len({item.key for item in side.snapshot.items}) == len(side.snapshot.items)
        assert model.from_json(model.to_json(side.snapshot)) == side.snapshot
    mirrored = [(_MIRRORED[one.change], one.subject, one.severity) for one in there]
    assert sorted(mirrored) == sorted((one.change, one.subject, one.severity) for one in back), said
    assert _worst_of_fingerprints(before.snapshot, after.snapshot) == case.severity, f"by fingerprints: {said}"

    dumps_differ = before.dump != after.dump
    if case.oracle:
        assert not dumps_differ, f"pg_dump does see it ({case.oracle}): {said}"
    elif case.not_compared:
        assert dumps_differ, f"there is nothing to compare: {said}"
        assert case.severity == NONE, said
    else:
        assert dumps_differ == (case.severity != NONE), f"pg_dump does not agree: {said}"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_the_cases_of_a_kind_begin_with_no_change_and_have_names_of_their_own(path: Path) -> None:
    rows = list(_rows(path))
    names = [row["name"] for row, _ in rows]
    assert len(names) == len(set(names))
    first = rows[0][1]
    assert names[0] == "no change"
    assert first.before == first.after
    assert first.severity == NONE
    listed = {what for what, _ in kinds.NOT_COMPARED}
    for row, case in rows:
        assert case.severity in (NONE, *kinds.SEVERITIES), row["name"]
        assert case.not_compared is None or case.not_compared in listed, row["name"]
        assert names[0] == row["name"] or case.before != case.after, row["name"]


def test_there_are_as_many_cases_as_the_documents_say() -> None:
    cases = [case for path in FOLDER.glob("*.toml") for _, case in _rows(path)]
    assert len(cases) >= 200
    same_meaning = [case for case in cases if case.severity == NONE and case.before != case.after]
    assert len(same_meaning) >= 30
