"""What a change touches, as git tells it."""

from schemata import config, errors
from schemata.system import processes

_PATIENCE = 30.0  # seconds


def migrations(settings: config.Config) -> bool:
    """Tell whether a file of the folder of migrations is not as in the last commit. Raises ConfigError without git."""
    done = processes.run(["git", "status", "--porcelain", "--", "."], cwd=settings.migrations, timeout=_PATIENCE)
    if done.code:
        raise errors.ConfigError(
            f"--changed needs git, and {settings.migrations} is not in a repository: {done.complaint.strip()}",
            "Leave --changed out, or run it in a clone.",
        )
    return bool(done.output.strip())
