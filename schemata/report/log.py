"""What a boot says on stderr: one line an event, for people or (JSON) for programs.

Light: every container start imports this, so neither json nor logging nor datetime is used. The lines hold
what the caller gives: keep passwords out of it (`urls.redact`).
"""

import os
import sys
import time

FORMATS = ("text", "json")
_CONTROL = {number: f"\\u{number:04x}" for number in (*range(32), 127)}
_ESCAPED = {**_CONTROL, ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t"}


class Log:
    """Lines of one service's boot. `phase` keeps the seconds of each for the last line."""

    __slots__ = ("_phases", "format", "service", "started", "verbose")

    def __init__(self, format_: str, service: str, started: float) -> None:
        self.format = format_
        self.service = service
        self.verbose = False
        self.started = started
        self._phases: list[str] = []

    def info(self, text: str, event: str = "note", level: str = "info", **facts: "str | float") -> None:
        """Write a line; `facts` are further fields of the JSON form."""
        if self.format == "json":
            now = time.time()
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
            fields = {"time": at, "level": level, "service": self.service, "event": event, **facts, "message": text}
            line = "{" + ", ".join(f'"{name}": {_value(value)}' for name, value in fields.items()) + "}"
        else:
            line = f"{self.service}: {text}" if self.service else text
        # One write a line, so that lines of many processes do not mix; nobody listening is no reason to fail.
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except OSError:
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - it lives as long as the process

    def phase(self, name: str, began: float, text: str) -> None:
        """Write how long a part took that began at a time (seconds since 1970). Text keeps it for the end."""
        seconds = time.time() - began
        if self.format == "json":
            self.info(text, name, phase=name, began=round(began, 6), seconds=round(seconds, 6))
        self._phases.append(f"{name} {seconds:.2f}")

    def ready(self, revision: str) -> None:
        """Write the last line: the database's revision, and how long the boot took."""
        seconds = time.time() - self.started
        parts = f" ({', '.join(self._phases)})" if len(self._phases) > 1 and self.format != "json" else ""
        self.info(
            f"ready after {seconds:.2f} s{parts}; the database is at {revision or 'no revision'}",
            "ready",
            revision=revision,
            phase="ready",
            began=round(self.started, 6),
            seconds=round(seconds, 6),
        )

    def failed(self, kind: str, message: str, hint: str, exit_code: int) -> None:
        """Write an expected error: in text with its kind and its hint below, in JSON as one line."""
        if self.format == "json":
            self.info(message, "error", "error", error=kind, hint=hint, exit_code=exit_code)
        else:
            name, self.service = self.service, ""
            self.info(f"{kind}: {message}" + (f"\n{hint}" if hint else ""), level="error")
            self.service = name


def _value(value: "str | float") -> str:
    return f'"{value.translate(_ESCAPED)}"' if isinstance(value, str) else str(value)
