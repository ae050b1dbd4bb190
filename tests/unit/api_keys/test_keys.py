"""The form of a key, what it may do, and what is shown of it."""

import doctest
import hashlib
import logging

import pytest

from schemata import errors
from services import logs
from services.api_keys import audit, commands, keys


def test_a_key_is_long_and_its_own() -> None:
    """Each is another one, of the documented form, and stored as the SHA-256 of the whole."""
    made = [keys.make() for _ in range(50)]
    assert len({one.prefix for one in made}) == len({one.text for one in made}) == 50
    for one in made:
        assert one.text.startswith(f"sk_{one.prefix}_")
        assert len(one.text.rpartition("_")[2]) == 40
        assert one.hash == hashlib.sha256(one.text.encode()).digest()
        assert keys.of_text(one.text) == one


@pytest.mark.parametrize(
    "text",
    ["", "sk_", "sk_abcd1234_", "sk_abcd1234_" + 39 * "a", "sk_abcd1234_" + 41 * "a", "sk_ABCD1234_" + 40 * "a",
     "sk_abcd1234_" + 39 * "a" + "-", "sk_abcd1234_" + 39 * "a" + "é", " sk_abcd1234_" + 40 * "a",
     "sk_abcd1234_" + 40 * "a" + "\n", "pk_abcd1234_" + 40 * "a", "sk_abcd123٤_" + 40 * "a"],
)  # fmt: skip
def test_what_is_no_key(text: str) -> None:
    """What has not exactly the form is no key, and the refusal does not repeat it."""
    with pytest.raises(keys.Rejected) as refused:
        keys.of_text(text)
    assert len(text) < 12 or text not in str(refused.value)


def test_nothing_that_is_printed_holds_a_secret() -> None:
    """The representation of a key has its prefix at most."""
    made = keys.make()
    assert made.text not in repr(made)
    assert repr(made.hash) not in repr(made)
    assert made.prefix in repr(made)


def test_no_hash_is_that_of_nobody() -> None:
    """Where no key is stored nothing is equal, not even what it is compared with."""
    assert not keys.is_equal(keys.NOBODY, None)
    assert not keys.is_equal(keys.NOBODY, bytes(31) + b"1")
    assert keys.is_equal(bytes(32), bytes(32))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_what_is_not_known_to_read_writes(method: str) -> None:
    """A method that nobody has heard of needs the right to write."""
    expected = "read" if method in ("GET", "HEAD", "OPTIONS") else "write"
    assert keys.scope_for("trading-svc", method) == f"trading:{expected}"
    assert keys.scope_for("trading-svc", method) in keys.SCOPES


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_of_the_log_holds_no_key(form: str) -> None:
    """Whatever part of a record holds a key, the line has its prefix only."""
    made = keys.make()
    lines = logs.Lines("service", form)
    try:
        raise ValueError(made.text)
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.INFO, "x", 1, "GET /%s", (made.text,), trace)
    record.facts = {"path": made.text}
    line = lines.format(record)
    assert made.text.rpartition("_")[2] not in line
    assert line.count(f"sk_{made.prefix}_***") >= 3


def test_without_an_actor_the_system_acts() -> None:
    """What is recorded outside of a request is nobody's; inside, the owner of the key's."""
    assert audit.arguments("client.create", "financial.clients", 7)["actor"] is None
    key = keys.Key(3, "reporting", "abcd1234", 5, frozenset())
    with audit.acting(audit.Actor(key, None, None)):
        found = audit.arguments("client.create", "financial.clients", 7)
    assert (found["actor"], found["schema"], found["table"], found["id"]) == (5, "financial", "clients", 7)
    assert found["details"].obj == {"api_key": {"id": 3, "name": "reporting", "prefix": "abcd1234"}}
    assert audit.arguments("client.create", "financial.clients", 7)["actor"] is None


@pytest.mark.parametrize("text", ["", " , ", "financial", "financial:read,financial:reed", "*"])
def test_scopes_that_nobody_knows_are_refused(text: str) -> None:
    """No scope, or one that no service asks for, is refused with those that there are."""
    with pytest.raises(errors.ConfigError) as refused:
        commands.scopes_of(text)
    assert "financial:read" in refused.value.hint


def test_examples_hold() -> None:
    """The examples in docstrings are true."""
    assert [doctest.testmod(module).failed for module in (keys, audit)] == [0, 0]
