"""inv parity --watch: a line a round until something changes, until a signal; the last round's exit code."""

import json
import queue
import signal
import threading
from pathlib import Path

import psycopg
import pytest

from tests import patience
from tests.acceptance.parity.conftest import Pair
from tests.conftest import Project, shell_code

AGAINST_STAGING = ("parity", "--targets", "prod", "--against", "staging")


class Rounds:
    """A running `inv parity --watch`, read line by line."""

    def __init__(self, project: Project, *flags: str) -> None:
        self.process = project.start(*AGAINST_STAGING, "--watch", "200ms", *flags)
        self._lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))

    def until(self, part: str) -> str:
        """Return the next line that has this part."""
        while True:
            try:
                line = self._lines.get(timeout=patience.PATIENCE)
            except queue.Empty:
                pytest.fail(f"no line with {part!r}:\n" + "\n".join(self.seen[-50:]))
            self.seen.append(line)
            if part in line:
                return line

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return the exit code as a shell shows it, and what was printed on standard error."""
        self.process.send_signal(number)
        code = shell_code(self.process.wait(timeout=patience.PATIENCE))
        assert self.process.stderr is not None
        return code, self.process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_rounds(project: Project, pair: Pair, tmp_path: Path, number: signal.Signals) -> None:
    """A report, a line for each round like it, a report when something changed; then the last round's code."""
    metrics = tmp_path / "parity.prom"
    rounds = Rounds(project, "--metrics", str(metrics))
    rounds.until("Parity: no difference.")
    rounds.until("unchanged: no difference")
    rounds.until("unchanged: no difference")
    seen = len(rounds.seen)
    pair.change(pair.prod, "CREATE TABLE app.tmp_import (id int)")
    rounds.until("extra    table app.tmp_import")
    assert all("unchanged" in line for line in rounds.seen[seen:-15]), "one line a round"
    rounds.until("unchanged: 1 difference: 1 structure")
    assert 'severity="structure"} 1\n' in metrics.read_text()
    code, told = rounds.stop(number)
    assert code == 1
    assert "Traceback" not in told
    assert [path.name for path in tmp_path.glob("*parity.prom*")] == ["parity.prom"], "no half a file is left"


def test_rounds_end_with_the_last_rounds_code(project: Project, pair: Pair) -> None:
    """Differences that are gone again are forgotten."""
    pair.change(pair.prod, "CREATE TABLE app.tmp_import (id int)")
    rounds = Rounds(project)
    rounds.until("1 difference: 1 structure")
    pair.change(pair.prod, "DROP TABLE app.tmp_import")
    rounds.until("Parity: no difference.")
    rounds.until("unchanged: no difference")
    assert rounds.stop(signal.SIGTERM)[0] == 0


def test_a_target_that_goes_away(project: Project, pair: Pair) -> None:
    """A round that could not ask is told once, then in a line; the exit code is 3."""
    pair.change(pair.staging, "SELECT 1")
    rounds = Rounds(project, "--schemas", "app")
    rounds.until("Parity: no difference.")
    name = pair.prod.rpartition("/")[2].partition("?")[0]
    pair.change(pair.staging, f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    rounds.until("could not be asked")
    rounds.until("unchanged: no difference; could not be asked: prod")
    assert rounds.stop(signal.SIGINT)[0] == 3


def test_rounds_for_programs(project: Project, pair: Pair) -> None:
    """Each round is a JSON document of its own, and the end is one."""
    rounds = Rounds(project, "--json")
    for _ in range(3):
        rounds.until('"not_compared": [')
    code, _ = rounds.stop(signal.SIGTERM)
    assert code == 0
    rounds.until('"rounds":')
    rounds.until("}")
    text, documents = "\n".join(rounds.seen), []
    decoder = json.JSONDecoder()
    while text.strip():
        document, end = decoder.raw_decode(text.lstrip())
        documents.append(document)
        text = text.lstrip()[end:]
    assert len(documents) >= 4
    assert documents[-1]["rounds"] == len(documents) - 1


def test_an_interval_that_is_none(project: Project, pair: Pair) -> None:
    """It is refused before anything is asked."""
    ended = project.inv(*AGAINST_STAGING, "--watch", "0")
    assert ended.returncode == 2
    assert "--watch is too short" in ended.stderr


def test_a_signal_before_the_first_answer(project: Project, pair: Pair) -> None:
    """The exit code is the signal's own: there is no round to tell of."""

    with psycopg.connect(pair.prod) as connection:
        connection.execute("DROP VIEW app.totals")
        process = project.start(*AGAINST_STAGING, "--watch", "1s", "--lock-wait", "5min")
        with psycopg.connect(pair.staging, autocommit=True) as other:
            patience.until(
                lambda: (
                    other.execute(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'schemata'"
                        " AND wait_event_type = 'Lock' AND datname = %s",
                        [connection.info.dbname],
                    ).fetchone()
                    == (1,)
                ),
                "it waits for the lock",
            )
        process.send_signal(signal.SIGTERM)
        try:
            assert shell_code(process.wait(timeout=patience.PATIENCE)) == 143
        finally:
            process.kill()
        connection.rollback()
