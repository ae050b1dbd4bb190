"""What breaks a page of the platform: changes of an index, of a declaration, of the SQL of a file."""

import dataclasses
from collections.abc import Callable

from schemata import config
from schemata.pages import declarations, pages, sql_file
from tests.conftest import REPOSITORY

PAGES = declarations.read(config.load(REPOSITORY, {}))
BY_NAME = {page.name: page for page in PAGES}
Change = Callable[[pages.Page], pages.Page]


@dataclasses.dataclass(frozen=True)
class Mutation:
    """One change.

    :param page: the page that it breaks. :param ddl: what changes the database.
    :param declared: what is declared instead of it. :param also: pages that it breaks too.
    :param unclear: those for which another index is then as good: whichever the planner takes is right.
    """

    name: str
    page: str
    ddl: tuple[str, ...] = ()
    declared: pages.Page | None = None
    also: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()

    def breaks(self, names: set[str]) -> bool:
        """Tell whether these are the pages that it breaks, by name."""
        return names - set(self.unclear) == {self.page, *self.also}

    def breaks_its_table(self, names: set[str]) -> bool:
        """Tell whether these are the pages that it breaks, and others of the same table at most.

        What is planned for them depends on what other indexes cost, and so on the rows.
        """
        table = (self.declared or BY_NAME[self.page]).table or "financial.transactions"
        others = names - {self.page, *self.also}
        return names >= {self.page, *self.also} and all(BY_NAME[name].table == table for name in others)

    def pages(self) -> list[pages.Page]:
        """Return what is declared."""
        changed = [self.declared if page.name == self.page and self.declared else page for page in PAGES]
        return changed if self.page in BY_NAME else [*changed, *([self.declared] if self.declared else [])]


def _columns(page: pages.Page) -> list[str]:
    return [*page.filter, *page.order]


def _instead(page: pages.Page, columns: list[str], behind: str = "") -> tuple[str, ...]:
    schema = page.table.partition(".")[0]
    return (
        f"DROP INDEX {schema}.{page.index}",
        f"CREATE INDEX {page.index} ON {page.table} ({', '.join(columns)}) {behind}",
    )


def _of_index(page: pages.Page) -> list[Mutation]:
    """Return what may happen to the index of any page."""
    columns = _columns(page)
    first, last = columns[-2], columns[-1]
    return [
        Mutation("dropped", page.name, _instead(page, columns)[:1]),
        Mutation("without the tie-breaker", page.name, _instead(page, columns[:-1])),
        Mutation("one direction turned", page.name, _instead(page, [*columns[:-1], last.replace(" desc", "")])),
        Mutation("order swapped", page.name, _instead(page, [*columns[:-2], last, first])),
    ]


def file_page(name: str, index: str, where: str, order: str = "date DESC, id DESC", keyset: str = "") -> pages.Page:
    head = f"-- page: {name}\n-- index: {index}\n" + (f"-- keyset: {keyset}\n" if keyset else "")
    return sql_file.parse(
        f"{head}SELECT id, date FROM financial.transactions WHERE {where} ORDER BY {order} LIMIT :page_limit",
        f"pages/{name}.sql",
    )


def _declared(name: str, page: str, **changes: object) -> Mutation:
    return Mutation(name, page, declared=dataclasses.replace(BY_NAME[page], **changes))  # type: ignore[arg-type]


_BY_ACCOUNT = "idx_transactions_account_date"
_KEY = "date desc, id desc"
_AFTER = "(date, id) < (:after_date, :after_id)"
#: Files as they should be: their index serves them.
SERVED = (
    file_page("account_file", _BY_ACCOUNT, f"account_id = :account AND {_AFTER}", keyset=_KEY),
    file_page("first_file", _BY_ACCOUNT, "account_id = :account"),
    file_page("failed_file", "idx_transactions_status_date", f"status = 'failed' AND {_AFTER}", keyset=_KEY),
)

_OTHERS = [
    Mutation(
        "order NULLS LAST",
        "clients",
        _instead(BY_NAME["clients"], ["created_at DESC NULLS LAST", "id DESC NULLS LAST"]),
    ),
    Mutation(
        "partial",
        "transactions_by_status",
        _instead(BY_NAME["transactions_by_status"], ["status", *_KEY.split(", ")], "WHERE status = 'failed'"),
    ),
    Mutation(
        "filter gone from the index",
        "invoices_by_status",
        _instead(BY_NAME["invoices_by_status"], ["issue_date DESC", "id DESC"]),
        unclear=("invoices",),
    ),
    Mutation(
        "filter behind the order",
        "accounts_by_institution",
        _instead(BY_NAME["accounts_by_institution"], ["created_at DESC", "id DESC", "institution_id"]),
        unclear=("accounts",),
    ),
    Mutation("a function in the index", "clients_by_status", _instead(
        BY_NAME["clients_by_status"], ["lower(status)", "created_at DESC", "id DESC"])),
    Mutation("key only included", "orders_by_account", _instead(
        BY_NAME["orders_by_account"], ["account_id"], "INCLUDE (created_at, id)")),
    Mutation("hash", "strategies_by_status", (
        "DROP INDEX trading.idx_strategies_status_created_at",
        "CREATE INDEX idx_strategies_status_created_at ON trading.strategies USING hash (status)")),
    Mutation("invalid", "invoices", (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'financial.idx_invoices_issue_date'::regclass",)),
    Mutation("renamed", "orders", ("ALTER INDEX trading.idx_orders_created_at RENAME TO idx_orders_by_time",)),
    Mutation("the order may be NULL", "positions", (
        "ALTER TABLE trading.positions ALTER created_at DROP NOT NULL",), also=("positions_by_account",)),
    Mutation("the key is not unique", "strategies", (
        "ALTER TABLE trading.strategies DROP CONSTRAINT strategies_pkey CASCADE",), also=("strategies_by_status",)),
    _declared("one direction turned", "transactions", order=("date asc", "id desc")),
    _declared("another direction turned", "clients_by_status", order=("created_at desc", "id")),
    _declared("no tie-breaker", "orders_by_strategy", order=("created_at desc",)),
    _declared("no tie-breaker, no filter", "accounts", order=("created_at desc",)),
    _declared("another column", "accounts_by_institution", order=("updated_at desc", "id desc")),
    _declared("an unindexed filter", "transactions_by_account", filter=("account_id", "currency")),
    _declared("an unindexed filter on all", "invoices", filter=("currency",)),
    _declared("the filter of another index", "orders", filter=("strategy_id",)),
    _declared("an index that is not there", "positions_by_account", index="idx_positions_account"),
    Mutation("a function on the filter", "f", declared=file_page("f", _BY_ACCOUNT, "account_id::text = :account")),
    Mutation("a function on the filter, upper", "f", declared=file_page(
        "f", "idx_transactions_status_date", "upper(status) = upper(:status)")),
    Mutation("a function on the key", "f", declared=file_page(
        "f", "idx_transactions_date", "date_trunc('month', date) <= :month")),
    Mutation("an unindexed condition", "f", declared=file_page(
        "f", _BY_ACCOUNT, "account_id = :account AND description = :text")),
    Mutation("OR instead of a comparison of rows", "f", declared=file_page(
        "f", "idx_transactions_date", "date < :after_date OR (date = :after_date AND id < :after_id)", keyset=_KEY)),
    Mutation("a file without the tie-breaker", "f", declared=file_page(
        "f", "idx_transactions_date", "date < :after_date", "date DESC", "date desc")),
    Mutation("a file with a direction turned", "f", declared=file_page(
        "f", "idx_transactions_date", f"{_AFTER}", "date DESC, id", "date desc, id asc")),
]  # fmt: skip

_INDEXES = [mutation for page in PAGES for mutation in _of_index(page)]
MUTATIONS = [*_INDEXES, *_OTHERS]
#: Each kind, and of the indexes every third, so that each page and each way is there.
SOME = [*_INDEXES[::3], *_OTHERS]
#: One of each kind, for databases with rows.
FEW = [*_INDEXES[7 * 4 : 8 * 4], *_OTHERS]
