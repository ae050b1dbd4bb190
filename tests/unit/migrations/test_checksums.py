"""digest: what counts as the same content."""

import hashlib

import pytest

from schemata.migrations import checksums
from tests.unit import cases


@cases.named(
    ("data", "text"),
    [
        ("as it is", b"SELECT 1;\n", "SELECT 1;\n"),
        ("Windows line ends", b"a\r\nb\r\n", "a\nb\n"),
        ("old Mac line ends", b"a\rb", "a\nb"),
        ("mixed line ends", b"a\r\r\nb\n\r", "a\n\nb\n\n"),
        ("a byte order mark", b"\xef\xbb\xbfa", "a"),
        ("no final newline stays so", b"a", "a"),
        ("spaces count", b"a \n", "a \n"),
        ("empty", b"", ""),
    ],
)
def test_normalise(data: bytes, text: str) -> None:
    """Line ends and a byte order mark are the editor's, not the author's; everything else is content."""
    assert checksums.normalise(data) == text


def test_content_that_is_not_utf_8_is_refused() -> None:
    """Nothing is guessed about an encoding."""
    with pytest.raises(UnicodeDecodeError):
        checksums.normalise(b"caf\xe9")


def test_the_checksum_is_plain_sha_256() -> None:
    """Anybody can compute it: `sha256sum` of a file with Unix line ends gives the same."""
    assert checksums.checksum("é\n") == hashlib.sha256("é\n".encode()).hexdigest()


def test_the_digest_of_a_set_is_pinned() -> None:
    """The value is in databases and sealed images: it never changes between releases."""
    members = [("app.20250101000000.a", "00"), ("app.20250101000001.b", "01")]
    assert checksums.of([]) == checksums.EMPTY
    assert checksums.of(members) == "0b24a0b3e61611bdc5348f9f4a2fcb8695103d45c34f964170b13c2760dc19e0"
    assert checksums.of(members) != checksums.of([("app.20250101000000.a", "01"), ("app.20250101000001.b", "00")])
