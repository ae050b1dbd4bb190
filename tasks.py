"""The commands of this repository: the engine's own. `inv --list` shows them, `inv --help NAME` explains one."""

from schemata.tasks import namespace as ns

__all__ = ["ns"]
