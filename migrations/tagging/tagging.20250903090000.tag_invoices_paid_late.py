# Tag the invoices that were paid late.
#
# The pages of clients show the tag from the next release on; until then nothing reads it. It runs beside the
# application: each batch is a transaction of its own and locks no invoice, and an invoice that is tagged already is
# passed over, so that a run which was stopped begins again without harm.
from typing import Any

from yoyo import step

__depends__ = {
    "financial.20250624093000.create_invoices",
    "tagging.20250701090000.create_tags",
    "tagging.20250701140000.create_taggings",
}
__transactional__ = False
__idempotent__ = True

BATCH = 1000  # invoices
NEXT = """
    WITH batch AS (
        SELECT id, paid_at, due_date FROM financial.invoices WHERE id > %(last)s ORDER BY id LIMIT %(batch)s
    ), tagged AS (
        INSERT INTO tagging.taggings (entity_schema, entity_table, entity_id, tag_id)
        SELECT 'financial', 'invoices', batch.id, tags.id
        FROM batch, tagging.tags
        WHERE tags.slug = 'paid-late' AND (batch.paid_at AT TIME ZONE 'UTC')::date > batch.due_date
        ON CONFLICT DO NOTHING
    )
    SELECT max(id) FROM batch
"""


def tag(connection: Any) -> None:
    """Tag batch by batch, in the order of the key."""
    last: int | None = 0
    while last is not None:
        with connection.transaction():
            (last,) = connection.execute(NEXT, {"last": last, "batch": BATCH}).fetchone()


step(
    """
    INSERT INTO tagging.tags (slug, name, description)
    VALUES ('paid-late', 'Paid late', 'The invoice was paid after it was due.')
    ON CONFLICT (slug) DO NOTHING
    """,
    "DELETE FROM tagging.tags WHERE slug = 'paid-late'",
)
# What was tagged goes with the tag.
step(tag, "")
