"""What a fill does to a position."""

import dataclasses
import decimal
from typing import Final

#: The places of numeric(20, 8) and numeric(20, 4).
_PRICE: Final = decimal.Decimal("0.00000001")
_MONEY: Final = decimal.Decimal("0.0001")
#: Below these are what numeric(28, 10), numeric(20, 8) and numeric(20, 4) hold.
_QUANTITIES, _PRICES, _PROFITS = (decimal.Decimal(10) ** digits for digits in (18, 12, 16))


@dataclasses.dataclass(frozen=True)
class Position:
    """What is held (negative: owed), at which average price, and what was earned with what is not held any more."""

    quantity: decimal.Decimal = decimal.Decimal(0)
    price: decimal.Decimal = decimal.Decimal(0)
    profit: decimal.Decimal = decimal.Decimal(0)

    @property
    def storable(self) -> bool:
        """Tell whether the columns of trading.positions hold it."""
        return abs(self.quantity) < _QUANTITIES and self.price < _PRICES and abs(self.profit) < _PROFITS


def filled(position: Position, change: decimal.Decimal, price: decimal.Decimal) -> Position:
    """Return the position after `change` was bought (negative: sold) at this price.

    >>> D = decimal.Decimal
    >>> held = filled(filled(Position(), D(10), D(100)), D(10), D(110))
    >>> held.quantity, held.price == 105, filled(held, D(-20), D(106)).profit == 20
    (Decimal('20'), True, True)
    """
    with decimal.localcontext(prec=80):
        quantity = position.quantity + change
        if position.quantity * change >= 0:  # more of the same
            worth = abs(position.quantity) * position.price + abs(change) * price
            return dataclasses.replace(position, quantity=quantity, price=_rounded(worth / abs(quantity), _PRICE))
        closed = min(abs(change), abs(position.quantity))
        gain = (price - position.price) * (closed if position.quantity > 0 else -closed)
        profit = position.profit + _rounded(gain, _MONEY)
        if quantity == 0:
            return Position(quantity, decimal.Decimal(0), profit)
        through = (quantity > 0) != (position.quantity > 0)
        return Position(quantity, price if through else position.price, profit)


def _rounded(value: decimal.Decimal, places: decimal.Decimal) -> decimal.Decimal:
    return value.quantize(places, rounding=decimal.ROUND_HALF_UP)
