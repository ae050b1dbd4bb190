"""What trading-svc serves."""

import decimal
import uuid
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from services.trading_svc.parameters import MOST, Parameters
from services.web import fields, resources
from services.web.fields import Given, Id, Shown, ShownId, ShownMoment, ShownNumber

StrategyStatus = Literal["draft", "active", "paused", "archived"]
Instrument = Annotated[
    str,
    Field(
        min_length=1,
        max_length=32,
        pattern="^[A-Z0-9][A-Z0-9.:/-]{0,31}$",
        description="The symbol of what is traded.",
    ),
]
Price = Annotated[decimal.Decimal, Field(max_digits=20, decimal_places=8, gt=0), fields.Exact]


class _Stored(Shown):
    id: ShownId
    created_at: Annotated[ShownMoment, Field(description="When it was stored.")]
    updated_at: Annotated[ShownMoment, Field(description="When it last changed.")]


class NewStrategy(Given):
    owner_id: Annotated[Id, Field(description="The user on whose behalf it trades.")]
    name: Annotated[fields.Name, Field(description="Unique for its owner.")]
    description: Annotated[fields.Text, Field(max_length=1_000, description="For people.")] = ""
    status: Annotated[StrategyStatus, Field(description="Only an active one trades.")] = "draft"
    parameters: Annotated[
        Parameters,
        Field(
            description=f"What the program reads: at most {MOST} bytes of JSON, 20 levels deep; its numbers "
            "are kept exactly, each of at most 1000 digits written out."
        ),
    ] = "{}"


class Strategy(_Stored):
    owner_id: int
    name: str
    description: str
    status: str
    parameters: Annotated[dict[str, Any], Field(default_factory=dict, description="Lists leave it out.")]


class NewOrder(Given):
    client_order_id: Annotated[
        uuid.UUID,
        Field(
            default_factory=uuid.uuid4,
            description="Chosen by who places the order: a repeated request is refused with 409.",
        ),
    ]
    account_id: Annotated[Id, Field(description="The account at the broker.")]
    strategy_id: Annotated[Id | None, Field(description="None when a person placed it.")] = None
    instrument: Instrument
    side: Literal["buy", "sell"]
    order_type: Annotated[Literal["market", "limit", "stop", "stop_limit"], Field(description="Which prices it has.")]
    time_in_force: Annotated[Literal["day", "gtc", "ioc", "fok"], Field(description="How long it lives.")] = "day"
    quantity: Annotated[
        decimal.Decimal,
        # The column holds 18 digits before the point; the position, which is a sum of many, does too.
        Field(
            max_digits=25,
            decimal_places=10,
            gt=0,
            description="How many are to be traded. Times each of the order's prices it is below 10^16.",
        ),
        fields.Exact,
    ]
    limit_price: Annotated[Price | None, Field(description="For limit and stop_limit.")] = None
    stop_price: Annotated[Price | None, Field(description="For stop and stop_limit.")] = None
    currency: Annotated[fields.Currency, Field(description="ISO 4217; that of the account.")]


class Order(_Stored):
    client_order_id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    account_id: int
    strategy_id: int | None
    instrument: str
    side: str
    order_type: str
    time_in_force: str
    quantity: ShownNumber
    filled_quantity: ShownNumber
    limit_price: ShownNumber | None
    stop_price: ShownNumber | None
    currency: str
    status: Annotated[str, Field(description="From pending to filled, or how it ended.")]
    status_reason: Annotated[str | None, Field(description="Why it was rejected.")]
    submitted_at: Annotated[ShownMoment | None, Field(description="When the venue got it.")]
    closed_at: Annotated[ShownMoment | None, Field(description="When it ended.")]


class Position(_Stored):
    account_id: int
    instrument: str
    quantity: Annotated[ShownNumber, Field(description="Negative for a short position.")]
    average_price: Annotated[ShownNumber, Field(description="Of one unit of what is held.")]
    realized_profit: Annotated[ShownNumber, Field(description="Of what was held and is not.")]
    currency: str


STRATEGIES: Final = resources.Resource(
    "/strategies",
    "trading.strategies",
    "strategy",
    Strategy,
    NewStrategy,
    {"owner_id": 1, "name": "Trend following"},
    single=("parameters",),
    choices={"status": StrategyStatus},
)
ORDERS: Final = resources.Resource(
    "/orders",
    "trading.orders",
    "order",
    Order,
    NewOrder,
    {
        "account_id": 1,
        "instrument": "ACME",
        "side": "buy",
        "order_type": "market",
        "quantity": "10",
        "currency": "EUR",
    },
)
POSITIONS: Final = resources.Resource("/positions", "trading.positions", "position", Position)
ALL: Final = (STRATEGIES, ORDERS, POSITIONS)
