"""Which migrations wait to be asked for, and what an old build may go on with."""

from schemata.history.held import compatible, old_sessions, phases
from schemata.migrations import checksums, leading_comment, migration
from tests.unit import cases


def made(number: int, head: str) -> migration.Migration:
    """Return a migration with these directives."""
    id_ = f"app.2025010100000{number}.m{number}"
    directives = leading_comment.parse_directives(head, f"{id_}.sql")
    return migration.Migration(
        id_, "app", f"2025010100000{number}", f"m{number}", f"{id_}.sql", "", f"c{number}", directives
    )


def phase(change: str, word: str, table: str = "app.t", more: str = "") -> str:
    """Return the head of a file of a change."""
    tables = f"-- tables: {table}\n" if word == "expand" else ""
    return f"-- change: {change}\n-- phase: {word}\n{tables}{more}"


FILES = [
    made(0, "-- T\n"),
    made(1, phase("a", "expand")),
    made(2, phase("a", "backfill")),
    made(3, phase("a", "contract", more="-- breaking: b\n")),
    made(4, phase("a", "finish")),
    made(5, "-- T\n-- depends: app.20250101000003.m3\n"),
    made(6, phase("b", "expand")),
    made(7, phase("c", "expand", "app.u")),
]
EVERY = range(8)


def of(numbers: list[int]) -> set[str]:
    """Return the ids of these files."""
    return {FILES[number].id for number in numbers}


@cases.named(
    ("applied", "seen", "expected"),
    [
        ("nothing but the first", [0], phases.Seen(), [2, 3, 4, 5, 6]),
        ("expanded", [0, 1], phases.Seen(), [2, 3, 4, 5, 6]),
        ("filled", [0, 1, 2], phases.Seen(), [3, 4, 5, 6]),
        ("contracted", [0, 1, 2, 3], phases.Seen(), [6]),
        ("contracted, and kept", [0, 1, 2, 3], phases.Seen(kept={"a": "later"}), [4, 6]),
        ("complete", [0, 1, 2, 3, 4], phases.Seen(), []),
        ("straight through", [0], phases.Seen(through=frozenset(["a", "b", "c"])), []),
        ("one of two straight through", [0], phases.Seen(through=frozenset(["b"])), [2, 3, 4, 5]),
        ("another is open", [0, 6], phases.Seen(), [1, 2, 3, 4, 5]),
    ],
)
def test_what_is_held(applied: list[int], seen: phases.Seen, expected: list[int]) -> None:
    """Phases wait in their order, what needs them with them, and a second change of the table too."""
    # `b` has one file only, so it is complete once that is applied: it is in the way as long as another is to come.
    files = [*FILES, made(8, phase("b", "contract"))]
    held = phases.held(files, of(applied), seen)
    assert {id_ for id_ in held if id_ != files[8].id} == of(expected)
    assert all(one.text and one.remedy.startswith("inv change") for one in held.values())


def test_an_interrupted_phase_is_pending() -> None:
    """It was asked for, so the next run goes on with it."""
    assert FILES[3].id not in phases.held(FILES, of([0, 1, 2]), begun=of([3]))


def test_a_build_without_changes_holds_nothing() -> None:
    """Nothing is looked at where there is no change."""
    assert phases.held([FILES[0]], set()) == {}


def test_an_old_build_finds_its_own_digest() -> None:
    """It takes out what it has no file of, the newest first; what is not compatible ends the list."""
    old = checksums.of([(FILES[0].id, FILES[0].checksum)])
    listed, digest = "", old
    for item in FILES[1:3]:
        listed = compatible.after(listed, item)
        digest = checksums.add(digest, item.id, item.checksum)
    assert compatible.suits(listed, digest, lambda one: one == old)
    assert compatible.suits(
        compatible.without(listed, FILES[2].id), checksums.remove(digest, FILES[2].id, "c2"), old.__eq__
    )
    assert not compatible.suits(listed, digest, lambda one: one == "0")
    contracted = compatible.after(listed, FILES[3])
    assert contracted == ""
    assert not compatible.suits(contracted, checksums.add(digest, FILES[3].id, "c3"), old.__eq__)
    assert compatible.ids(compatible.after(listed, FILES[5], proved=True)) == of([1, 2, 5])


@cases.named(
    ("application", "role", "expected"),
    [
        ("an older build", "svc@20250101000000", "app", True),
        ("this build", "svc@20250101000001", "app", False),
        ("no build", "svc", "app", False),
        ("named by its application", "billing 7", "app", True),
        ("named by its role", "", "legacy", True),
        ("a named one that tells its build", "billing@20250101000001", "legacy", False),
    ],
)
def test_a_session_of_an_old_version(application: str, role: str, expected: bool) -> None:
    """The build that a session tells decides; where it tells none, what the project says of it."""
    session = old_sessions.Session(1, role, application, "", "idle", "")
    assert old_sessions.is_old(session, "20250101000001", ("billing*",), ("legacy",)) is expected
