"""Git, for what is committed: the one place that runs it."""

from pathlib import Path

from schemata.system import processes

_PATIENCE = 60.0  # seconds


def run(folder: Path, *words: str) -> processes.Completed:
    """Run a command of git in a folder to its end; the exit code is not judged.

    Raises NotAvailable where git is not installed, or does not end.
    """
    return processes.run(["git", "-C", folder, *words], timeout=_PATIENCE)
