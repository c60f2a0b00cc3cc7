"""Every figure of every run is drawn, and all its words, and the tiles', follow the language."""

import re

import pytest

from latentsweep import language
from latentsweep.show import style
from latentsweep.show.figures import FIGURES, plane, reconstructions, tsne
from latentsweep.show.report import tiles

MADE_NAMES = re.compile(r"(keras-blog|elbo)(-k\d+-s\d+)?")


class Shouting:
    """A catalogue whose every translation is its message in capital letters."""

    def gettext(self, message):
        return re.sub(r"\{\w+\}|[^{]+", lambda m: m[0] if m[0][0] == "{" else m[0].upper(), message)

    def ngettext(self, one, more, count):
        return self.gettext(one if count == 1 else more)

    def pgettext(self, _context, message):
        return self.gettext(message)


@pytest.fixture
def shouting(monkeypatch):
    """Has all marked words in capital letters while the test lasts."""
    monkeypatch.setattr(language, "_catalogue", lambda _language: Shouting())
    with language.speaking("pt"):
        yield


def data_names(run):
    """What may be in small letters, besides names of networks: names of classes."""
    names = {str(name) for name in run.manifest()["data"]["label_names"] or ()}
    return {*names, *map(style.shortened, names)}


def without(text, names):
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "")
    return MADE_NAMES.sub("", text)


def words_of(figure):
    """All its texts, once they are drawn; where they stand does not matter."""
    figure.set_layout_engine("none")
    with style.look():
        figure.draw_without_rendering()
    return {text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))}


def in_small_letters(texts, names):
    return [text for text in texts if re.search("[a-z]", without(text, names))]


@pytest.mark.usefixtures("shouting")
@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_is_drawn_on_every_run_with_all_its_words_translated(
    any_run, figure, figures_of
):
    rows = figure.drawing.table(any_run)
    assert (not rows.empty) == (figure.name in figures_of(any_run))
    if rows.empty:
        return
    said = [figure.drawing.caption(rows), figure.drawing.alt(rows)]
    assert all(words.endswith(".") for words in said)
    assert "NAN" not in said[0].split()
    texts = {*words_of(figure.drawing.draw(rows)), *said}
    assert in_small_letters(texts, data_names(any_run)) == []
    assert not [text for text in texts if re.search(r"\d\.\d", text)]


@pytest.mark.usefixtures("shouting")
def test_all_words_of_the_tiles_are_translated(any_run):
    shown = tiles.strips(any_run)[1]
    found = [end for each in tiles.extremes(any_run) for end in (*each.best, *each.worst)]
    texts = {
        *(strip.name for strip in shown),
        *(words for strip in shown for words, _ in strip.rows),
        *(tile.alt for strip in shown for _, row in strip.rows for tile in row if tile),
        *(tile.alt for end in found for tile in (end.original, end.reconstruction)),
    }
    assert in_small_letters(texts, data_names(any_run)) == []


@pytest.mark.usefixtures("shouting")
def test_numbers_have_the_language_s_separators(usual_run):
    rows = plane.table(usual_run)
    assert "OF RADIUS 2,4, HOLDS 95 %" in plane.caption(rows)
    assert "0,04 AT SIZE 2 AND 0,01 AT SIZE 8" in reconstructions.caption(
        reconstructions.table(usual_run)
    )
    assert tiles.extremes(usual_run)[0].best[0].loss == f"{rows_loss(usual_run)}".replace(".", ",")


def rows_loss(run):
    results = run.results()
    return results.loc[results["member"] == "keras-blog-k02-s0", "reconstruction"].iloc[0]


def test_words_are_those_of_the_moment_not_of_the_import(usual_run, monkeypatch):
    monkeypatch.setattr(language, "_catalogue", lambda _language: Shouting())
    with language.speaking("pt"):
        assert "READING NOTE: T-SNE KEEPS NEIGHBOURS TOGETHER" in "".join(
            words_of(tsne.draw(tsne.table(usual_run)))
        )
    monkeypatch.undo()
    assert "Reading note: t-SNE keeps neighbours together" in "".join(
        words_of(tsne.draw(tsne.table(usual_run)))
    )
