"""The server's notices: the first are reported, the rest counted."""

from schemata.deploy import notices


def test_the_first_of_each_migration_are_reported() -> None:
    """Warnings are counted apart, so that notices never hide them; the number of the rest is told."""
    heard: list[str] = []
    found = notices.Notices(heard.append)
    for number in range(20_000):
        found("NOTICE", str(number))
    found("WARNING", "last")
    found.end("app.x")
    assert heard == [
        *(f"NOTICE: {number}" for number in range(10)),
        "WARNING: last",
        "… and 19,990 more notices of app.x; --verbose prints all",
    ]
    found("NOTICE", "of the next")
    found.end("app.y")
    found.close()
    assert heard[-1] == "NOTICE: of the next"


def test_many_migrations_with_some_each() -> None:
    """After a hundred lines a run has enough: what comes then is told in one line at its end."""
    heard: list[str] = []
    found = notices.Notices(heard.append)
    for number in range(1000):
        found("NOTICE", f"skipping {number}")
        found.end(f"app.{number}")
    found.close()
    assert heard[100:] == ["… and 900 more notices of this run; --verbose prints all"]


def test_verbose_prints_all() -> None:
    """Every one, and nothing about the rest."""
    heard: list[str] = []
    found = notices.Notices(heard.append, verbose=True)
    for _ in range(500):
        found("NOTICE", "x")
    found.end("app.x")
    found.close()
    assert heard == ["NOTICE: x"] * 500
