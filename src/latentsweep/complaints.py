"""What is wrong with a field, in one line."""

from typing import Any

from pydantic import BaseModel, ValidationError

from latentsweep.errors import nearest
from latentsweep.other_words import OTHER_WORDS


def complaint(error: ValidationError, model: type[BaseModel]) -> str:
    """The first complaint of pydantic about a model, as field, rule, value and remedy."""
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        known = list(model.model_fields)
        other = OTHER_WORDS.get(field.lower().replace("-", "_"))
        hint = f"; did you mean '{other}'?" if other else nearest(field, known)
        return f"unknown field '{field}'{hint or '; known: ' + ', '.join(known)}"
    if first["type"] == "missing":
        return f"field '{field}' is missing; add it"
    message = first["msg"].removeprefix("Value error, ")
    if not field:
        return message
    rule = message[0].lower() + message[1:]
    meaning = model.model_fields[field].description
    return f"{field}: {rule}, got {plain(first['input'])}; {field} is {meaning}"


def plain(value: Any) -> str:
    """A value as Python writes it, a tuple as a list."""
    try:
        return str(list(value)) if isinstance(value, tuple) else repr(value)
    except ValueError:
        return "a number of more digits than are written"
