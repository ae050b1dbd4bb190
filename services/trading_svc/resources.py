"""What trading-svc serves."""

from typing import Final

from services.web import kinds, resources

_ID: Final = kinds.Field("id", kinds.whole(), "Its id.", "never")
_CREATED: Final = kinds.Field("created_at", kinds.moment(), "When it was stored.", "never")
_UPDATED: Final = kinds.Field("updated_at", kinds.moment(), "When it last changed.", "never")
_ACCOUNT: Final = kinds.Field("account_id", kinds.whole(), "The account at the broker.")
_INSTRUMENT: Final = kinds.Field(
    "instrument", kinds.text(32, "ACME", "^[A-Z0-9][A-Z0-9.:/-]{0,31}$"), "The symbol of what is traded."
)
_CURRENCY: Final = kinds.Field("currency", kinds.text(3, "EUR", "^[A-Z]{3}$"), "ISO 4217; that of the account.")

#: Bytes of JSON text.
PARAMETERS_MOST: Final = 64 * 1024

STRATEGIES: Final = resources.Resource(
    "/strategies",
    "trading.strategies",
    "strategy",
    (
        _ID,
        kinds.Field("owner_id", kinds.whole(), "The user on whose behalf it trades."),
        kinds.Field("name", kinds.text(200, "Trend following"), "Unique for its owner."),
        kinds.Field("description", kinds.text(1_000, "Buys what rises.", least=0), "For people.", "optional"),
        kinds.Field(
            "status", kinds.choice("draft", "active", "paused", "archived"), "Only an active one trades.", "optional"
        ),
        kinds.Field(
            "parameters",
            kinds.anything({"window": 20}, PARAMETERS_MOST),
            f"What the program reads: at most {PARAMETERS_MOST} bytes of JSON, 20 levels deep; its numbers are kept "
            "exactly, each of at most 1000 digits written out. Lists leave it out.",
            "optional",
            listed=False,
        ),
        _CREATED,
        _UPDATED,
    ),
)
ORDERS: Final = resources.Resource(
    "/orders",
    "trading.orders",
    "order",
    (
        _ID,
        kinds.Field(
            "client_order_id",
            kinds.identifier(),
            "Chosen by who places the order: a repeated request is refused with 409.",
            "optional",
        ),
        _ACCOUNT,
        kinds.Field("strategy_id", kinds.whole(), "None when a person placed it.", "optional", nullable=True),
        _INSTRUMENT,
        kinds.Field("side", kinds.choice("buy", "sell"), "Its direction."),
        kinds.Field("order_type", kinds.choice("market", "limit", "stop", "stop_limit"), "Which prices it has."),
        kinds.Field("time_in_force", kinds.choice("day", "gtc", "ioc", "fok"), "How long it lives.", "optional"),
        kinds.Field(
            "quantity",
            # The column holds 18 digits before the point; the position, which is a sum of many, does too.
            kinds.number(25, 10, "10", above_zero=True),
            "How many are to be traded; more than 0. Times each of the order's prices it is below 10^16.",
        ),
        kinds.Field("filled_quantity", kinds.number(28, 10, "0", positive=True), "How many were.", "never"),
        kinds.Field(
            "limit_price", kinds.number(20, 8, "101.50", above_zero=True), "For limit and stop_limit.", "optional", True
        ),
        kinds.Field(
            "stop_price", kinds.number(20, 8, "99.00", above_zero=True), "For stop and stop_limit.", "optional", True
        ),
        _CURRENCY,
        kinds.Field("status", kinds.choice("pending"), "From pending to filled, or how it ended.", "never"),
        kinds.Field("status_reason", kinds.text(1_000, ""), "Why it was rejected.", "never", nullable=True),
        kinds.Field("submitted_at", kinds.moment(), "When the venue got it.", "never", nullable=True),
        kinds.Field("closed_at", kinds.moment(), "When it ended.", "never", nullable=True),
        _CREATED,
        _UPDATED,
    ),
)
POSITIONS: Final = resources.Resource(
    "/positions",
    "trading.positions",
    "position",
    (
        _ID,
        _ACCOUNT,
        _INSTRUMENT,
        kinds.Field("quantity", kinds.number(28, 10, "10"), "Negative for a short position.", "never"),
        kinds.Field("average_price", kinds.number(20, 8, "101.50"), "Of one unit of what is held.", "never"),
        kinds.Field("realized_profit", kinds.number(20, 4, "0"), "Of what was held and is not.", "never"),
        _CURRENCY,
        _CREATED,
        _UPDATED,
    ),
    creatable=False,
)
ALL: Final = (STRATEGIES, ORDERS, POSITIONS)
