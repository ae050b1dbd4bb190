"""What an invoice comes to."""

import decimal
from collections.abc import Mapping, Sequence
from typing import Any, Final

#: What numeric(20, 4) holds.
_CENT: Final = decimal.Decimal("0.0001")
_LIMIT: Final = decimal.Decimal(10) ** 16


class OutOfRange(Exception):
    """A sum is negative or beyond what an invoice can hold; `line` (from 0): already the amount of that one is."""

    def __init__(self, line: int | None = None) -> None:
        super().__init__(line)
        self.line = line


def totals(lines: Sequence[Mapping[str, Any]]) -> tuple[decimal.Decimal, decimal.Decimal]:
    """Return the sum of the lines' amounts and the sum of their taxes, each line rounded by itself.

    The amounts are those that the database computes: halves go away from zero. Raises OutOfRange.

    >>> totals([{"unit_price": decimal.Decimal("0.0005"), "quantity": decimal.Decimal("0.1")}])
    (Decimal('0.0001'), Decimal('0.0000'))
    """
    with decimal.localcontext(prec=80):
        subtotal = tax = decimal.Decimal("0.0000")
        for at, line in enumerate(lines):
            amount = _rounded(line.get("quantity", decimal.Decimal(1)) * line["unit_price"])
            subtotal += amount
            tax += _rounded(amount * line.get("tax_rate", decimal.Decimal(0)))
            if abs(amount) >= _LIMIT:
                raise OutOfRange(at)
        if subtotal < 0 or tax < 0 or subtotal + tax >= _LIMIT:
            raise OutOfRange
        return subtotal, tax


def _rounded(value: decimal.Decimal) -> decimal.Decimal:
    return value.quantize(_CENT, rounding=decimal.ROUND_HALF_UP)
