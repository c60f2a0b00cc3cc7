"""A language in which every marked word is in capital letters."""

import pytest

from latentsweep import language
from shouting import catalogue


@pytest.fixture
def shouted(monkeypatch: pytest.MonkeyPatch):
    """A block in which all marked words are in capital letters."""
    monkeypatch.setattr(language, "_catalogue", catalogue)
    return lambda: language.speaking("pt")
