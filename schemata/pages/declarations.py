"""The declared pages of a project: those of `[[tool.schemata.pages]]` and those that are SQL files."""

from schemata import config, errors
from schemata.config import values
from schemata.pages import pages, sql_file


def read(settings: config.Config) -> tuple[pages.Page, ...]:
    """Return the pages of the settings, then those of the files. Raises ConfigError for what cannot be one."""
    found = {
        one.name: pages.Page(
            one.name, one.table, one.filter, one.order, one.index, one.columns, one.max_rows, one.max_buffers
        )
        for one in settings.pages
    }
    for pattern in settings.page_files:
        paths = [path for path in sorted(settings.root.glob(pattern)) if path.is_file()]
        if not paths:
            raise values.InvalidSetting(
                "[tool.schemata] page_files",
                f"there is no file {pattern} below {settings.root}",
                "Write it, or take it out of the setting.",
            )
        for path in paths:
            shown = path.relative_to(settings.root).as_posix()
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise errors.ConfigError(f"{shown} cannot be read: {error}", "Save it as UTF-8.") from error
            page = sql_file.parse(text, shown)
            if page.name in found:
                other = found[page.name].file or "[[tool.schemata.pages]]"
                raise errors.ConfigError(f"{shown}: the page {page.name} is in {other} too", "Give it another name.")
            found[page.name] = page
    return tuple(found.values())


def named(settings: config.Config, names: tuple[str, ...]) -> tuple[pages.Page, ...]:
    """Return the pages of these names, or all without names. Raises ConfigError for a name that is none."""
    found = {page.name: page for page in read(settings)}
    for name in names:
        if name not in found:
            raise errors.ConfigError(
                f"there is no page {name}",
                values.suggest(name, found) if found else "Pages are declared in [[tool.schemata.pages]].",
            )
    return tuple(page for page in found.values() if not names or page.name in names)
