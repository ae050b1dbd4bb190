"""Measure the engine against its peers, and say which of its promises about speed are kept.

    python benchmarks/run.py [PART ...] [--quick] [--write FILE | --update FILE]

Needs the group `bench` of pyproject.toml; a peer that is not installed is left out and named.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

# Run as a script: the package is found beside this folder when it is not installed.
sys.path.append(str(Path(__file__).resolve().parent.parent))

import advised
import boots
import deploys
import large
import launches
import measure
import paging
import seeding
import service_load
import starts
import structures
import tables
import zero_downtime
from place import Position

from schemata.server.embedded import binaries, instance

PARTS: dict[str, Callable[[Position, int, list[int]], list[tables.Section]]] = {
    "noop": starts.noop,
    "apply": deploys.apply,
    "deployers": deploys.deployers,
    "boots": boots.crowds,
    "status": starts.status,
    "server": launches.server,
    "memory": deploys.memory,
    "large": large.files,
    "services": service_load.served,
    "structures": structures.structures,
    "paging": paging.depths,
    "seed": seeding.seeded,
    "advice": advised.advice,
    "changes": zero_downtime.changes,
}
#: How many migrations, for each part: in full, and with --quick.
SIZES = {
    "noop": ([10, 1000, 5000], [10, 300]),
    "apply": ([10, 100, 1000, 5000], [10, 50]),
    "deployers": ([100, 1000], [40]),
    "boots": ([50], [10]),
    "status": ([1000], [100]),
    "server": ([], []),
    "memory": ([1000], [100]),
    "large": ([300_000], [20_000]),
    "services": ([100_000], [10_000]),
    "structures": ([500, 2000], [40]),
    "paging": ([5_000_000], [20_000]),
    "seed": ([1_000_000], [30_000]),
    "advice": ([500_000], [60_000]),
    "changes": ([1_000_000], [5_000]),
}


def main(arguments: list[str]) -> int:
    """Run the parts that are named, print the page, and return 0 whether or not the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="few rounds of small sizes: shows that it works")
    parser.add_argument("--rounds", type=int, default=0, help="how many rounds are measured")
    parser.add_argument("--sizes", default="", help="numbers of migrations instead of the usual, as 10,1000")
    parser.add_argument("--write", type=Path, help="write the page to this file")
    parser.add_argument("--update", type=Path, help="put the sections into this page, whose other ones stay")
    options = parser.parse_args(arguments)
    if unknown := [part for part in options.parts if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    rounds = options.rounds or (2 if options.quick else 7)
    found = binaries.find(None, os.environ.get("SCHEMATA_PG_BIN"), measure.REPOSITORY / ".schemata")
    about = tables.machine(found.version)
    sections: list[tables.Section] = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(instance.temporary(found))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="schemata-bench-")))
        folder.chmod(0o755)  # servers of a root caller run as another user
        place = Position(server, found, folder)
        for part in options.parts or PARTS:
            sizes = [int(size) for size in options.sizes.split(",")] if options.sizes else SIZES[part][options.quick]
            print(f"{part}: {sizes or ''}", file=sys.stderr)
            for section in PARTS[part](place, rounds, sizes):
                sections.append(section)
                print(tables.section(section), flush=True)
            if options.write:  # after each part: what was measured is not lost when a later one fails
                options.write.write_text(tables.document(sections, about, rounds), encoding="utf-8")
            if options.update:
                page = options.update.read_text(encoding="utf-8")
                options.update.write_text(tables.merged(page, sections, about), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
