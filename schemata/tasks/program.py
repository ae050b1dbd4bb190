"""Invoke's program over the engine's commands, for what the console script does not run by itself."""

import sys

from invoke import program
from invoke.exceptions import Exit, ParseError

from schemata import __version__, errors
from schemata.tasks import invoke_namespace


class Program(program.Program):
    """Invoke's program over the engine's collection."""

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:
        """Run the command line; Invoke ends with 1 for a wrong one, which here means that a person is needed."""
        try:
            self.create_config()
            self.parse_core(argv)
            self.parse_collection()
            self.parse_tasks()
        except Exit as ended:  # --version, --list and the like have printed what they had to
            sys.exit(ended.code)
        except (ParseError, ValueError) as error:
            print(f"{error}\nSee: schemata --list", file=sys.stderr)
            sys.exit(errors.WRONG_SETTINGS)
        super().run(argv, exit)


def main() -> None:
    """Run the command line of this process."""
    Program(name="schemata", binary="schemata", version=__version__, namespace=invoke_namespace.namespace).run()
