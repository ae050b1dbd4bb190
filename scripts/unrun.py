"""Say which tests of JUnit reports were not run, and why.

With --strict, exit 1 if any was skipped for another reason than the server's version (the mark `pg`) or one that
begins with a text given by --may: a skip must not look like a pass.
"""

import argparse
import collections
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

# What tests/conftest.py says of a test that is marked for other versions.
_OTHER_VERSION = re.compile(r"for PostgreSQL \d+ to \d+, this is \d+")


def reasons(report: Path) -> dict[str, list[str]]:
    """Return the tests that were skipped, by reason."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        for skipped in case.iter("skipped"):
            found[skipped.get("message", "no reason given")].append(f"{case.get('classname')}.{case.get('name')}")
    return found


def main(arguments: list[str]) -> int:
    """Print the list; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/unrun.py", description=__doc__)
    parser.add_argument("reports", nargs="+", type=Path)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--may", action="append", default=[], metavar="REASON")
    options = parser.parse_args(arguments)
    unexpected = 0
    for report in options.reports:
        for reason, names in sorted(reasons(report).items()):
            expected = _OTHER_VERSION.search(reason) is not None or reason.startswith(tuple(options.may))
            unexpected += 0 if expected else len(names)
            print(f"not run ({len(names)}): {reason}")
            if not expected:
                print("\n".join(f"    {name}" for name in names))
    if options.strict and unexpected:
        print(f"{unexpected} tests were skipped that have to run here.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
