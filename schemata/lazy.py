"""A module that loads when it is first used.

The SQL parser takes 0.1 s to load, longer than the rest of a start together, and a deploy of a sealed
build needs it only when something fails.
"""

import importlib
from typing import Any


class Module:
    """Stands for a module and loads it on the first look inside."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(importlib.import_module(self._name), attribute)
        # Found directly from now on.
        setattr(self, attribute, value)
        return value
