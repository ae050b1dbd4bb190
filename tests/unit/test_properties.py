"""What holds for any input: a clear error or success, and never anything else."""
# ruff: noqa: PT017 - success is as good as a refusal here, so pytest.raises does not fit

import datetime
import io
import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemata import boot, config, errors
from schemata.history import difference
from schemata.migrations import builds, checksums, files, leading_comment, migration
from schemata.migrations import revision as revisions
from schemata.postgres import lock_holder, urls
from schemata.report import render

TEXT = st.text(max_size=30)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
IDS = st.builds(
    lambda schema, time, slug: f"{schema}.{time:%Y%m%d%H%M%S}.{slug}",
    NAMES,
    st.datetimes(datetime.datetime(1970, 1, 1)),
    NAMES,
)

# What TOML can hold; keys are often our own, so that values of a wrong kind reach each converter.
_LEAVES = st.one_of(
    TEXT, st.booleans(), st.integers(), st.floats(), st.datetimes(), st.sampled_from(["1s", "app", "public", "refuse"])
)
_SETTINGS = [
    "name", "schemas", "migrations", "history_schema", "search_path", "out_of_order", "accepts", "create_database",
    "prisma_lock", "postgres", "wait", "locks", "server", "pages",
]  # fmt: skip
_VARIABLES = [f"SCHEMATA_{name}".upper() for name in (*_SETTINGS, "locks_wait", "server_port", "wait_delay")]
_INNER = [
    "attempts",
    "delay",
    "lock_timeout",
    "backoff",
    "kind",
    "port",
    "settings",
    "table",
    "order",
    "index",
    "filter",
]
_KEYS = st.sampled_from(_INNER) | TEXT
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=6
)


@given(
    st.dictionaries(st.sampled_from(_SETTINGS) | TEXT, _VALUES, max_size=5),
    st.dictionaries(
        st.sampled_from(
            [f"SCHEMATA_{name}".upper() for name in (*_SETTINGS, "locks_wait", "server_port", "wait_delay")]
        ),
        st.text(st.characters(exclude_characters="\0"), max_size=20),
        max_size=3,
    ),
    st.booleans(),
)
def test_settings_of_any_kind(table: dict[str, Any], environment: dict[str, str], complete: bool) -> None:
    """Any table and any environment give settings, or an error that names the setting."""
    if complete:
        table = {**table, "schemas": ["app"]}
    try:
        found = config.parse(table, Path("/project"), environment)
    except config.values.InvalidSetting as error:
        assert error.where
        assert str(error).startswith(error.where)
    else:
        assert found.schemas
        assert found.history_schema not in found.schemas
        assert found.migrations.is_absolute()
        assert 0.001 <= found.locks.lock_timeout <= 60


@given(st.one_of(TEXT, st.from_regex(r"\d+(\.\d+)?\s*(ms|s|min|h|d)?", fullmatch=True), st.floats(), st.integers()))
@example("٣")
@example("²")
@example(float("nan"))
@example(float("inf"))
@example("9" * 400)
def test_a_duration_of_any_kind(value: Any) -> None:
    """A duration is a number of seconds that is not negative, not infinite and not NaN, or it is refused."""
    try:
        found = config.values.seconds(value, "here")
    except config.values.InvalidSetting:
        return
    assert 0 <= found < float("inf")


@given(st.lists(TEXT | st.sampled_from(["--url", "--url=x", "--until", "--wait-only", "--", "-v", "--until=", "svc"])))
def test_a_command_line_of_any_kind(arguments: list[str]) -> None:
    """Any arguments of a boot are options, or a wrong command line; the command after -- is taken as it stands."""
    before = list(arguments)
    try:
        options = boot.parse(arguments)
    except errors.ConfigError as error:
        assert error.exit_code == errors.WRONG_SETTINGS
        assert error.hint == boot.USAGE
    else:
        assert options.command == (before[before.index("--") + 1 :] if options.command else [])
        assert bool(options.command) is ("--" in before)
    assert arguments == before


@given(TEXT | IDS)
def test_a_file_name_of_any_kind(stem: str) -> None:
    """A name is parsed into its three parts, which make it again, or it is refused."""
    try:
        parts = migration.parse_id(stem)
    except migration.InvalidMigration as error:
        assert error.hint
    else:
        assert ".".join(parts) == stem
        assert all(parts)
        assert migration.is_timestamp(parts[1])


_LINES = TEXT | st.sampled_from([
    "-- depends: app.20250101000000.a", "-- transactional: false", "-- irreversible: x", "-- phase: expand",
    "-- depend: x", "/* a", "*/", "SELECT 1;", "$$", "$a$", "'", '"', "E'\\'", "--", "", "   ", "-- title",
    "/* /*", "-- breaking:", "--transactional:true",
])  # fmt: skip


@given(st.lists(_LINES).map("\n".join))
def test_directives_in_any_text(sql: str) -> None:
    """Any text has directives or is refused with its line; an empty line at the end changes nothing."""
    try:
        found = leading_comment.parse_directives(sql, "x.sql")
    except migration.InvalidMigration as error:
        assert error.path == "x.sql"
        assert 1 <= error.line <= sql.count("\n") + 1
    else:
        assert leading_comment.parse_directives(sql + "\n", "x.sql") == found


def _made(id_: str, depends: tuple[str, ...] = (), text: str = "") -> migration.Migration:
    parts = migration.parse_id(id_)
    directives = migration.Directives(depends=depends)
    return migration.Migration(id_, *parts, f"{id_}.sql", text, checksums.checksum(text), directives)


@st.composite
def _graphs(draw: st.DrawFn) -> list[migration.Migration]:
    """Draw migrations that depend on others in any way that has no circle."""
    ids = draw(st.lists(IDS, unique=True, max_size=10))
    needs = [draw(st.lists(st.sampled_from(ids[:number]), max_size=3)) if number else [] for number in range(len(ids))]
    return [_made(id_, tuple(need)) for id_, need in zip(ids, needs, strict=True)]


@given(_graphs(), st.randoms(use_true_random=False))
def test_the_one_order(items: list[migration.Migration], dice: Any) -> None:
    """The order has everything once, dependencies first, and does not depend on the order of reading."""
    ordered = migration.order(items)
    place = {item.id: number for number, item in enumerate(ordered)}
    assert sorted(place) == sorted(item.id for item in items)
    assert all(place[need] < place[item.id] for item in items for need in item.directives.depends)
    shuffled = list(items)
    dice.shuffle(shuffled)
    assert migration.order(shuffled) == ordered
    # Two neighbours that could change places stand in the order of time.
    for one, next_ in itertools.pairwise(ordered):
        assert one.id in next_.directives.depends or (one.timestamp, one.id) < (next_.timestamp, next_.id)


@given(_graphs().filter(bool), st.data())
def test_a_circle_is_always_found(items: list[migration.Migration], data: st.DataObject) -> None:
    """With one dependency too many the error is a true circle of the dependencies, whatever else hangs on it."""
    one, other = data.draw(st.sampled_from(items)), data.draw(st.sampled_from(items))
    needs = {item.id: item.directives.depends for item in items}
    needs[one.id] += (other.id,)
    needs[other.id] += (one.id,)
    looped = [_made(id_, depends) for id_, depends in needs.items()]
    with pytest.raises(migration.DependencyCycle) as caught:
        migration.order(looped)
    cycle = caught.value.cycle
    assert all(need in needs[id_] for id_, need in zip(cycle, (*cycle[1:], cycle[0]), strict=True))


MEMBERS = st.lists(st.tuples(IDS, TEXT), unique_by=lambda member: member[0], max_size=8)


@given(MEMBERS, st.randoms(use_true_random=False))
def test_the_digest_is_of_a_set(members: list[tuple[str, str]], dice: Any) -> None:
    """However members come and go, the digest is that of the set; it is 64 hexadecimal digits."""
    shuffled = list(members)
    dice.shuffle(shuffled)
    assert checksums.of(shuffled) == checksums.of(members)
    moved = checksums.EMPTY
    for member in shuffled:
        moved = checksums.add(moved, *member)
        assert len(moved) == 64
    assert moved == checksums.of(members)
    for number, member in enumerate(members):
        moved = checksums.remove(moved, *member)
        assert moved == checksums.of(members[number + 1 :])
    assert moved == checksums.EMPTY


@given(st.binary(max_size=40))
def test_normalising_twice_changes_nothing(data: bytes) -> None:
    """Normalised text has \\n line ends only, and stays as it is when it is read again."""
    try:
        text = checksums.normalise(data)
    except UnicodeDecodeError:
        return
    assert "\r" not in text
    assert text.startswith("\ufeff") or checksums.normalise(text.encode()) == text


@given(TEXT)
def test_no_settings_text_breaks_their_reading(text: str) -> None:
    """Any text in place of a URL is normalised, redacted and taken apart without an error."""
    for url in (text, f"postgresql://{text}", f"postgresql://u:p@h/d?{text}", f"host=h {text}"):
        urls.normalise(url)
        urls.redact(url)
        urls.database_of(url)
        urls.without_password(url)
        urls.with_database(url, "d")


@given(NAMES, NAMES, NAMES, st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12))
def test_a_database_can_be_changed(user: str, host: str, name: str, password: str) -> None:
    """The database that was put in is the one that is read; login and place stay, the password can be taken out."""
    url = f"postgresql://{user}:{password}@{host}:5432/before?sslmode=require"
    changed = urls.with_database(url, name)
    assert urls.database_of(changed) == name
    assert changed == url.replace("/before", f"/{name}")
    bare, secret = urls.without_password(changed)
    assert secret == password
    assert bare == f"postgresql://{user}@{host}:5432/{name}?sslmode=require"
    assert urls.redact(url) == f"postgresql://{user}:***@{host}:5432/before?sslmode=require"


CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=200))


@given(st.integers(1, 9).flatmap(lambda count: st.tuples(
    st.lists(NAMES, min_size=count, max_size=count),
    st.lists(st.lists(CELLS, min_size=count, max_size=count), max_size=5),
)))  # fmt: skip
def test_a_table_of_any_cells_fits(shape: tuple[list[str], list[list[Any]]]) -> None:
    """A table has one line a row, of at most 100 characters, and nothing in it that a terminal obeys."""
    columns, rows = shape
    text = render.table(columns, rows, render.Paint(io.StringIO(), {}))
    lines = text.split("\n")
    assert len(lines) == len(rows) + 2
    assert max(len(line) for line in lines) <= 100
    assert all(character.isprintable() for line in lines for character in line)


@given(MEMBERS)
def test_a_seal_is_read_as_it_was_written(members: list[tuple[str, str]]) -> None:
    """A sealed build knows the digest, the last id and the settings of the migrations that it was made of."""
    items = [_made(id_, text=text) for id_, text in members]
    settings = {"history": "schemata", "schemas": "app,other", "lock_wait": "300.0"}
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "migrations").mkdir()
        digest = checksums.of([(item.id, item.checksum) for item in items])
        text = files.seal_text(digest, items[-1].id if items else "", settings, {})
        (Path(root) / "migrations" / builds.SEAL).write_text(text, encoding="utf-8")
        build = builds.known(root)
    assert build is not None
    assert build.digest == digest
    assert build.last == (items[-1].id if items else "-")
    assert settings.items() <= build.settings.items()


@given(TEXT | st.lists(st.sampled_from(
    ["schemata seal 1", "schemata stat cache 3", "digest 0", "last -", "history h", "schemas a", "folder /x",
     "settings_stamp -", "", "0 0 a b", "a", "digest"]
)).map("\n".join))  # fmt: skip
def test_a_damaged_shortcut_stops_nobody(text: str) -> None:
    """Whatever stands in the seal or the stat cache, it is known what the build has, or it is not."""
    with tempfile.TemporaryDirectory() as root:
        for path in (Path(root) / ".schemata" / "stat-cache", Path(root) / "migrations" / builds.SEAL):
            path.parent.mkdir()
            path.write_text(text, encoding="utf-8", errors="surrogatepass")
            build = builds.known(root)
            assert build is None or build.digest


@given(TEXT, st.integers(1, 2**22), TEXT)
def test_an_application_name_always_fits(host: str, pid: int, doing: str) -> None:
    """PostgreSQL never has to cut a deployer's name."""
    assert len(lock_holder.application_name(host, pid, "20250814T221815Z", doing).encode()) <= 63


@given(TEXT, TEXT)
def test_a_holder_of_any_name_is_described(application: str, query: str) -> None:
    """Whatever another session calls itself, it is described in words that begin with its pid."""
    assert lock_holder.Holder(7, application=application, query=query).describe().startswith("backend 7: ")


@given(TEXT, TEXT)
def test_a_revision_of_any_form(revision: str, accepts: str) -> None:
    """Whether a revision lies in a range is answered for any text."""
    assert revisions.within(revision, accepts) in (True, False)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=60), st.text(max_size=60))
def test_a_diff_has_both_sides(before: str, after: str) -> None:
    """Equal texts have no diff; of others every line that went and came is in it."""
    found = difference.diff(before, after, "x")
    assert (found == "") is (before == after)
    assert found == "" or found.endswith("\n")
