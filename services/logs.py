"""What a service says: one line an event on stderr, for people or, with SCHEMATA_LOG_FORMAT=json, for programs."""

import json
import logging
import os
import time
import traceback

from services.api_keys import keys


class Lines(logging.Formatter):
    """Format a record as one line. A field of the record's `facts` is shown in both forms; no API key ever is.

    :param form: "json", or "text" for people.
    """

    def __init__(self, service: str, form: str) -> None:
        super().__init__()
        self._service = service
        self._json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback is a field of it, or in text what follows it."""
        facts = getattr(record, "facts", {})
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        level = record.levelname.lower()
        if self._json:
            line = {"time": at, "level": level, "service": self._service, "message": record.getMessage(), **facts}
            text = json.dumps({**line, "traceback": trace} if trace else line, default=str)
            return keys.concealed(text)
        shown = " ".join(f"{name}={value}" for name, value in facts.items())
        text = record.getMessage().translate(_CONTROL)
        said = " ".join(filter(None, (at, level, f"{self._service}:", text, shown))) + (f"\n{trace}" if trace else "")
        return keys.concealed(said)


# A client's path may hold a line break: one event stays one line.
_CONTROL = {number: f"\\x{number:02x}" for number in (*range(32), 127)}


def start(service: str) -> logging.Logger:
    """Send every log of the process to stderr, and return the service's own logger."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(service, os.environ.get("SCHEMATA_LOG_FORMAT", "text")))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Who waits for the database says so itself, once; the pool and the server would say it with each try.
    for noisy in ("psycopg.pool", "uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return logging.getLogger("services")


LOG = logging.getLogger("services")
