"""The console script `schemata`: the same commands without a tasks.py, and exit code 2 for a wrong command line."""

import sys

from schemata.command_line import command, direct
from schemata.tasks import listing


def main() -> None:
    """Run the program that `[project.scripts]` names."""
    parsed = direct.parse(sys.argv[1:], {one.name: one for one in listing.COMMANDS})
    if parsed is None:
        # Imported here: it takes longer than most commands do, and a plain command line needs none of it.
        from schemata.tasks import program

        program.main()
    else:
        described, values = parsed
        ending = command.run(described.function, (), values)
        if ending.message:
            print(ending.message, file=sys.stderr)
        sys.exit(ending.code)


if __name__ == "__main__":
    main()
