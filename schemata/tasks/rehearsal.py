"""Whether a change is safe: rehearsed, and proved to lead back."""

from typing import Any

from schemata import commands, config
from schemata.command_line import command
from schemata.tasks import flags


@command.command(
    first="optional",
    migrations="Only these, separated by commas (default: what is pending).",
    url="A server that can make databases (default: a temporary one).",
    target="For whom: a URL or a target of the settings, whose sizes count.",
    all="Every migration, each as if it were deployed by itself.",
    rollbacks="Also prove the rollbacks: up, down and up again, on rows.",
    attest="Also write what was proved to migrations/attestations.",
    backup="On this backup (or latest), not on made-up rows.",
    accept="With --attest: why findings that are errors are accepted.",
    json=flags.JSON,
)
def rehearse(
    reporter: Any,
    migrations: str | None = None,
    url: str = "",
    target: str = "",
    all: bool = False,
    rollbacks: bool = False,
    attest: bool = False,
    backup: str = "",
    accept: str = "",
    json: bool = False,
) -> Any:
    """Try the pending migrations; show what each locks and breaks."""
    names = [name.strip() for name in (migrations or "").split(",") if name.strip()]
    return commands.rehearse.rehearse(
        config.load(),
        names,
        everything=all,
        url=url,
        target=target,
        rollbacks=rollbacks,
        attest=attest,
        backup=backup,
        accept=accept,
        reporter=reporter,
    )


@command.command(
    from_="The release before: a tag, branch or commit.",
    url="A server that can make databases (default: a temporary one).",
    json=flags.JSON,
)
def rehearse_release(reporter: Any, from_: str = "", url: str = "", json: bool = False) -> Any:
    """Prove that the release before runs with this one's expands."""
    return commands.rehearse_release.rehearse_release(config.load(), from_, url=url, reporter=reporter)
