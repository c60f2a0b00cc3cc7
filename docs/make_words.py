"""The catalogues of `src/latentsweep/locale`, brought up to date with the words in the code.

`make words` collects every marked message (Python, the page's template, the claims' own words),
merges it into each language's `latentsweep.po`, compiles that to `latentsweep.mo`, and names what
is not translated yet. Written by hand are the translations in the .po file and nothing else.
"""

import datetime
import io
import tomllib
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

PACKAGE = Path(__file__).parents[1] / "src" / "latentsweep"
LOCALES = {"pt": "pt_BR"}
KEYWORDS = {**DEFAULT_KEYWORDS, "marked": None}
TEMPLATE_OPTIONS = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
NEVER = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)  # a date that no run of this changes


def collected() -> Catalog:
    """Every message of the package, each with the files it stands in."""
    catalogue = Catalog(project="latentsweep", fuzzy=False)
    for name, messages, comments, context in _messages():
        catalogue.add(messages, locations=[(name, 1)], auto_comments=comments, context=context)
    return catalogue


def _messages() -> Iterator[tuple[str, str | tuple[str, ...], list[str], str | None]]:
    for path in sorted(PACKAGE.rglob("*")):
        name = path.relative_to(PACKAGE.parents[1]).as_posix()
        for _line, messages, comments, context in _found(path):
            if messages and messages != ("",):
                yield name, messages, comments, context


def _found(path: Path) -> Iterator:
    if path.suffix == ".py":
        yield from extract("python", io.BytesIO(path.read_bytes()), KEYWORDS, ("Translators:",))
    elif path.suffix == ".jinja":
        template = io.BytesIO(path.read_bytes())
        for line, function, messages, comments in babel_extract(
            template, list(KEYWORDS), ("Translators:",), TEMPLATE_OPTIONS
        ):
            yield line, _without_context(function, messages), comments, None
    elif path.name == "claims.toml":
        for claim in tomllib.loads(path.read_text("utf-8"))["claims"]:
            yield from ((1, claim[key], [], None) for key in ("says", "part"))


def _without_context(function: str, messages: object) -> object:
    """What a template calls holds arguments that are no messages: the count of a plural."""
    assert function in ("_", "gettext", "ngettext"), function
    return tuple(m for m in messages if m) if isinstance(messages, tuple) else messages


def path_of(language: str, extension: str = "po") -> Path:
    """The file of a language's catalogue."""
    return PACKAGE / "locale" / language / "LC_MESSAGES" / f"latentsweep.{extension}"


def merged(language: str) -> Catalog:
    """The translations of a language, for the messages that there are today and no others."""
    path = path_of(language)
    old = Catalog(locale=LOCALES[language])
    if path.exists():
        old = read_po(io.BytesIO(path.read_bytes()), locale=LOCALES[language])
    new = Catalog(
        locale=LOCALES[language],
        project="latentsweep",
        version="1",
        header_comment=f"# latentsweep's words in {LOCALES[language]}: 'make words' keeps it.",
        creation_date=NEVER,
        revision_date=NEVER,
        last_translator="latentsweep",
        language_team=LOCALES[language],
        fuzzy=False,
    )
    for message in collected():
        if message.id:
            known = old.get(message.id, context=message.context)
            new.add(
                message.id,
                string=known.string if known and any(_strings(known.string)) else message.string,
                locations=message.locations,
                auto_comments=message.auto_comments,
                context=message.context,
            )
    return new


def written(catalogue: Catalog) -> bytes:
    """A catalogue as text, sorted, without line numbers."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=100, sort_output=True, include_lineno=False)
    return buffer.getvalue()


def compiled(catalogue: Catalog) -> bytes:
    """A catalogue as gettext reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """The messages that have no translation."""
    return [str(m.id) for m in catalogue if m.id and not all(_strings(m.string))]


def _strings(string: object) -> tuple:
    return tuple(string) if isinstance(string, tuple | list) else (string,)


def main() -> None:
    """Bring every catalogue up to date, and say what it lacks."""
    for language in LOCALES:
        catalogue = merged(language)
        path_of(language).parent.mkdir(parents=True, exist_ok=True)
        path_of(language).write_bytes(written(catalogue))
        path_of(language, "mo").write_bytes(compiled(catalogue))
        missing = untranslated(catalogue)
        print(f"{language}: {len(catalogue)} messages, {len(missing)} not translated")
        print("\n".join(f"  {message}" for message in missing))


if __name__ == "__main__":
    main()
