"""The catalogues: complete, current, compiled, and with the placeholders of what they translate."""

import importlib.util
import re
from pathlib import Path

import pytest

from latentsweep.language import LANGUAGES, listed, ngettext, plural_of, printed, speaking

TOOL = Path(__file__).parents[2] / "docs" / "make_words.py"
PLACEHOLDER = re.compile(r"\{\w*\}|%\(\w+\)s")


@pytest.fixture(scope="module")
def words():
    spec = importlib.util.spec_from_file_location("make_words", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[code for code in LANGUAGES if code != "en"])
def catalogue(request, words):
    return request.param, words.merged(request.param)


def strings(value):
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def test_every_language_has_a_catalogue_and_a_name_for_pages(words):
    assert set(words.LOCALES) == set(LANGUAGES) - {"en"}


def test_nothing_is_left_untranslated(words, catalogue):
    assert words.untranslated(catalogue[1]) == []


def test_the_files_are_what_make_words_writes(words, catalogue):
    language, merged = catalogue
    assert words.path_of(language).read_bytes() == words.written(merged)
    assert words.path_of(language, "mo").read_bytes() == words.compiled(merged)


def test_translations_have_the_placeholders_of_their_messages(catalogue):
    for message in catalogue[1]:
        if not message.id:
            continue
        asked = [set(PLACEHOLDER.findall(text)) for text in strings(message.id)]
        for text in strings(message.string):
            assert set(PLACEHOLDER.findall(text)) in asked, (message.id, text)


def test_translations_keep_ends_and_spaces(catalogue):
    """Pieces that are put beside others begin and end as their messages do."""
    for message in catalogue[1]:
        if not message.id:
            continue
        for one, other in zip(strings(message.id), strings(message.string), strict=False):
            assert one[:1].isspace() == other[:1].isspace(), message.id
            assert one[-1:].isspace() == other[-1:].isspace(), message.id


def test_numbers_and_lists_follow_the_language():
    assert printed(-1234.5, ",.1f") == "−1,234.5"
    assert listed([2, 4, 8]) == "2, 4 and 8"
    with speaking("pt"):
        assert printed(-1234.5, ",.1f") == "−1.234,5"
        assert listed([2, 4, 8]) == "2, 4 e 8"
        assert listed([2]) == "2"
        assert listed([]) == ""


def test_less_than_two_is_singular_in_portuguese_alone():
    assert [plural_of(value) for value in (-0.1, 1.99, 2.0)] == [2, 2, 2]
    with speaking("pt"):
        assert [plural_of(value) for value in (-0.1, 1.99, 2.0, -3.5)] == [1, 1, 2, 2]


def test_brazil_counts_nothing_as_one():
    forms = ("{size} latent dimension for {data}", "{size} latent dimensions for {data}")
    with speaking("pt"):
        assert ngettext(*forms, 0) == ngettext(*forms, 1) != ngettext(*forms, 2)


def test_the_language_ends_with_its_block():
    with pytest.raises(ZeroDivisionError), speaking("pt"):
        raise ZeroDivisionError
    assert printed(0.5, ".1f") == "0.5"
