"""What financial-svc serves."""

from typing import Final

from services.web import kinds, resources

_ID: Final = kinds.Field("id", kinds.whole(), "Its id.", "never")
_CREATED: Final = kinds.Field("created_at", kinds.moment(), "When it was stored.", "never")
_UPDATED: Final = kinds.Field("updated_at", kinds.moment(), "When it last changed.", "never")
_EMAIL: Final = kinds.text(254, "ada@example.com", r"^[^@\sA-Z]+@[^@\sA-Z]+$")
_COUNTRY: Final = kinds.text(2, "DE", "^[A-Z]{2}$")
_CURRENCY: Final = kinds.text(3, "EUR", "^[A-Z]{3}$")
_MONEY: Final = kinds.number(20, 4, "119.0000")

USERS: Final = resources.Resource(
    "/users",
    "public.users",
    "user",
    (
        _ID,
        kinds.Field("email", _EMAIL, "The login name, in lower case."),
        kinds.Field("display_name", kinds.text(200, "Ada"), "For people."),
        kinds.Field("role", kinds.choice("member", "admin", "service"), "What they may do.", "optional"),
        kinds.Field("status", kinds.choice("invited", "active", "suspended"), "Whether they may.", "never"),
        _CREATED,
        _UPDATED,
    ),
)
INSTITUTIONS: Final = resources.Resource(
    "/institutions",
    "financial.institutions",
    "institution",
    (
        _ID,
        kinds.Field("name", kinds.text(200, "First Bank"), "Unique in its country."),
        kinds.Field("kind", kinds.choice("bank", "broker", "payment_provider"), "What it does."),
        kinds.Field("country", _COUNTRY, "ISO 3166-1 alpha-2."),
        kinds.Field(
            "bic",
            kinds.text(11, "MARKDEFFXXX", "^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$"),
            "ISO 9362.",
            "optional",
            nullable=True,
        ),
        kinds.Field("status", kinds.choice("active", "closed"), "Whether it is in business.", "never"),
        _CREATED,
        _UPDATED,
    ),
)
CLIENTS: Final = resources.Resource(
    "/clients",
    "financial.clients",
    "client",
    (
        _ID,
        kinds.Field("name", kinds.text(200, "Acme"), "Whom to invoice."),
        kinds.Field("kind", kinds.choice("company", "person"), "What it is.", "optional"),
        kinds.Field(
            "status", kinds.choice("prospect", "active", "inactive", "archived"), "From prospect on.", "optional"
        ),
        kinds.Field("email", _EMAIL, "Unique.", "optional", nullable=True),
        kinds.Field("country", _COUNTRY, "ISO 3166-1 alpha-2.", "optional", nullable=True),
        kinds.Field("tax_number", kinds.text(64, "DE123456789"), "Unique in its country.", "optional", nullable=True),
        kinds.Field("created_by", kinds.whole(), "The user who did.", "optional", nullable=True),
        _CREATED,
        _UPDATED,
    ),
)
ACCOUNTS: Final = resources.Resource(
    "/accounts",
    "financial.accounts",
    "account",
    (
        _ID,
        kinds.Field("institution_id", kinds.whole(), "Where it is held."),
        kinds.Field("owner_id", kinds.whole(), "The user whose it is."),
        kinds.Field("number", kinds.text(64, "DE02120300000000202051"), "As the institution writes it."),
        kinds.Field("name", kinds.text(200, "Main account"), "For people."),
        kinds.Field("kind", kinds.choice("checking", "savings", "credit", "brokerage", "cash"), "What it is."),
        kinds.Field("status", kinds.choice("active", "frozen", "closed"), "Whether it is used.", "never"),
        kinds.Field("currency", _CURRENCY, "ISO 4217; the unit of balance."),
        kinds.Field("balance", _MONEY, "As the institution last reported it.", "optional"),
        kinds.Field("opened_on", kinds.date("2026-01-31"), "Its first day.", "optional", nullable=True),
        kinds.Field("closed_on", kinds.date("2026-12-31"), "Its last day.", "never", nullable=True),
        _CREATED,
        _UPDATED,
    ),
)
LINES: Final = (
    kinds.Field("line_number", kinds.whole(), "Its place, from 1.", "never"),
    kinds.Field("description", kinds.text(1_000, "Consulting"), "What was done."),
    kinds.Field("quantity", kinds.number(20, 6, "2", above_zero=True), "How much; 1 when not given.", "optional"),
    kinds.Field("unit_price", kinds.number(20, 4, "50.00"), "Negative for a discount."),
    kinds.Field("tax_rate", kinds.number(7, 6, "0.19", positive=True, most=1), "A share: 0.19 is 19 %.", "optional"),
    kinds.Field("amount", _MONEY, "quantity times unit_price, without tax.", "never"),
)
INVOICES: Final = resources.Resource(
    "/invoices",
    "financial.invoices",
    "invoice",
    (
        _ID,
        kinds.Field("client_id", kinds.whole(), "To whom."),
        kinds.Field("number", kinds.text(64, "2026-0001"), "Unique."),
        kinds.Field(
            "status",
            kinds.choice("draft", "issued", "paid", "void"),
            "A draft until worker-financial issues it.",
            "never",
        ),
        kinds.Field("issue_date", kinds.date("2026-01-31"), "Today when not given.", "optional"),
        kinds.Field("due_date", kinds.date("9999-12-31"), "Not before issue_date."),
        kinds.Field("currency", _CURRENCY, "ISO 4217; the unit of every amount."),
        kinds.Field("subtotal", _MONEY, "The sum of the lines' amounts.", "never"),
        kinds.Field("tax", _MONEY, "The sum of the lines' taxes.", "never"),
        kinds.Field("total", _MONEY, "subtotal and tax.", "never"),
        kinds.Field("paid_at", kinds.moment(), "When it was paid.", "never", nullable=True),
        _CREATED,
        _UPDATED,
        kinds.Field("lines", kinds.many(LINES, 1_000), "What it is made of; lists leave them out.", listed=False),
    ),
)
TRANSACTIONS: Final = resources.Resource(
    "/transactions",
    "financial.transactions",
    "transaction",
    (
        _ID,
        kinds.Field("account_id", kinds.whole(), "On which account."),
        kinds.Field("category_id", kinds.whole(), "What it was for.", "optional", nullable=True),
        kinds.Field("invoice_id", kinds.whole(), "The invoice that it pays.", "optional", nullable=True),
        kinds.Field(
            "external_id", kinds.text(200, "2026-01-31/17"), "The institution's own id: a repeated import is 409.",
            "optional", nullable=True,
        ),
        kinds.Field(
            "status", kinds.choice("pending", "posted", "failed", "reversed"),
            "Pending until worker-financial posts it.", "never",
        ),
        kinds.Field("date", kinds.date("2026-01-31"), "Booking date."),
        kinds.Field("amount", _MONEY, "Positive into the account, negative out of it; not zero."),
        kinds.Field("currency", _CURRENCY, "ISO 4217; that of the account."),
        kinds.Field("counterparty", kinds.text(200, "Acme"), "With whom.", "optional", nullable=True),
        kinds.Field("description", kinds.text(1_000, "Invoice 2026-0001", least=0), "For people.", "optional"),
        kinds.Field("posted_at", kinds.moment(), "When it was posted.", "never", nullable=True),
        _CREATED,
        _UPDATED,
    ),
)  # fmt: skip
ALL: Final = (USERS, INSTITUTIONS, CLIENTS, ACCOUNTS, INVOICES, TRANSACTIONS)
