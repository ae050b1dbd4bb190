"""What a status says of baselines in a database that has what they replace, or a part of it."""

from schemata import errors
from schemata.history import comparison
from schemata.history.squashed import recognition
from schemata.migrations import migration

_NAMED = 3


def findings(recognised: recognition.Recognition) -> tuple[comparison.Finding, ...]:
    """Return a note for each baseline that is only to be recorded, and what needs a person."""
    result = [
        comparison.Finding(
            "squashed",
            item.schema,
            item.id,
            f"stands for {_count(item)}, which are applied here",
            "`inv migrate` records it; nothing of it is run.",
            errors.DONE,
        )
        for item in recognised.recordable
    ]
    for item, ids in recognised.edited:
        result.append(
            comparison.Finding(
                "changed",
                item.schema,
                item.id,
                f"stands for {_count(item)}, which are applied here, but {_named(ids)} ran with another text than the "
                "one that was squashed",
                f"Compare both texts (git log -p -- 'migrations/*/{ids[0]}.sql'). If they mean the same: "
                f"inv migrate-baseline --through {item.id}",
            )
        )
    for one in recognised.behind:
        result.append(
            comparison.Finding(
                "squash-behind",
                one.item.schema,
                one.item.id,
                f"replaces migrations of which this database has only a part: {one.applied} of the {one.total} that "
                f"were squashed are applied, {_named(one.missing)} not, and the files of those are gone",
                "Deploy the last release before the squash first, then this one. Its commit is the one before: "
                f"git log -1 --diff-filter=D --format=%h -- 'migrations/*/{one.missing[-1]}.sql'",
            )
        )
    return tuple(result)


def _count(item: migration.Migration) -> str:
    count = sum(not one.within for one in item.directives.replaces)
    return f"{count} migration{'' if count == 1 else 's'}"


def _named(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"{', '.join(ids[:_NAMED])}{more}"
