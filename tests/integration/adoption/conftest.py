"""Scratch databases of adoptions are made on the server of the session: starting one for each would take minutes."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from schemata.parity import scratch


@pytest.fixture
def shared_scratch(make_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a temporary server be an empty database of the server under test."""

    @contextlib.contextmanager
    def database(*arguments: object, **options: object) -> Iterator[str]:
        yield make_database()

    monkeypatch.setattr(scratch, "database", database)
