"""The language that sentences are in: English as the code has it, others from gettext catalogues.

A function that makes words marks them with `_`, fills in numbers with `.format`, and knows of no
language; whoever writes a file says which one it is for:

    with speaking("pt"):
        page = ...

Errors and the command line stay English. `make words` collects what is marked into the catalogues
of `locale/` and compiles them; only text that stands in the code itself can be marked.
"""

import gettext as catalogues
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources

LANGUAGES = {"en": "English", "pt": "Português"}
TAGS = {"en": "en", "pt": "pt-BR"}  # what a page says it is in
_SEPARATORS = str.maketrans({",": ".", ".": ","})

_spoken: ContextVar[str] = ContextVar("language", default="en")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Have all words in one of LANGUAGES until the block ends."""
    assert language in LANGUAGES, language
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    """The language of the moment, one of LANGUAGES."""
    return _spoken.get()


def gettext(message: str) -> str:
    """A message in the language of the moment."""
    return message and _catalogue(spoken()).gettext(message)  # "" is a catalogue's own header


def ngettext(one: str, more: str, count: int) -> str:
    """The singular or the plural of a message, in the language of the moment."""
    return _catalogue(spoken()).ngettext(one, more, count)


def pgettext(context: str, message: str) -> str:
    """A message whose translation depends on where it stands."""
    return _catalogue(spoken()).pgettext(context, message)


_ = gettext


def marked(message: str) -> str:
    """The message itself, collected into the catalogues: for constants, translated where used."""
    return message


def printed(value: float, form: str) -> str:
    """A number by a format such as ".1f", with a real minus sign and the language's separators."""
    text = format(value + 0.0 if form[-1:] in "feg%" else value, form).replace("-", "−")
    return text if spoken() == "en" else text.translate(_SEPARATORS)


def plural_of(value: float) -> int:
    """The count whose plural a number with decimals takes: from 2 on in Portuguese, else always."""
    return 1 if spoken() == "pt" and abs(value) < 2 else 2


def listed(words: Iterable[object]) -> str:
    """Words as a list: "2, 4 and 8"; "" for none."""
    *others, last = [str(word) for word in words] or [""]
    if not others:
        return last
    return _("{others} and {last}").format(others=", ".join(others), last=last)


def headed(words: str) -> str:
    """The words with a capital first letter, the others as they are."""
    return words[:1].upper() + words[1:]


def duration(seconds: float) -> str:
    """A time in words: "about 25 min"."""
    if seconds >= 172_800:
        return _("about {number} days").format(number=printed(seconds / 86_400, ".0f"))
    if seconds >= 7_200:
        return _("about {number} h").format(number=printed(seconds / 3_600, ".0f"))
    if seconds >= 100:
        return _("about {number} min").format(number=printed(seconds / 60, ".0f"))
    return _("about {number} s").format(number=printed(max(seconds, 1), ".0f"))


@cache
def _catalogue(language: str) -> catalogues.NullTranslations:
    """The compiled catalogue of a language; that of English has nothing to translate."""
    if language == "en":
        return catalogues.NullTranslations()
    place = ("locale", language, "LC_MESSAGES", "latentsweep.mo")
    with resources.files("latentsweep").joinpath(*place).open("rb") as file:
        return catalogues.GNUTranslations(file)
