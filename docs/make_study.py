"""Writes docs/study.md from the fields of a study: `python docs/make_study.py`."""

from pathlib import Path
from typing import Any

import tomli_w

from latentsweep.study import Study

PAGE = Path(__file__).with_name("study.md")
OPENING = """\
# A study, field by field

A study is a TOML file; `latentsweep studies` lists those that come with the package, and every run
folder holds its own, with every default written out, as `study.toml`. A field that a file leaves
out has its default; `--set FIELD=VALUE` changes one for a run. A *static* field holds for all
models of a study, since it fixes the data or the compiled program; in a *member* field each model
has its own of the values listed. `warm_up` and `decay` together are at most 1.

<!-- Made from the fields by docs/make_study.py; a test compares the two. -->

| field | type | default | rule | | meaning |
|---|---|---|---|---|---|
"""
_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minItems": "at least {} of them, each once",
    "pattern": "matches `{}`",
}
_TYPES = {"integer": "integer", "number": "number", "string": "text"}


def page() -> str:
    """The page: a row of the table for every field of a study."""
    properties = Study.model_json_schema()["properties"]
    rows = [" | ".join(_row(name, schema)) for name, schema in properties.items()]
    return OPENING + "".join(f"| {row} |\n" for row in rows)


def _row(name: str, schema: dict[str, Any]) -> list[str]:
    default = f"`{_toml(schema['default'])}`" if "default" in schema else "the file's"
    meaning = schema["description"].replace("|", r"\|")
    return [f"`{name}`", _type(schema), default, _rule(schema), schema["differs"], meaning]


def _type(schema: dict[str, Any]) -> str:
    if schema["type"] == "array":
        return f"list of {_TYPES[schema['items']['type']]}s".replace("texts", "text")
    return _TYPES[schema["type"]]


def _rule(schema: dict[str, Any]) -> str:
    rules = [words.format(schema[key]) for key, words in _LIMITS.items() if key in schema]
    if "enum" in schema:
        rules.append("one of " + ", ".join(f"`{value}`" for value in schema["enum"]))
    if "items" in schema:
        rules.append(f"each {_rule(schema['items'])}")
    return "; ".join(rules)


def _toml(value: Any) -> str:
    written = tomli_w.dumps({"x": list(value) if isinstance(value, tuple) else value})
    return " ".join(written.removeprefix("x = ").split()).replace("[ ", "[").replace(", ]", "]")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
