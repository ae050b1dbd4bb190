"""The commands as Invoke's collection of tasks."""

from invoke import collection

from schemata.command_line import invoke_tasks
from schemata.tasks import listing

task = invoke_tasks.task

namespace = collection.Collection(*map(invoke_tasks.of, listing.COMMANDS))
