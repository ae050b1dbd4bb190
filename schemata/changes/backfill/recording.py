"""The record of a migration of which all is done before: by its backfill, batch by batch."""

import dataclasses

from schemata.deploy import apply, deployment, lock, transactional
from schemata.history import recorded
from schemata.migrations import migration, precheck


def record(
    deploy: deployment.Deploy, item: migration.Migration, head: recorded.Head, check: transactional.Body, then: str
) -> recorded.Head:
    """Record a migration as applied in the transaction of a last check; return the head after it.

    Needs the lock. What `check` raises leaves nothing recorded; `then` is SQL that is committed with the record.
    """
    after = recorded.head_after_apply(head, item)
    script = dataclasses.replace(deploy.script(item, head), sql="")
    parsed = precheck.parsed(item)
    own = deploy.history.record_apply(
        item,
        head,
        after,
        deploy.session.client,
        fingerprint=parsed.fingerprint,
        statement_count=parsed.statements or 1,
    )
    text = f"{apply.mirrored(own, deploy.other_ledger.apply(item) if deploy.other_ledger else '')};\n{then}"

    def run() -> transactional.Ran:
        return transactional.run(
            deploy.session,
            script,
            lambda _: text,
            deploy.budget,
            durable=True,
            monitor=deploy.monitor,
            info=deploy.reporter.info,
            body=check,
        )

    if deploy.session.pooled:
        lock.pooled(run, deploy.session, deploy.wait, deploy.reporter.info)
    else:
        run()
    return after
