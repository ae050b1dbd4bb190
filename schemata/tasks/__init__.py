"""The commands that people type. A task reads its flags and calls one function of `schemata.commands`.

Another repository has them by `from schemata.tasks import namespace as ns`, and `task` for tasks of its own.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invoke import collection

    namespace: collection.Collection
    task: Any


def __getattr__(name: str) -> Any:
    """Load Invoke's form of the commands when it is asked for."""
    if name in ("namespace", "task"):
        # Imported here: it takes longer than most commands do, and the console script does without.
        from schemata.tasks import invoke_namespace

        return getattr(invoke_namespace, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
