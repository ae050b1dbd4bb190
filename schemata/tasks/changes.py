"""Changes without downtime: write, fill, contract, take back, see."""

from typing import Any

from schemata import commands, config
from schemata.command_line import command
from schemata.tasks import flags

_NAME = "The name of the change, as its migrations have it."


@command.command(
    first="optional",
    change=_NAME,
    url=flags.URL,
    open="Only those that are not complete.",
    json=flags.JSON,
)
def changes(
    reporter: Any, change: str | None = None, url: str | None = None, open: bool = False, json: bool = False
) -> Any:
    """Show how far each change is, and what to type next."""
    return commands.listing.changes(config.load(), change=change or "", url=url or "", open_only=open)


@command.command(
    first="optional",
    change=_NAME,
    url=flags.URL,
    keep="Keep what it sets aside, such as 1h: until then inv change-undo brings the old version back.",
    drain="Tell old replicas that they are not ready, and wait so long for their sessions, such as 60s.",
    old_app="A pattern of the application_name of the old version; may come several times.",
    old_role="A role of the old version; may come several times.",
    lock_wait=flags.LOCK_WAIT,
    yes=flags.YES,
    confirm=flags.CONFIRM,
    iterable=["old_app", "old_role"],
    json=flags.JSON,
)
def change_contract(
    reporter: Any,
    change: str | None = None,
    url: str | None = None,
    keep: str = "",
    drain: str = "",
    old_app: list[str] | None = None,
    old_role: list[str] | None = None,
    lock_wait: str = "",
    yes: bool = False,
    confirm: str = "",
    json: bool = False,
) -> Any:
    """End a change: its contract, once the old version is gone."""
    return commands.contract.contract(
        config.load(),
        change=change or "",
        url=url or "",
        keep=flags.seconds(keep, "--keep"),
        drain=flags.seconds(drain, "--drain"),
        old_applications=old_app or (),
        old_roles=old_role or (),
        yes=yes,
        confirm=confirm,
        lock_wait=flags.seconds(lock_wait, "--lock-wait"),
        reporter=reporter,
    )


@command.command(
    first="optional",
    change=_NAME,
    url=flags.URL,
    lock_wait=flags.LOCK_WAIT,
    yes=flags.YES,
    confirm=flags.CONFIRM,
    json=flags.JSON,
)
def change_finish(
    reporter: Any,
    change: str | None = None,
    url: str | None = None,
    lock_wait: str = "",
    yes: bool = False,
    confirm: str = "",
    json: bool = False,
) -> Any:
    """Drop what the contract of a change has set aside."""
    return commands.contract.finish(
        config.load(),
        change=change or "",
        url=url or "",
        yes=yes,
        confirm=confirm,
        lock_wait=flags.seconds(lock_wait, "--lock-wait"),
        reporter=reporter,
    )


@command.command(
    first="optional",
    change=_NAME,
    url=flags.URL,
    lock_wait=flags.LOCK_WAIT,
    yes=flags.YES,
    confirm=flags.CONFIRM,
    json=flags.JSON,
)
def change_abort(
    reporter: Any,
    change: str | None = None,
    url: str | None = None,
    lock_wait: str = "",
    yes: bool = False,
    confirm: str = "",
    json: bool = False,
) -> Any:
    """Take a change back before its contract."""
    return commands.undo.abort(
        config.load(),
        change=change or "",
        url=url or "",
        yes=yes,
        confirm=confirm,
        lock_wait=flags.seconds(lock_wait, "--lock-wait"),
        reporter=reporter,
    )


@command.command(
    first="optional",
    change=_NAME,
    url=flags.URL,
    lock_wait=flags.LOCK_WAIT,
    yes=flags.YES,
    confirm=flags.CONFIRM,
    json=flags.JSON,
)
def change_undo(
    reporter: Any,
    change: str | None = None,
    url: str | None = None,
    lock_wait: str = "",
    yes: bool = False,
    confirm: str = "",
    json: bool = False,
) -> Any:
    """Take a contract back while what it set aside is kept."""
    return commands.undo.undo(
        config.load(),
        change=change or "",
        url=url or "",
        yes=yes,
        confirm=confirm,
        lock_wait=flags.seconds(lock_wait, "--lock-wait"),
        reporter=reporter,
    )


@command.command(
    first="optional",
    change=_NAME,
    batch="How many rows a batch has (default: 1000).",
    pause="How long to rest after each batch, such as 50ms.",
    max_lag="Wait while a replica is further behind than this (default: 10s).",
    max_load="Wait while more than so many other sessions are active.",
    url=flags.URL,
    json=flags.JSON,
)
def change_backfill(
    reporter: Any,
    change: str | None = None,
    batch: str = "1000",
    pause: str = "",
    max_lag: str = "10s",
    max_load: str = "",
    url: str | None = None,
    json: bool = False,
) -> Any:
    """Do the backfill of a change, batch by batch."""
    return commands.backfill.change_backfill(
        config.load(),
        change or "",
        batch=flags.count(batch, "--batch"),
        pause=flags.seconds(pause, "--pause") or 0.0,
        max_lag=flags.seconds(max_lag, "--max-lag") or 0.0,
        max_load=flags.count(max_load, "--max-load") if max_load else None,
        url=url or "",
        reporter=reporter,
    )


@command.command(
    first="many",
    words="The kind and what it is about, such as: rename-column app.clients display_name full_name.",
    url=flags.URL,
    id="What the change is called (default: from the kind and the names).",
    strategy="How a rename goes: dual, samename or view (default: the one that fits).",
    using="change-type: the new value, as SQL over the old row (default: a cast).",
    back="change-type, split-column: the old value, as SQL over the new columns.",
    default="What is in the place of NULL, or of what a release leaves out, as SQL.",
    into='split-column: the new columns, as "name=SQL,name=SQL".',
    to="change-type: the new column's name; with views of versions: the next one's schema.",
    name="add-unique, add-foreign-key: the constraint's name.",
    json=flags.JSON,
)
def change_new(
    reporter: Any,
    words: Any,
    url: str | None = None,
    id: str = "",
    strategy: str = "",
    using: str = "",
    back: str = "",
    default: str = "",
    into: str = "",
    to: str = "",
    name: str = "",
    json: bool = False,
) -> Any:
    """Write the migrations of a zero-downtime change."""
    return commands.change_new.new(
        config.load(),
        words or (),
        {
            "strategy": strategy,
            "using": using,
            "back": back,
            "default": default,
            "into": into,
            "to": to,
            "name": name,
        },
        id_=id,
        url=url or "",
    )


@command.command(
    version="Which one: versions/NAME.toml says what it sees.",
    drop="Drop the views of the version.",
    url=flags.URL,
    json=flags.JSON,
)
def views_sync(reporter: Any, version: str = "", drop: bool = False, url: str | None = None, json: bool = False) -> Any:
    """Make the views that one version of the application sees."""
    return commands.sync.sync(config.load(), version=version, url=url or "", drop=drop)
