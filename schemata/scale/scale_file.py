"""The scale file on disk: migrations/scale.toml."""

import tomllib
from pathlib import Path

from schemata import config
from schemata.postgres import urls
from schemata.scale import scale

NAME = "scale.toml"


def path_of(settings: config.Config) -> Path:
    """Return where the scale file of a project is, or would be."""
    return settings.migrations / NAME


def exists(settings: config.Config) -> bool:
    """Tell whether the project has a scale file."""
    return path_of(settings).is_file()


def read(settings: config.Config, file: str = "") -> scale.Scale:
    """Return the scale of a file, or of the project's own. Raises InvalidScale where it is not there or is wrong."""
    path = Path(file) if file else path_of(settings)
    shown = urls.redact(file) if file else f"{settings.migrations.name}/{NAME}"
    try:
        with path.open("rb") as lines:
            document = tomllib.load(lines)
    except FileNotFoundError as error:
        raise scale.InvalidScale(
            f"there is no scale file {shown}, so nobody knows how many rows to plan for",
            "Write it from a database that has them: inv scale-capture --url …\nOr judge by the structure alone: "
            "inv pages --empty",
        ) from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError: each says where
        raise scale.InvalidScale(f"{shown} is not TOML in UTF-8: {error}", "Fix that line.") from error
    except OSError as error:
        raise scale.InvalidScale(f"{shown} cannot be read: {error.strerror}", "Check its permissions.") from error
    return scale.parse(document, shown)


def says(text: str) -> object:
    """Return what the text of a scale file says, whatever its comments and its order; the text where it is none."""
    try:
        return scale.parse(tomllib.loads(text), "").tables
    except (ValueError, scale.InvalidScale):
        return text
