"""What a change touches, as git tells it."""

from schemata import config, errors
from schemata.system import git


def migrations(settings: config.Config) -> bool:
    """Tell whether a file of the folder of migrations is not as in the last commit. Raises ConfigError without git."""
    done = git.run(settings.migrations, "status", "--porcelain", "--", ".")
    if done.code:
        raise errors.ConfigError(
            f"--changed needs git, and {settings.migrations} is not in a repository: {done.complaint.strip()}",
            "Leave --changed out, or run it in a clone.",
        )
    return bool(done.output.strip())
