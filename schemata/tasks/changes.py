"""Changes of a table under two versions of the application: written, filled, completed, taken back."""

from typing import Any

from schemata import commands, config
from schemata.command_line import command
from schemata.tasks import flags


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
