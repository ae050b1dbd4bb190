"""What the tasks call, by the feature's module: verb functions that return values with `.ok` and `.exit_code`.

A module loads on first use (PEP 562): `inv --list` must not pay for psycopg and the SQL parser.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemata import doctor as doctor
    from schemata import repeat as repeat
    from schemata import targets as targets
    from schemata.adoption import adopt as adopt
    from schemata.adoption import baseline as baseline
    from schemata.advice import advise as advise
    from schemata.backups import backups as backups
    from schemata.changes import contract as contract
    from schemata.changes import listing as listing
    from schemata.changes import undo as undo
    from schemata.changes.authoring import change_new as change_new
    from schemata.changes.backfill import backfill as backfill
    from schemata.changes.version_views import sync as sync
    from schemata.checklist import check as check
    from schemata.client import generate as generate
    from schemata.deploy import migrate as migrate
    from schemata.deploy import repair as repair
    from schemata.deploy import rollback as rollback
    from schemata.entrypoint import start as start
    from schemata.ghost import capture as capture
    from schemata.history import restamp as restamp
    from schemata.history import status as status
    from schemata.lint import lint as lint
    from schemata.migrations import authoring as authoring
    from schemata.overview import overview as overview
    from schemata.pages import verdicts as verdicts
    from schemata.parity import audit as audit
    from schemata.parity import locking as locking
    from schemata.parity import parity as parity
    from schemata.parity import rounds as rounds
    from schemata.parity.fix import fixing as fixing
    from schemata.rehearsal import rehearse as rehearse
    from schemata.releases import rehearse_release as rehearse_release
    from schemata.scaffold import init as init
    from schemata.seed import seed as seed
    from schemata.server import docker as docker
    from schemata.server import down as down
    from schemata.server import logs as logs
    from schemata.server import psql as psql
    from schemata.server import up as up
    from schemata.services import manage as manage
    from schemata.slow_queries import slow_queries as slow_queries
    from schemata.smoke import smoke as smoke
    from schemata.snapshot import snapshot as snapshot
    from schemata.squash import squash as squash

_MODULES = {
    "adopt": "schemata.adoption.adopt",
    "advise": "schemata.advice.advise",
    "audit": "schemata.parity.audit",
    "capture": "schemata.ghost.capture",
    "backfill": "schemata.changes.backfill.backfill",
    "change_new": "schemata.changes.authoring.change_new",
    "check": "schemata.checklist.check",
    "sync": "schemata.changes.version_views.sync",
    "contract": "schemata.changes.contract",
    "listing": "schemata.changes.listing",
    "undo": "schemata.changes.undo",
    "authoring": "schemata.migrations.authoring",
    "backups": "schemata.backups.backups",
    "baseline": "schemata.adoption.baseline",
    "down": "schemata.server.down",
    "fixing": "schemata.parity.fix.fixing",
    "lint": "schemata.lint.lint",
    "locking": "schemata.parity.locking",
    "logs": "schemata.server.logs",
    "psql": "schemata.server.psql",
    "up": "schemata.server.up",
    "docker": "schemata.server.docker",
    "doctor": "schemata.doctor",
    "init": "schemata.scaffold.init",
    "generate": "schemata.client.generate",
    "manage": "schemata.services.manage",
    "migrate": "schemata.deploy.migrate",
    "overview": "schemata.overview.overview",
    "parity": "schemata.parity.parity",
    "rehearse": "schemata.rehearsal.rehearse",
    "rehearse_release": "schemata.releases.rehearse_release",
    "repair": "schemata.deploy.repair",
    "repeat": "schemata.repeat",
    "restamp": "schemata.history.restamp",
    "rollback": "schemata.deploy.rollback",
    "rounds": "schemata.parity.rounds",
    "slow_queries": "schemata.slow_queries.slow_queries",
    "seed": "schemata.seed.seed",
    "smoke": "schemata.smoke.smoke",
    "snapshot": "schemata.snapshot.snapshot",
    "squash": "schemata.squash.squash",
    "start": "schemata.entrypoint.start",
    "status": "schemata.history.status",
    "targets": "schemata.targets",
    "verdicts": "schemata.pages.verdicts",
}


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
