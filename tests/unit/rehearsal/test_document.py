"""The document of rehearsals lists each finding as the code has it."""

import re

from schemata.rehearsal.trace import codes
from tests.conftest import REPOSITORY


def test_every_finding_is_documented() -> None:
    """Each has a row with its meaning, in the order of the code, and no other is there."""
    text = (REPOSITORY / "docs/rehearsal.md").read_text(encoding="utf-8")
    section = text.partition("## How bad it is")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \| (.+?) \|$", section, flags=re.M) == list(codes.CODES.items())


def test_every_finding_has_a_meaning() -> None:
    """No finding is made whose code is not in the list, and none of the list is never made."""
    folder = REPOSITORY / "schemata/rehearsal"
    code = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    listed = (folder / "trace/codes.py").read_text(encoding="utf-8").partition("\n}\n")[0]
    body = code.replace(listed, "")
    for name in codes.CODES:
        assert f'"{name}"' in body or (name.endswith("s-rows") and 'f"{done.kind}s-rows"' in body), name
    made = set(re.findall(r'finding\(\s*"([a-z-]+)"', body))
    assert made <= set(codes.CODES)
