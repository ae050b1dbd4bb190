"""The settings of a time in which the other tool still runs: its ledger is kept true, its lock is taken."""

import dataclasses
import os
from pathlib import Path

from schemata import config, errors
from schemata.config import transition, values

_TABLE = "[tool.schemata.adoption]"


def addition(settings: config.Config, tool: str, ledger: str, *, mirror: bool, hold_lock: bool) -> str:
    """Return what is to be added to pyproject.toml; nothing where it says so already, or nothing is asked for.

    Raises ConfigError for a tool that has no such ledger or lock, and where the settings say something else.
    """
    if not (mirror or hold_lock):
        return ""
    wanted = transition.Adoption(tool, ledger, mirror=mirror, hold_lock=hold_lock)
    try:
        transition.check(wanted)
    except values.InvalidSetting as refused:
        flag = "--mirror" if refused.where.endswith("mirror") else "--hold-lock"
        raise errors.ConfigError(
            f"{flag} is not for {tool}: {refused.message.partition(': ')[2]}", refused.hint
        ) from None
    there = settings.adoption
    if there == transition.NONE:
        return "\n".join(["", _TABLE, *_lines(wanted), ""])
    asked = dataclasses.replace(
        there, tool=tool, mirror=there.mirror or mirror, hold_lock=there.hold_lock or hold_lock,
        ledger=ledger or there.ledger,
    )  # fmt: skip
    if asked != there:
        raise errors.ConfigError(
            f"pyproject.toml has {_TABLE} already, and it says something else",
            "Write there:\n" + "\n".join(f"  {line}" for line in _lines(asked)),
        )
    return ""


def write(root: Path, text: str) -> None:
    """Add text to the end of pyproject.toml in one step. A failure leaves it as it was."""
    path = root / config.FILE
    fresh = path.with_name(f".{config.FILE}.new")
    try:
        before = path.read_text(encoding="utf-8")
        fresh.write_text(f"{before.rstrip(chr(10))}\n{text}", encoding="utf-8", newline="\n")
        os.chmod(fresh, path.stat().st_mode)
        os.replace(fresh, path)
    except OSError as error:
        raise errors.ConfigError(
            f"{path} cannot be written: {error.strerror}", f"Add to it yourself, then run it again:\n{text}"
        ) from error


def _lines(adoption: transition.Adoption) -> list[str]:
    found = [f'tool = "{adoption.tool}"']
    if adoption.ledger:
        found.append(f'ledger = "{adoption.ledger}"')
    return [*found, *(f"{name} = true" for name in ("mirror", "hold_lock") if getattr(adoption, name))]
