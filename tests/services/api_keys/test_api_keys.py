"""Who is let in: keys, their scopes and their ends, what is written of their use, and what is never written."""

import asyncio
import hmac
import json
import re
import secrets
import signal
import socket
import string
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from schemata.postgres import urls
from services import database as settings_of
from services.api_keys import checking, keys
from services.web import authentication
from tests.conftest import REPOSITORY
from tests.patience import until
from tests.services import access
from tests.services.conftest import Answer, Service, serving

READ, WRITE = ("financial:read",), ("financial:write",)


def bearer(made: keys.Made) -> str:
    """Return the header that brings a key."""
    return f"Bearer {made.text}"


def refusal(answer: Answer, status: int) -> str:
    """Check that an answer is a problem with this status and, for a key, a challenge; return what it says."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["instance"] == f"urn:uuid:{answer.headers['X-Request-Id']}"
    assert (answer.headers["WWW-Authenticate"] or "").startswith('Bearer realm="') == (status in (401, 403))
    return str(answer.json["detail"])


@pytest.fixture
def make(shared: str) -> Callable[..., keys.Made]:
    """Store keys in the database of the session's services."""

    def made(*scopes: str, lasts: str | None = None) -> keys.Made:
        key = keys.make()
        access.store(shared, key, scopes or keys.SCOPES, lasts)
        return key

    return made


@pytest.fixture
def admin_of(shared: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the database of the session's services, in autocommit."""
    with psycopg.connect(shared, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("path", ["/clients", "/clients/1", "/nothing", "/", "/health/", "/ready/x", "/openapi.json/"])
def test_without_a_key_nothing_is_answered(path: str, financial: Service) -> None:
    """Whatever is asked, and by whichever method: 401, a challenge that names the scheme and no error."""
    for method in ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PROPFIND"):
        answer = financial.ask(path, method, authorization="")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="financial-svc"'
    assert "Authorization: Bearer" in refusal(financial.ask(path, authorization=""), 401)


def test_the_open_paths_are_open(financial: Service, trading: Service) -> None:
    """Probes and the description need no key, and look at none."""
    for service in (financial, trading):
        for path in authentication.OPEN:
            for header in ("", "Bearer nonsense"):
                assert service.ask(path, authorization=header).status == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "bearer x", "Basic dTpw", access.KEY.text, f"Token {access.KEY.text}",
     f"Bearer {access.KEY.text}x", f"Bearer {access.KEY.text} x", f"Bearer {access.KEY.text},", "Bearer \xe9",
     f"Bearer{access.KEY.text}", "Bearer " + "a" * 5_000, f'Bearer "{access.KEY.text}"'],
)  # fmt: skip
def test_a_malformed_header_is_refused(header: str, financial: Service) -> None:
    """What is not `Bearer` and a key is 401, and is not repeated."""
    answer = financial.ask("/clients", authorization=header)
    refusal(answer, 401)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert access.KEY.text not in str(answer)


def test_the_scheme_is_of_any_case(financial: Service) -> None:
    """`bearer` and more than one space are fine (RFC 9110), two headers are not."""
    assert financial.ask("/clients", authorization=f"bEARER   {access.KEY.text}").status == 200
    header = f"Authorization: {bearer(access.KEY)}\r\n"
    raw = f"GET /clients HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}{header}\r\n"
    port = int(financial.base.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw.encode())
        assert connection.recv(64).split(b" ")[1] == b"401"


def test_a_wrong_key_and_one_that_nobody_has_are_told_the_same(
    financial: Service, make: Callable[..., keys.Made]
) -> None:
    """From the answers nobody finds out which prefixes there are, or that a key has ended of which he has a part."""
    good, ended = make(), make(lasts="1 millisecond")
    said = set()
    for made in (good, ended, keys.make()):
        wrong = f"sk_{made.prefix}_{''.join(secrets.choice(string.ascii_letters) for _ in range(40))}"
        answer = financial.ask("/clients", authorization=f"Bearer {wrong}")
        said.add((refusal(answer, 401), answer.headers["WWW-Authenticate"]))
    assert len(said) == 1
    assert financial.ask("/clients", authorization=bearer(good)).status == 200


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (("financial:read",), {"read"}),
        (("financial:write",), {"write"}),
        (("financial:read", "financial:write"), {"read", "write"}),
        (("trading:read", "trading:write"), set()),
        (("trading:read", "financial:read"), {"read"}),
    ],
)
def test_a_scope_is_for_one_service_and_one_way(
    scopes: tuple[str, ...], allowed: set[str], financial: Service, make: Callable[..., keys.Made]
) -> None:
    """A key does what its scopes say; else 403 names the scope that is needed and those that are there."""
    key = bearer(make(*scopes))
    for way, method, path, fine in (
        ("read", "GET", "/clients", 200),
        ("read", "HEAD", "/clients", 200),
        ("read", "GET", "/nothing", 404),
        ("write", "POST", "/clients", 201),
        ("write", "DELETE", "/clients", 405),
    ):
        body = b'{"name": "Acme"}' if method == "POST" else None
        answer = financial.ask(path, method, body, content_type="application/json", authorization=key)
        if way in allowed:
            assert answer.status == fine
            continue
        assert answer.status == 403
        challenge = f'Bearer realm="financial-svc", error="insufficient_scope", scope="financial:{way}"'
        assert answer.headers["WWW-Authenticate"] == challenge
        if method != "HEAD":
            detail = refusal(answer, 403)
            assert f"the scope financial:{way};" in detail
            assert all(scope in detail for scope in scopes)


def test_a_key_without_a_scope_may_do_nothing(financial: Service, shared: str) -> None:
    """The default of the table is no scope at all."""
    made = keys.make()
    access.store(shared, made, ())
    assert "has no scope" in refusal(financial.ask("/clients", authorization=bearer(made)), 403)


def test_an_expired_key_is_refused(financial: Service, make: Callable[..., keys.Made]) -> None:
    """A key is good until its time and no longer."""
    made = make(lasts="2 seconds")
    assert financial.ask("/clients", authorization=bearer(made)).status == 200
    until(lambda: financial.ask("/clients", authorization=bearer(made)).status == 401)
    assert "it has expired" in refusal(financial.ask("/clients", authorization=bearer(made)), 401)


def test_a_revoked_key_is_refused_soon(
    financial: Service, trading: Service, make: Callable[..., keys.Made], admin_of: psycopg.Connection[Any]
) -> None:
    """A key that is revoked while it is used ends within seconds in every service; so does one of a suspended user."""
    assert checking.REMEMBERED <= 5
    revoked, suspended = make(), make()
    for service, path in ((financial, "/clients"), (trading, "/orders")):
        for made in (revoked, suspended):
            assert service.ask(path, authorization=bearer(made)).status == 200
    admin_of.execute("UPDATE public.api_keys SET revoked_at = now() WHERE prefix = %s", (revoked.prefix,))
    admin_of.execute(
        "UPDATE public.users SET status = 'suspended' "
        "WHERE id = (SELECT user_id FROM public.api_keys WHERE prefix = %s)",
        (suspended.prefix,),
    )
    for service, path in ((financial, "/clients"), (trading, "/orders")):
        for made, reason in ((revoked, "it was revoked"), (suspended, "its user is not active")):
            until(lambda s=service, p=path, m=made: s.ask(p, authorization=bearer(m)).status == 401)
            assert reason in refusal(service.ask(path, authorization=bearer(made)), 401)


def test_a_database_that_is_away_lets_nobody_in(tmp_path: Path) -> None:
    """Without a database a key is 503, also where the server accepts connections and says nothing; no key is 401."""
    with socket.socket() as mute, socket.socket() as nobody:
        for listener in (mute, nobody):
            listener.bind(("127.0.0.1", 0))
        mute.listen()
        for place in (mute, nobody):
            url = f"postgresql://u:p@127.0.0.1:{place.getsockname()[1]}/d"
            with serving(tmp_path, "financial-svc", url) as service:
                answer = service.post("/clients", {"name": "x"})
                refusal(answer, 503)
                assert answer.headers["Retry-After"] == "2"
                refusal(service.ask("/clients", authorization=""), 401)
                assert service.ask("/health").status == 200
                assert "Traceback" not in service.said()


def test_an_account_that_may_not_read_keys_lets_nobody_in(platform: str, tmp_path: Path) -> None:
    """Without that right it is 503, and the log says why; without the right to write their last use all else works."""
    role = f"svc_{secrets.token_hex(4)}"
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'".encode())
        connection.execute(f"GRANT USAGE ON SCHEMA public, financial TO {role}".encode())
        try:
            place = platform.partition("@")[2]
            with serving(tmp_path, "financial-svc", f"postgresql://{role}:p@{place}") as service:
                access.store_own(platform)
                assert "may not read the keys" in refusal(service.ask("/clients"), 503)
                assert "permission denied for table api_keys" in service.said()
                connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public, financial TO {role}".encode())
                assert service.ask("/clients").status == 200
                until(lambda: "last_used_at was not written" in service.said())
                assert service.ask("/clients").status == 200
        finally:
            connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_no_line_of_the_log_holds_a_key(platform: str, tmp_path: Path) -> None:
    """Wherever a client puts its key, good or not, the log of neither form has the secret."""
    for form in ("text", "json"):
        made = [keys.make() for _ in range(2)]
        access.store(platform, made[0])
        with serving(tmp_path, "financial-svc", platform, SCHEMATA_LOG_FORMAT=form) as service:
            for one in made:
                for header in (bearer(one), one.text, f"Basic {one.text}"):
                    service.ask(f"/clients/{one.text}?key={one.text}", authorization=header)
                    service.ask(f"/{one.text}", "POST", one.text.encode(), authorization=header)
            until(lambda s=service: s.said().count("/clients/sk_") == 6)
            assert not [one for one in made if one.text.rpartition("_")[2] in service.said()]


def test_the_last_use_is_written_and_not_with_each_request(platform: str, tmp_path: Path) -> None:
    """Soon after the first use it is in the row, and a hundred more requests write nothing more."""
    made = keys.make()
    access.store(platform, made)
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute(
            """
            CREATE TABLE public.writes (at timestamptz);
            CREATE FUNCTION public.note_write() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN INSERT INTO public.writes VALUES (now()); RETURN NULL; END $$;
            CREATE TRIGGER note AFTER UPDATE ON public.api_keys
            FOR EACH STATEMENT EXECUTE FUNCTION public.note_write()
            """
        )
        used = "SELECT last_used_at IS NOT NULL FROM public.api_keys WHERE prefix = %s"
        with serving(tmp_path, "financial-svc", platform) as service:
            assert service.ask("/clients", authorization=bearer(made)).status == 200
            until(lambda: connection.execute(used, (made.prefix,)).fetchone() == (True,))
            for _ in range(100):
                assert service.ask("/clients", authorization=bearer(made)).status == 200
            # What is not written yet is written at the end.
            service.process.send_signal(signal.SIGTERM)
            assert service.ends() == 0
        assert connection.execute("SELECT count(*) FROM public.writes").fetchone() == (1,)


def test_a_use_just_before_the_end_is_written(platform: str, tmp_path: Path) -> None:
    """A service that stops writes what it has not written yet."""
    made = keys.make()
    access.store(platform, made)
    with serving(tmp_path, "trading-svc", platform) as service:
        assert service.ask("/orders", authorization=bearer(made)).status == 200
        service.process.send_signal(signal.SIGTERM)
        assert service.ends() == 0, service.said()
    with psycopg.connect(platform) as connection:
        row = connection.execute(
            "SELECT last_used_at FROM public.api_keys WHERE prefix = %s", (made.prefix,)
        ).fetchone()
        assert row is not None
        assert row[0] is not None


def test_the_audit_log_says_who_did_what(financial: Service, trading: Service, shared: str) -> None:
    """A write leaves one row: the key's user, the key, the request and where it came from. Nothing else leaves one."""
    made = keys.make()
    user, number, name = access.store(shared, made)
    key = bearer(made)
    rows = """
        SELECT action, entity_schema, entity_table, entity_id, request_id::text, client_address::text, details
        FROM public.audit_log WHERE actor_id = %s ORDER BY id
    """
    with psycopg.connect(shared, autocommit=True) as connection:
        for answer in (
            financial.ask("/clients", authorization=key),
            financial.ask("/clients", "POST", b'{"name": ""}', content_type="application/json", authorization=key),
        ):
            assert answer.status in (200, 422)
        assert connection.execute(rows, (user,)).fetchall() == []
        expected = []
        bodies = (
            (financial, "/clients", "client", "financial", "clients", {"name": "Acme"}),
            (trading, "/strategies", "strategy", "trading", "strategies", {"owner_id": user, "name": name}),
        )
        for service, path, noun, schema, table, body in bodies:
            answer = service.ask(
                path, "POST", json.dumps(body).encode(), content_type="application/json", authorization=key
            )
            assert answer.status == 201, answer
            shown = {"api_key": {"id": number, "name": name, "prefix": made.prefix}}
            request = answer.headers["X-Request-Id"]
            expected.append((f"{noun}.create", schema, table, answer.json["id"], request, "127.0.0.1/32", shown))
        assert connection.execute(rows, (user,)).fetchall() == expected


def test_what_is_not_recorded_is_not_done(platform: str, tmp_path: Path) -> None:
    """Where the audit log takes no row nothing is stored either: both are one transaction."""
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute("ALTER TABLE public.audit_log ADD CONSTRAINT full_up CHECK (false)")
        with serving(tmp_path, "financial-svc", platform) as service:
            refusal(service.post("/clients", {"name": "Acme"}), 422)
        assert connection.execute("SELECT count(*) FROM financial.clients").fetchone() == (0,)


def test_the_description_says_what_a_request_needs(financial: Service, trading: Service) -> None:
    """Each operation names the scheme, its scope and the refusals; those that are open say that they need none."""
    for service, name in ((financial, "financial"), (trading, "trading")):
        document = service.ask("/openapi.json", authorization="").json
        scheme = document["components"]["securitySchemes"][authentication.SCHEME]
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if path in authentication.OPEN:
                    assert operation["security"] == []
                    continue
                way = "read" if method == "get" else "write"
                assert operation["security"] == [{authentication.SCHEME: [f"{name}:{way}"]}]
                assert {"401", "403", "503"} <= operation["responses"].keys()


# The checker itself, in this process, on the real database.


def checked(url: str, work: Callable[[checking.Checker], Awaitable[None]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something with a checker on a database."""

    async def run() -> None:
        checker = checking.Checker(checking.pool(settings_of.settings("test")))
        await checker.open()
        try:
            await work(checker)
        finally:
            await checker.close()

    monkeypatch.setenv("DATABASE_URL", urls.normalise(url)[0])
    asyncio.run(run())


async def outcome_of(checker: checking.Checker, text: str) -> str:
    """Return why a key is refused; nothing when it is good."""
    try:
        await checker.authenticate(text)
    except keys.Rejected as error:
        return str(error)
    return ""


class Questions:
    """Counts the questions that checkers ask of the database, and how many prefixes each is about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        original = checking.Checker._rows

        async def counted(checker: checking.Checker, prefixes: Any) -> Any:
            self.sizes.append(len(prefixes))
            return await original(checker, prefixes)

        monkeypatch.setattr(checking.Checker, "_rows", counted)


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> Questions:
    """Count the questions to the database."""
    return Questions(monkeypatch)


def test_the_same_is_done_whatever_is_wrong(
    platform: str, monkeypatch: pytest.MonkeyPatch, questions: Questions
) -> None:
    """For a good key, a wrong secret and a prefix of nobody: one question, one comparison in constant time."""
    good, wrong, nobody = keys.make(), keys.make(), keys.make()
    wrong = keys.of_text(f"sk_{good.prefix}_{wrong.text.rpartition('_')[2]}")
    access.store(platform, good)
    compared: list[tuple[int, int]] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((len(left), len(right)))
        return hmac.compare_digest(left, right)

    monkeypatch.setattr(keys, "hmac", type("Counted", (), {"compare_digest": staticmethod(compare)}))

    for made, expected in ((good, ""), (wrong, "it is not known"), (nobody, "it is not known")):

        async def work(checker: checking.Checker, text: str = made.text, expected: str = expected) -> None:
            for _ in range(3):  # asked, and then from memory
                assert await outcome_of(checker, text) == expected

        compared.clear()
        questions.sizes.clear()
        checked(platform, work, monkeypatch)
        assert compared == [(32, 32)] * 3
        assert questions.sizes == [1]


def test_the_end_of_a_key_is_seen_without_a_question(
    platform: str, monkeypatch: pytest.MonkeyPatch, questions: Questions
) -> None:
    """A row that is remembered for an hour does not make its key good for a moment longer."""
    monkeypatch.setattr(checking, "REMEMBERED", 3600.0)
    made = keys.make()
    access.store(platform, made, lasts="1500 milliseconds")

    async def work(checker: checking.Checker) -> None:
        assert await outcome_of(checker, made.text) == ""
        with psycopg.connect(platform, autocommit=True) as connection:
            left = "SELECT expires_at > clock_timestamp() FROM public.api_keys WHERE prefix = %s"
            until(lambda: connection.execute(left, (made.prefix,)).fetchone() == (False,), pause=0.01)
        assert await outcome_of(checker, made.text) == "it has expired"

    checked(platform, work, monkeypatch)
    assert questions.sizes == [1]


@pytest.mark.parametrize(
    "expires", ["'infinity'", "'9999-12-31'", "'20000-01-01'", "NULL", "now() + interval '1 year'"]
)
def test_a_far_end_is_no_end(expires: str, platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every time that the column holds is understood, also what Python has no value for."""
    made = keys.make()
    access.store(platform, made)
    with psycopg.connect(platform, autocommit=True) as connection:
        connection.execute(f"UPDATE public.api_keys SET expires_at = {expires}".encode())

    async def work(checker: checking.Checker) -> None:
        assert await outcome_of(checker, made.text) == ""

    checked(platform, work, monkeypatch)


def test_keys_that_nobody_has_take_nobodys_turn(
    platform: str, monkeypatch: pytest.MonkeyPatch, questions: Questions
) -> None:
    """A thousand made-up keys at once are some few questions, and a good one among them is accepted."""
    good = keys.make()
    access.store(platform, good)

    async def work(checker: checking.Checker) -> None:
        sent = [good.text, *(keys.make().text for _ in range(1_000)), good.text]
        found = await asyncio.gather(*(outcome_of(checker, text) for text in sent))
        assert (found[0], found[-1]) == ("", "")
        assert set(found[1:-1]) == {"it is not known"}

    checked(platform, work, monkeypatch)
    assert sum(questions.sizes) == 1_001
    assert len(questions.sizes) <= 6


def test_who_gives_up_takes_nobody_elses_answer(
    platform: str, monkeypatch: pytest.MonkeyPatch, questions: Questions
) -> None:
    """Of two requests that wait for the same answer one is cancelled: the other one gets it."""
    good = keys.make()
    access.store(platform, good)

    async def work(checker: checking.Checker) -> None:
        first, second = (asyncio.create_task(outcome_of(checker, good.text)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == ""
        assert first.cancelled()

    checked(platform, work, monkeypatch)
    assert questions.sizes == [1]


def test_memory_has_a_bound(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys are made up, only some are remembered."""
    monkeypatch.setattr(checking, "_MOST", 10)

    async def work(checker: checking.Checker) -> None:
        for _ in range(30):
            assert await outcome_of(checker, keys.make().text)
        assert len(checker._known) == 10
        assert not checker._wanted

    checked(platform, work, monkeypatch)


def test_the_document_for_people_says_which_scopes_there_are() -> None:
    """docs/services.md has each scope."""
    text = (REPOSITORY / "docs" / "services.md").read_text("utf-8")
    assert set(re.findall(r"`([a-z]+:(?:read|write))`", text)) == set(keys.SCOPES)


def test_the_table_takes_the_scopes_of_the_code_and_no_other(platform: str) -> None:
    """A scope that no service asks for is refused where it is written; all that there are are taken."""
    access.store(platform, keys.make(), keys.SCOPES)
    for scope in ("financial:reed", "financial", "*", "FINANCIAL:READ", ""):
        with pytest.raises(psycopg.errors.CheckViolation, match="api_keys_scopes_are_known"):
            access.store(platform, keys.make(), (*keys.SCOPES, scope))
    with psycopg.connect(platform) as connection:
        rule = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'api_keys_scopes_are_known'"
        row = connection.execute(rule).fetchone()
    assert row is not None
    assert set(re.findall(r"'([a-z:]+)'", row[0])) == set(keys.SCOPES)
