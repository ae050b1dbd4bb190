"""The first thing that a service does: be ready to be stopped, before the imports that take their time."""

import gc
import importlib
import signal
import sys
from types import FrameType
from typing import NoReturn


def run(module: str) -> NoReturn:
    """Run `main()` of a module and exit with what it returns.

    A SIGTERM during the imports ends the process with 143, also as PID 1 of a container, where the kernel
    ignores every signal that has no handler.
    """
    signal.signal(signal.SIGTERM, _stop)
    # Nothing of what is imported is garbage: looking for some takes a fifth of the start. services.serving enables it.
    gc.disable()
    sys.exit(importlib.import_module(module).main())


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
