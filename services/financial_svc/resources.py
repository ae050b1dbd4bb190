"""What financial-svc serves."""

import datetime
import decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from services.web import fields, resources
from services.web.fields import Given, Id, Shown, ShownDate, ShownId, ShownMoment, ShownNumber

ClientStatus = Literal["prospect", "active", "inactive", "archived"]
InvoiceStatus = Literal["draft", "issued", "paid", "void"]
TransactionStatus = Literal["pending", "posted", "failed", "reversed"]
Email = Annotated[
    fields.Text, Field(min_length=1, max_length=254, pattern=r"^[^@\sA-Z]+@[^@\sA-Z]+$", examples=["ada@example.com"])
]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")]
Bic = Annotated[str, Field(min_length=1, max_length=11, pattern="^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$")]
Sentence = Annotated[fields.Word, Field(max_length=1_000)]


class _Stored(Shown):
    id: ShownId
    created_at: Annotated[ShownMoment, Field(description="When it was stored.")]
    updated_at: Annotated[ShownMoment, Field(description="When it last changed.")]


class NewUser(Given):
    email: Annotated[Email, Field(description="The login name, in lower case.")]
    display_name: Annotated[fields.Name, Field(description="For people.")]
    role: Annotated[Literal["member", "admin", "service"], Field(description="What they may do.")] = "member"


class User(_Stored):
    email: str
    display_name: str
    role: str
    status: Annotated[str, Field(description="Whether they may log in.")]


class NewInstitution(Given):
    name: Annotated[fields.Name, Field(description="Unique in its country.")]
    kind: Annotated[Literal["bank", "broker", "payment_provider"], Field(description="What it does.")]
    country: Country
    bic: Annotated[Bic | None, Field(description="ISO 9362.")] = None


class Institution(_Stored):
    name: str
    kind: str
    country: str
    bic: str | None
    status: Annotated[str, Field(description="Whether it is in business.")]


class NewClient(Given):
    name: Annotated[fields.Name, Field(description="Whom to invoice.")]
    kind: Literal["company", "person"] = "company"
    status: Annotated[ClientStatus, Field(description="From prospect on.")] = "prospect"
    email: Annotated[Email | None, Field(description="Unique.")] = None
    country: Country | None = None
    tax_number: Annotated[fields.Number | None, Field(description="Unique in its country.")] = None
    created_by: Annotated[Id | None, Field(description="The user who did.")] = None


class Client(_Stored):
    name: str
    kind: str
    status: str
    email: str | None
    country: str | None
    tax_number: str | None
    created_by: int | None


class NewAccount(Given):
    institution_id: Annotated[Id, Field(description="Where it is held.")]
    owner_id: Annotated[Id, Field(description="The user whose it is.")]
    number: Annotated[fields.Number, Field(description="As the institution writes it.")]
    name: Annotated[fields.Name, Field(description="For people.")]
    kind: Literal["checking", "savings", "credit", "brokerage", "cash"]
    currency: Annotated[fields.Currency, Field(description="ISO 4217; the unit of balance.")]
    balance: Annotated[fields.Money, Field(description="As the institution last reported it.")] = decimal.Decimal(0)
    opened_on: Annotated[fields.Date | None, Field(description="Its first day.")] = None


class Account(_Stored):
    institution_id: int
    owner_id: int
    number: str
    name: str
    kind: str
    status: Annotated[str, Field(description="Whether it is used.")]
    currency: str
    balance: ShownNumber
    opened_on: ShownDate | None
    closed_on: Annotated[ShownDate | None, Field(description="Its last day.")]


class NewLine(Given):
    description: Annotated[Sentence, Field(description="What was done.")]
    quantity: Annotated[decimal.Decimal, Field(max_digits=20, decimal_places=6, gt=0), fields.Exact] = decimal.Decimal(
        1
    )
    unit_price: Annotated[fields.Money, Field(description="Negative for a discount.")]
    tax_rate: Annotated[
        decimal.Decimal,
        Field(max_digits=7, decimal_places=6, ge=0, le=1, description="A share: 0.19 is 19 %."),
        fields.Exact,
    ] = decimal.Decimal(0)


class Line(Shown):
    line_number: Annotated[int, Field(description="Its place, from 1.")]
    description: str
    quantity: ShownNumber
    unit_price: ShownNumber
    tax_rate: ShownNumber
    amount: Annotated[ShownNumber, Field(description="quantity times unit_price, without tax.")]


class NewInvoice(Given):
    client_id: Annotated[Id, Field(description="To whom.")]
    number: Annotated[fields.Number, Field(description="Unique.")]
    issue_date: Annotated[fields.Date, Field(default_factory=datetime.date.today, description="Today when not given.")]
    due_date: Annotated[fields.Date, Field(description="Not before issue_date.")]
    currency: Annotated[fields.Currency, Field(description="ISO 4217; the unit of every amount.")]
    lines: Annotated[list[NewLine], Field(min_length=1, max_length=1_000, description="What it is made of.")]


class Invoice(_Stored):
    client_id: int
    number: str
    status: Annotated[str, Field(description="A draft until worker-financial issues it.")]
    issue_date: ShownDate
    due_date: ShownDate
    currency: str
    subtotal: Annotated[ShownNumber, Field(description="The sum of the lines' amounts.")]
    tax: Annotated[ShownNumber, Field(description="The sum of the lines' taxes.")]
    total: Annotated[ShownNumber, Field(description="subtotal and tax.")]
    paid_at: ShownMoment | None
    lines: Annotated[list[Line], Field(default_factory=list, description="Lists leave them out.")]


class NewTransaction(Given):
    account_id: Annotated[Id, Field(description="On which account.")]
    category_id: Annotated[Id | None, Field(description="What it was for.")] = None
    invoice_id: Annotated[Id | None, Field(description="The invoice that it pays.")] = None
    external_id: Annotated[
        fields.Name | None, Field(description="The institution's own id: a repeated import is 409.")
    ] = None
    date: Annotated[fields.Date, Field(description="Booking date.")]
    amount: Annotated[fields.Money, Field(description="Positive into the account, negative out of it; not zero.")]
    currency: Annotated[fields.Currency, Field(description="ISO 4217; that of the account.")]
    counterparty: Annotated[fields.Name | None, Field(description="With whom.")] = None
    description: Annotated[fields.Text, Field(max_length=1_000, description="For people.")] = ""


class Transaction(_Stored):
    account_id: int
    category_id: int | None
    invoice_id: int | None
    external_id: str | None
    status: Annotated[str, Field(description="Pending until worker-financial posts it.")]
    date: ShownDate
    amount: ShownNumber
    currency: str
    counterparty: str | None
    description: str
    posted_at: ShownMoment | None


USERS: Final = resources.Resource(
    "/users", "public.users", "user", User, NewUser, {"email": "ada@example.com", "display_name": "Ada"}
)
INSTITUTIONS: Final = resources.Resource(
    "/institutions",
    "financial.institutions",
    "institution",
    Institution,
    NewInstitution,
    {"name": "First Bank", "kind": "bank", "country": "DE"},
)
CLIENTS: Final = resources.Resource(
    "/clients", "financial.clients", "client", Client, NewClient, {"name": "Acme"}, choices={"status": ClientStatus}
)
ACCOUNTS: Final = resources.Resource(
    "/accounts",
    "financial.accounts",
    "account",
    Account,
    NewAccount,
    {
        "institution_id": 1,
        "owner_id": 1,
        "number": "DE02120300000000202051",
        "name": "Main account",
        "kind": "checking",
        "currency": "EUR",
    },
)
INVOICES: Final = resources.Resource(
    "/invoices",
    "financial.invoices",
    "invoice",
    Invoice,
    NewInvoice,
    {
        "client_id": 1,
        "number": "2026-0001",
        "due_date": "9999-12-31",
        "currency": "EUR",
        "lines": [{"description": "Consulting", "unit_price": "50.00"}],
    },
    single=("lines",),
    choices={"status": InvoiceStatus},
)
TRANSACTIONS: Final = resources.Resource(
    "/transactions",
    "financial.transactions",
    "transaction",
    Transaction,
    NewTransaction,
    {"account_id": 1, "date": "2026-01-31", "amount": "119.0000", "currency": "EUR"},
    choices={"status": TransactionStatus},
)
ALL: Final = (USERS, INSTITUTIONS, CLIENTS, ACCOUNTS, INVOICES, TRANSACTIONS)
