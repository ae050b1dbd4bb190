"""The list of an archive: read to the letter, divided so that nothing runs before what it needs."""

import pytest

from schemata.squash import contents

LIST = """;
; Archive created at 2026-11-28 03:28:24 UTC
;     TOC Entries: 9
;
; Selected TOC Entries:
;
3032; 0 0 ENCODING - ENCODING
6; 2615 16384 SCHEMA - billing owner
7; 2615 16399 SCHEMA - side notes owner
2; 3079 16385 EXTENSION - hstore
;\tdepends on: 6
250; 1259 16751 TABLE app accounts owner
3038; 0 0 COMMENT app TABLE accounts owner
;\tdepends on: 250
251; 1259 16752 TABLE side memos with blank owner
;\tdepends on: 7 252
252; 1259 16753 TABLE billing invoices owner
;\tdepends on: 6 250
300; 0 0 DEFAULT ACL - DEFAULT PRIVILEGES FOR FUNCTIONS owner
301; 3466 1 EVENT TRIGGER - watch owner
;\tdepends on: 250
302; 6106 1 PUBLICATION TABLE app pub accounts owner
;\tdepends on: 250 303
303; 6104 1 PUBLICATION - pub owner
"""
SCHEMAS = ("app", "billing", "side notes", "side")


def test_a_line_is_read() -> None:
    """Kinds of several words, names with blanks, schemas with blanks, what is of no schema."""
    found = {entry.number: entry for entry in contents.parse(LIST, SCHEMAS)}
    assert 3032 not in found
    assert (found[3038].kind, found[3038].schema, found[3038].title) == ("COMMENT", "app", "TABLE accounts owner")
    assert (found[251].schema, found[251].title) == ("side", "memos with blank owner")
    assert (found[300].kind, found[300].schema) == ("DEFAULT ACL", "")
    assert found[252].needs == (6, 250)
    assert found[252].subject == "table billing.invoices"


def test_a_line_that_is_not_understood_is_refused() -> None:
    """An entry is never left out in silence."""
    with pytest.raises(Exception, match="not understood"):
        contents.parse("1; 0 0 TABLE unknown_schema name owner\n", ["app"])


@pytest.mark.parametrize("schemas", [("app", "billing"), ("billing", "app")])
def test_each_entry_goes_where_all_that_it_needs_is_there(schemas: tuple[str, ...]) -> None:
    """Whatever the order in the settings: other schemas and the database's own follow what they need."""
    entries = contents.parse(LIST, SCHEMAS)
    layout = contents.layout(entries, schemas)
    assert list(layout.parts) == ["app", "billing"]
    assert layout.needs == {"app": (), "billing": ("app",)}
    place = {entry.number: at for at, part in enumerate(layout.parts.values()) for entry in part}
    assert place == {250: 0, 3038: 0, 6: 1, 2: 1, 7: 0, 251: 1, 252: 1, 300: 1, 301: 1, 302: 1, 303: 1} | {7: place[7]}
    for entry in entries:
        assert all(place[need] <= place[entry.number] for need in entry.needs)


def test_a_circle_says_what_needs_what() -> None:
    """Both directions are named, also where what is of no schema stands between."""
    entries = contents.parse(
        "1; 0 0 TABLE app one owner\n;\tdepends on: 2\n"
        "2; 0 0 CAST - CAST (a AS b) owner\n;\tdepends on: 3\n"
        "3; 0 0 TABLE billing two owner\n;\tdepends on: 1\n",
        ["app", "billing"],
    )
    with pytest.raises(contents.Circular, match=r"billing needs app: table billing\.two needs table app\.one"):
        contents.layout(entries, ("app", "billing"))
    single = contents.layout(entries, ("app", "billing"), single="app")
    assert [entry.number for entry in single.parts["app"]] == [1, 2, 3]


def test_rows_decide_about_the_order_too() -> None:
    """A statement that reads another schema's rows has to run after them."""
    entries = contents.parse("1; 0 0 TABLE app one owner\n2; 0 0 TABLE billing two owner\n", ["app", "billing"])
    layout = contents.layout(entries, ("app", "billing"), [("app", "billing", "x reads rows of billing")])
    assert list(layout.parts) == ["billing", "app"]
