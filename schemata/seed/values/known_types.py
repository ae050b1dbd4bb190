"""What is known of types and names: values that they go with."""

from collections.abc import Mapping

#: By a part of the column's name.
HINTS = (
    ("currency", ("EUR", "USD", "GBP", "CHF", "JPY", "SEK")),
    ("country", ("DE", "US", "FR", "GB", "NL", "CH", "AT", "PL")),
    ("language", ("en", "de", "fr", "es")),
    ("locale", ("en", "de", "fr", "es")),
)
#: By the type: {n} is a number that is another one for another row, {t} the time of the row, {half} half a step.
BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "uuid": ("md5('{salt}-' || {n})::uuid",),
    "bytea": (
        "sha256(convert_to('{salt}-' || {n}, 'UTF8'))", "decode(md5('{salt}-' || {n}), 'hex')",
        "substr(sha256(convert_to('{salt}-' || {n}, 'UTF8')), 1, 20)", "sha512(convert_to('{salt}-' || {n}, 'UTF8'))",
    ),
    "inet": ("inet '10.0.0.0' + {n}",), "cidr": ("(inet '10.0.0.0' + {n})::cidr",),
    "macaddr": ("lpad(to_hex({n}), 12, '0')::macaddr",), "macaddr8": ("lpad(to_hex({n}), 16, '0')::macaddr8",),
    "interval": ("{n} * interval '1 minute'",), "time": ("time '00:00' + {n} * interval '1 second'",),
    "timetz": ("timetz '00:00+00' + {n} * interval '1 second'",),
    "int4range": ("int4range(({n} * 10)::int4, ({n} * 10 + 5)::int4)",),
    "int8range": ("int8range({n} * 10, {n} * 10 + 5)",),
    "numrange": ("numrange({n} * 10, {n} * 10 + 5)",),
    "daterange": ("daterange(date '2000-01-01' + (2 * {n})::int4, date '2000-01-01' + (2 * {n} + 1)::int4)",),
    "tsrange": ("tsrange({t} AT TIME ZONE 'UTC', ({t} + {half}) AT TIME ZONE 'UTC')",),
    "tstzrange": ("tstzrange({t}, {t} + {half})",),
    "point": ("point({n}, {n})",), "bit": ("({n})::bit({length})",), "varbit": ("({n})::bit(32)",),
    "jsonb": ("jsonb_build_object('sample', {n})",), "json": ("json_build_object('sample', {n})",),
}  # fmt: skip
#: Times, whole numbers with the largest of each, and all numbers, by the name of the type.
TIMES = ("date", "timestamp", "timestamptz")
INTEGERS = {"int2": 32_767, "int4": 2_147_483_647, "int8": 2**62}
NUMBERS = (*INTEGERS, "numeric", "float4", "float8")
#: Types of one length: a value among many is found by its place in an array of them.
OF_ONE_LENGTH = (*INTEGERS, "float4", "float8", "uuid", *TIMES, "oid", "macaddr")
