"""What git says of the migrations: which ones a base branch has, and what they said there."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from schemata import errors
from schemata.migrations import checksums
from schemata.system import git


@dataclasses.dataclass(frozen=True)
class Base:
    """The migrations of a base branch by the path below the folder of migrations.

    :param tip: those that the branch has now. `fork`: those that it had where this work began, by their object's name.
    """

    ref: str
    tip: frozenset[str]
    fork: dict[str, str]
    folder: Path

    def text(self, path: str) -> str:
        """Return what a file said where this work began."""
        done = _git(self.folder, "cat-file", "blob", self.fork[path])
        return checksums.normalise(done.encode())


def read(folder: Path, ref: str) -> Base:
    """Return what a base branch, a tag or a commit has in the folder of migrations. Raises ConfigError.

    Before the first commit of a repository HEAD has nothing: a hook asks for it all the same.
    """
    if ref.startswith("-"):
        raise errors.ConfigError(f"--base {ref} is not the name of a branch, a tag or a commit", "Write --base main.")
    inside = git.run(folder, "rev-parse", "--show-prefix")
    if inside.code:
        raise errors.ConfigError(
            f"--base needs git, and {folder} is not in a repository: {inside.complaint.strip()}",
            "Leave --base out, or run it in a clone.",
        )
    known = git.run(folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if known.code and ref == "HEAD" and _is_unborn(folder):
        return Base(ref, frozenset(), {}, folder)
    if known.code:
        raise errors.ConfigError(
            f"--base {ref} is not known to git here",
            f"Fetch it: git fetch origin {ref.removeprefix('origin/')}; in a workflow of GitHub's: fetch-depth: 0.",
        )
    commit = known.output.strip()
    fork = git.run(folder, "merge-base", commit, "HEAD")
    if fork.code:
        raise errors.ConfigError(
            f"{ref} and this work have no common commit here: the clone is too shallow to compare them",
            "Fetch the whole history; in a workflow of GitHub's: fetch-depth: 0.",
        )
    return Base(ref, frozenset(_listed(folder, commit)), _listed(folder, fork.output.strip()), folder)


def _is_unborn(folder: Path) -> bool:
    """Tell whether HEAD is a branch that has no commit."""
    branch = git.run(folder, "symbolic-ref", "--quiet", "HEAD")
    if branch.code:
        return False
    return git.run(folder, "show-ref", "--verify", "--quiet", branch.output.strip()).code == 1


def _listed(folder: Path, commit: str) -> dict[str, str]:
    """Return the object of each file below a folder in a commit; none where the commit does not have the folder."""
    found = {}
    for line in _git(folder, "ls-tree", "-r", "-z", commit, ".").split("\0"):
        facts, _, path = line.partition("\t")
        if path:
            found[path.replace("/", os.sep)] = facts.split()[2]
    return found


def _git(folder: Path, *words: str) -> str:
    done = git.run(folder, *words)
    if done.code:
        raise errors.ConfigError(f"git {words[0]} failed: {done.complaint.strip()}", "Look at the repository with git.")
    return done.output
