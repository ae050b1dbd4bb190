"""The files of another release: of a revision of git, in a worktree outside of the repository, for a while."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from schemata import config, errors
from schemata.system import git


@contextlib.contextmanager
def at(settings: config.Config, revision: str) -> Iterator[tuple[str, config.Config]]:
    """Give the full revision and the settings of the project as they are there. Nothing of it is left, ever.

    Raises ConfigError for a revision that is none, and where the project is in no repository.
    """
    root = settings.root
    prefix = git.run(root, "rev-parse", "--show-prefix")
    if prefix.code:
        raise errors.ConfigError(
            f"{root} is in no repository of git, so there is no release before", "Commit it, or run it in a clone."
        )
    found = git.run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.code:
        raise errors.ConfigError(
            f"there is no revision {revision} in the repository of {root}",
            "Name a tag, a branch or a commit; in a shallow clone fetch it first: git fetch --tags --unshallow",
        )
    commit = found.output.strip()
    with tempfile.TemporaryDirectory(prefix="schemata-release-") as folder:
        tree = Path(folder) / "tree"
        made = git.run(root, "worktree", "add", "--detach", str(tree), commit)
        try:
            if made.code:
                raise errors.ConfigError(
                    f"git makes no worktree of {revision}: {made.complaint.strip()}", "See: git worktree list"
                )
            yield commit, config.load(tree / prefix.output.strip())
        finally:
            git.run(root, "worktree", "remove", "--force", str(tree))


def refuse_uncommitted(settings: config.Config) -> None:
    """Refuse migrations that are not as in a commit: a verdict on them would be one on nothing."""
    told = git.run(settings.root, "status", "--porcelain", "--", str(settings.migrations))
    changed = [line[3:] for line in told.output.splitlines() if not line.endswith(("attestations", "manifest"))]
    if changed:
        raise errors.ConfigError(
            f"the migrations are not as in the last commit: {', '.join(changed[:3])}",
            "Commit them, then run again: what is proved is what is released.",
        )
