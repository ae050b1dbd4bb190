"""SQL of values of which there are so many different ones, as a scale has it: evenly apart, the first come oftener."""

from schemata.seed.values import expressions

_DAY = 86_400 * 1_000_000


def share(drawn: int, count: int) -> str:
    """Return SQL of a number from 0 up to 1 of which there are `count` different ones."""
    return f"({expressions.skewed(drawn, count)}::float8 / {count})"


def amount(drawn: int, count: int, digits: int, most: float) -> str:
    """Return SQL of a number from 0 up to `most`, which differs from others in so many digits behind the point."""
    room = max(1, int(most * 10**digits))
    count = min(count, room)
    # Half a unit more: what is cut off after the digits is never the next smaller one.
    return f"(({expressions.skewed(drawn, count)} * {room // count} + 0.5::float8) / {10.0**digits!r})"


def moment(drawn: int, count: int, *, days: bool) -> str:
    """Return SQL of a time, with `days` of another day for each."""
    step = max(expressions.SPAN // count, _DAY if days else 1)
    if days:
        step -= step % _DAY
    return (
        f"({expressions.START} + make_interval(secs => "
        f"({expressions.skewed(drawn, count)} * {step}::int8)::float8 / 1000000))"
    )
