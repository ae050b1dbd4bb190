"""Metrics in Prometheus' text format, for a collector that reads files. Pure."""

from collections.abc import Iterable, Mapping

_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def metric(name: str, help_: str, lines: Iterable[str]) -> str:
    """Return a gauge with what it is, and its lines."""
    return f"# HELP {name} {help_}\n# TYPE {name} gauge\n{''.join(lines)}"


def line(name: str, labels: Mapping[str, str], value: float) -> str:
    """Return a value with its labels.

    >>> line("things", {"of": 'a "b"'}, 3)
    'things{of="a \\\\"b\\\\""} 3\\n'
    """
    pairs = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
    return f"{name}{{{pairs}}} {value}\n" if labels else f"{name} {value}\n"


def _escape(label: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in label)
