"""The types that requests and answers are made of, for pydantic."""

import datetime
import decimal
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

#: The largest bigint.
BIGGEST: Final = 2**63 - 1


class Given(BaseModel):
    """What a client sends: nothing else may be in it. What it leaves out has the database's default."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """What a client gets. It describes answers and does not check them: whatever the database holds is shown."""

    # Only the document needs them built, and a service starts without it.
    model_config = ConfigDict(defer_build=True)


def storable(value: str) -> str:
    """Return text that PostgreSQL can hold; raises PydanticCustomError."""
    if "\x00" in value:
        raise PydanticCustomError("nul", "must not contain the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("surrogate", "must not contain half of a surrogate pair") from None
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return value


def _exact(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value, re.ASCII):
        raise PydanticCustomError("number", "must be a number, as digits and a point")
    # A zero of 1E+99999 is small as a number and long as text.
    return decimal.Decimal(0) if isinstance(value, decimal.Decimal) and not value else value


def _date(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("date", "must be a date, YYYY-MM-DD")


def _id(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", value, re.ASCII):
        raise PydanticCustomError("id", "must be an id: a whole number")
    if not 1 <= int(value) <= BIGGEST:
        raise PydanticCustomError("id", f"must be between 1 and {BIGGEST}")
    return int(value)


Id = Annotated[int, Field(strict=True, ge=1, le=BIGGEST, examples=[1])]
#: An id in a query.
IdText = Annotated[int, BeforeValidator(_id), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": BIGGEST})]
Text = Annotated[str, AfterValidator(storable)]
Word = Annotated[Text, Field(min_length=1), AfterValidator(_not_blank)]
Name = Annotated[Word, Field(max_length=200)]
Number = Annotated[Word, Field(max_length=64)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", min_length=1, max_length=3)]
#: For a Decimal, behind its bounds: text, or a JSON number, which is read exactly.
Exact = BeforeValidator(_exact)
Money = Annotated[decimal.Decimal, Field(max_digits=20, decimal_places=4), Exact]
Date = Annotated[datetime.date, BeforeValidator(_date)]


@dataclass(frozen=True)
class Kind:
    """Marks the type of a column of whose values a cursor can be made: "id", "timestamp" or "date"."""

    name: str


def _or_not_of_python(form: str) -> dict[str, Any]:
    # Infinity, years before 1 and after 9999.
    return {"type": "string", "anyOf": [{"format": form}, {"pattern": "^-?infinity$|^[0-9]{5,}-| BC$"}]}


ShownId = Annotated[int, Kind("id")]
ShownMoment = Annotated[str, Kind("timestamp"), WithJsonSchema(_or_not_of_python("date-time"))]
ShownDate = Annotated[str, Kind("date"), WithJsonSchema(_or_not_of_python("date"))]
ShownNumber = Annotated[str, WithJsonSchema({"type": "string", "format": "decimal"})]
