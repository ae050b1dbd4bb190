"""What the lexer looks for. Loaded when a text needs it: compiling them takes longer than most commands have."""

import re

# Characters that a name may have: letters, digits, _, $ and all that is not ASCII. Written as what they are not,
# because a range of a million characters takes tens of milliseconds to compile.
_ID = r"^\x00-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f"
_TAG = r"[^\x00-\x40\x5b-\x5e\x60\x7b-\x7f][^\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]*+"
_NEXT_LINE = r"(?:[ \t\f\v]|--[^\n]*+)*+\n(?:[ \t\n\r\f\v]|--[^\n]*+\n)*+"
_ESCAPED = r"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_BLOCK_COMMENT = r"/\*[^*/]*+(?:(?:\*(?!/)|/(?!\*))[^*/]*+)*+\*/"  # with no other inside; those are followed by hand
_SPACE = r"[ \t\n\r\f\v]"
# A statement up to its semicolon. It stops before what a regular expression cannot follow: a dollar quote, a comment
# in a comment, an open quote.
BODY = re.compile(
    rf"""(?:
      [^'"$;/\-]++
    | (?<=(?<![{_ID}])[eE]){_ESCAPED}(?:{_NEXT_LINE}{_ESCAPED})*+
    | '[^']*+'
    | "[^"]*+"
    | (?<=[{_ID}])\$
    | \$(?!(?:{_TAG})?\$)
    | --[^\n]*+ | -
    | {_BLOCK_COMMENT} | /(?!\*)
    )*+""",
    re.VERBOSE | re.DOTALL,
)
DOLLAR = re.compile(rf"\$(?:{_TAG})?\$")
# pg_dump writes these two psql commands around its output, against dumps that carry others; none is run here anyway.
_RESTRICT = r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+[ \t]*+(?=\r?\n|\Z)"
GAP = re.compile(rf"(?:[ \t\n\r\f\v;]++|--[^\n]*+|{_BLOCK_COMMENT})*+")
RESTRICT_LINE = re.compile(rf"(?<![^\n\ufeff]){_RESTRICT}")
BLOCK_EDGE = re.compile(r"/\*|\*/")
_BLANK = rf"(?:{_SPACE}|--[^\n]*+(?:\n|\Z)|{_BLOCK_COMMENT})"
_NAME = rf'(?:(?:[uU]&)?"(?:[^"]|"")*+"|[{_ID}]++)'
# Where a semicolon may stand inside of a statement.
HOLDS_MORE = re.compile(
    rf"create{_BLANK}++(?:or{_BLANK}++replace{_BLANK}++)?(function|procedure|rule)\b", re.IGNORECASE
)
ATOMIC = re.compile(rf"\bbegin{_BLANK}++atomic\b", re.IGNORECASE)
# What counts there: the words of blocks and parentheses, outside of quotes and comments.
INSIDE = re.compile(
    rf"""(?<=(?<![{_ID}])[eE]){_ESCAPED} | '[^']*+' | "[^"]*+" | --[^\n]*+ | (?P<comment>/\*)
    | (?<![{_ID}])(?P<tag>\$(?:{_TAG})?\$).*?(?P=tag)
    | (?P<word>(?<![{_ID}])(?:begin|case|end)(?![{_ID}])) | (?P<edge>[()])""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
COPY_IN = re.compile(
    rf"""copy{_BLANK}++(?:binary{_BLANK}++)?{_NAME}(?:{_BLANK}*+\.{_BLANK}*+{_NAME})*+{_BLANK}*+
    (?:\((?:[^()"]|"[^"]*+")*+\){_BLANK}*+)?from{_BLANK}++std(?:in|out)(?![{_ID}])""",
    re.VERBOSE | re.IGNORECASE,
)
REST_OF_LINE = re.compile(r"[ \t\r\f\v;]*+(?:--[^\n]*+)?(?=\n|\Z)")
COMMENT_OR_QUOTED = re.compile(rf"""'[^']*+'|"[^"]*+"|--[^\n]*+|{_BLOCK_COMMENT}""")
