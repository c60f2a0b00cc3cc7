"""What differs between two pages of one template."""

import pytest

from latentsweep.show.report.translation import difference

PAGE = """<html><head><title>{title}</title><style>p {{}}</style></head>
<body><p>same</p><p>{words} <b>{bold}</b></p><img alt="{alt}" src="data:1">
<script>"{words}"</script></body></html>"""
ENGLISH = PAGE.format(title="Title", words="a &lt; b", bold="c", alt="picture")


def test_places_count_texts_that_are_not_blank_and_elements_with_the_attribute():
    other = PAGE.format(title="Título", words="a &lt; d", bold="c", alt="imagem")
    found = difference(ENGLISH, other)
    assert found["text"] == [(0, "Título"), (2, "a < d ")]
    assert found["alt"] == [(0, "imagem")]
    assert found["src"] == found["aria-label"] == []


def test_the_same_page_differs_in_nothing():
    assert not any(difference(ENGLISH, ENGLISH).values())


def test_pages_of_another_structure_are_refused():
    with pytest.raises(ValueError, match="zip"):
        difference(ENGLISH, ENGLISH.replace("<p>same</p>", ""))
