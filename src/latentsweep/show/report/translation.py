"""What differs between a page and the same page in another language.

Both are made by one template, so they have the same elements in the same order, and differ in texts
and in a few attributes. A script can then turn the page into the other by place: the n-th piece of
text that is not blank, and the n-th element that has an attribute.
"""

from html.parser import HTMLParser

ATTRIBUTES = ("alt", "aria-label", "src", "data-copy", "data-text")
_NO_TEXT = ("script", "style", "noscript")


class _Words(HTMLParser):
    """The texts and the attributes of a page, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: dict[str, list[str]] = {name: [] for name in ATTRIBUTES}
        self._inside: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NO_TEXT:
            self._inside.append(tag)
        for name, value in attrs:
            if name in self.attributes:
                self.attributes[name].append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _NO_TEXT:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside and data.strip():
            self.texts.append(data)


def difference(shown: str, other: str) -> dict[str, list[tuple[int, str]]]:
    """What the other page has where it differs from the shown one: kind -> (place, content)."""
    here, there = _Words(shown), _Words(other)
    return {kind: _changes(_of(here, kind), _of(there, kind)) for kind in ("text", *ATTRIBUTES)}


def _changes(here: list[str], there: list[str]) -> list[tuple[int, str]]:
    pairs = enumerate(zip(here, there, strict=True))
    return [(place, new) for place, (old, new) in pairs if new != old]


def _of(words: _Words, kind: str) -> list[str]:
    return words.texts if kind == "text" else words.attributes[kind]
