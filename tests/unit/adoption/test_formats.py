"""Checksums, encodings and plans are as the tools themselves compute and read them."""

import hashlib

from schemata.adoption.formats import digests, sqitch_plan, texts
from tests.unit import cases
from tests.unit.adoption import histories


def test_prismas_checksum_has_three_line_ends_and_an_old_form() -> None:
    """Known pairs of Prisma: the file, the checksum of today, the one without zeros, and that of the other line end."""
    current, *accepted = digests.prisma(b"SELECT 1;\n")
    assert current == "sha256:b4e0497804e46e0a0b0b8c31975b062152d551bac49c3c2e80932567b4085dcd"
    assert "sha256:b4e049784e46eabb8c31975b62152d551bac49c3c2e80932567b485dcd" in accepted
    assert "sha256:d3cd5042f97738960d802ad6b3a548dfa18152215118ba18f04493bc6944b0e4" in accepted
    windows, *others = digests.prisma(b"SELECT 1;\r\n")
    assert windows == "sha256:d3cd5042f97738960d802ad6b3a548dfa18152215118ba18f04493bc6944b0e4"
    assert current in others


@cases.named(("data",), [
    ("one line", b"123456789"),
    ("its line end does not count", b"123456789\n"),
    ("nor does another one between", b"1234\r\n56789\r\n"),
    ("nor a byte order mark", b"\xef\xbb\xbf123456789"),
])  # fmt: skip
def test_flyways_checksum_is_of_the_lines(data: bytes) -> None:
    """CRC-32 of the lines as a signed number: its known check value is 0xCBF43926, which is negative in 32 bits."""
    assert digests.flyway(data) == f"crc32:{0xCBF43926 - 2**32}"


def test_sqlx_and_drizzle() -> None:
    """SHA-384 of the file; SHA-256 of the text with either line end."""
    assert digests.sha384(b"x") == f"sha384:{hashlib.sha384(b'x').hexdigest()}"
    current, *accepted = digests.drizzle(b"a\r\nb")
    assert current == digests.sha256(b"a\nb")
    assert accepted == [digests.sha256(b"a\r\nb")]


def test_sqitchs_change_id() -> None:
    """The id is the SHA-1 of the change's description in the way of git: what `git hash-object -t change` would say."""
    plan = sqitch_plan.parse(str(histories.SQITCH["db/sqitch.plan"]))
    first, second, third = plan.changes
    info = (
        "project shop\nuri https://example.org/shop/\nchange schema\n"
        "planner Ann <ann@example.org>\ndate 2024-01-01T00:00:00Z\n\nThe schema"
    )
    assert first.id == hashlib.sha1(f"change {len(info)}\0{info}".encode()).hexdigest()
    info = (
        f"project shop\nuri https://example.org/shop/\nchange api/users\nparent {first.id}\n"
        "planner Ann <ann@example.org>\ndate 2024-01-02T00:00:00Z\n"
        "requires\n  + schema\nconflicts\n  - old\n\nUsers"
    )
    assert second.id == hashlib.sha1(f"change {len(info)}\0{info}".encode()).hexdigest()
    assert (second.tags, third.tags, second.tagged) == (("@v1",), (), ("@v1",))


def test_sqitchs_ids_are_those_that_it_prints() -> None:
    """The ids of Sqitch's own tutorial, whose planner has a letter of three bytes; a note may follow at once."""
    who = "Marge N. O\u2019Vera <marge@example.com>"
    plan = sqitch_plan.parse(
        "%syntax-version=1.0.0-b2\n%project=flipr\n%uri=https://github.com/theory/sqitch-intro/\n\n"
        f"appschema 2013-12-30T23:19:45Z {who} # Add schema for all flipr objects.\n"
        f"users [appschema] 2013-12-30T23:49:00Z {who}# Creates table to track our users.\n"
        f"insert_user [users appschema] 2013-12-30T23:57:36Z {who} # Creates a function to insert a user.\n"
        f"change_pass [users appschema] 2013-12-30T23:57:45Z {who} # Creates a function to change a user password.\n"
    )
    assert [change.id for change in plan.changes if change.name != "insert_user"] == [
        "c7981df861183412b01be706889e508a63d445ca",
        "77398e1dbc5fbce58b05eb67d201f15774718727",
        "01a4f6964b89284525cb5877d222df8be70d1647",
    ]


@cases.named(("data", "text", "notes"), [
    ("plain", b"SELECT 1;", "SELECT 1;", 0),
    ("a byte order mark", b"\xef\xbb\xbfSELECT 1;", "SELECT 1;", 0),
    ("Latin-1", b"SELECT '\xe9';", "SELECT 'é';", 1),
    ("UTF-16", "SELECT 'é';".encode("utf-16"), "SELECT 'é';", 1),
    ("CRLF between statements", b"SELECT 1;\r\nSELECT 2;\r\n", "SELECT 1;\nSELECT 2;\n", 0),
    ("CRLF in a string", b"SELECT 'a\r\nb';", "SELECT 'a\nb';", 1),
])  # fmt: skip
def test_a_files_encoding_is_recognised(data: bytes, text: str, notes: int) -> None:
    """The text is what is meant; what changes inside of a string is noted."""
    decoded, said = texts.decoded(data)
    assert (decoded, len(said)) == (text, notes)
