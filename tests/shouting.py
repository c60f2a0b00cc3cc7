"""A catalogue that shows which words are marked: it has every message in capital letters."""

import gettext
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"(\{\w+\})")
_EXPONENT = re.compile(r"(?<=\d)e(?=[+−-]?\d)")


class Shouting(gettext.NullTranslations):
    """Messages in capital letters, their placeholders as they are."""

    def gettext(self, message: str) -> str:
        parts = _PLACEHOLDER.split(message)
        return "".join(p if _PLACEHOLDER.fullmatch(p) else p.upper() for p in parts)

    def ngettext(self, one: str, more: str, count: int) -> str:
        return self.gettext(one if count == 1 else more)

    def pgettext(self, _context: str, message: str) -> str:
        return self.gettext(message)


def catalogue(language: str) -> gettext.NullTranslations:
    """In the place of the real ones: English as it is, any other language shouted."""
    return gettext.NullTranslations() if language == "en" else Shouting()


def lower_case(words: str, *values: str) -> list[str]:
    """The words in small letters but for such values of placeholders: none if all are marked."""
    for value in sorted(values, key=len, reverse=True):
        words = words.replace(value, "")
    return re.findall(r"\w*[a-zµß-öø-ÿ]\w*", _EXPONENT.sub("", words))


def differing(one: Any, other: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Where two JSON values differ: the key, and what the other has there; a text each."""
    if isinstance(one, Mapping):
        assert list(one) == list(other), place
        for key in one:
            yield from differing(one[key], other[key], key)
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for each, its_other in zip(one, other, strict=True):
            yield from differing(each, its_other, place)
    elif one != other:
        assert isinstance(one, str), (place, one, other)
        yield place, other
