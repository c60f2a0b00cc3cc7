"""The line charts: their bars, the recommended size, the dimensions, and words in any language."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from latentsweep import language
from latentsweep.record.arrays import write_arrays
from latentsweep.show import intervals, sentences, style
from latentsweep.show.figures import (
    curves,
    dimensions,
    headline,
    rate_distortion,
    terms,
    write_figures,
    write_pictures,
)

RECOMMENDED = {
    "recommendation": {
        "status": "ok",
        "latent_size": 4,
        "set": [2, 4],
        "confidence": 0.9,
        "criterion": "elbo",
    },
    "claims": [],
}


def words_of(figure):
    return {text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))}


def bars_of(axes):
    """The ends of the bars of each line: arrays [points, 2 ends, 2 coordinates]."""
    return [np.array(bars.get_segments()) for c in axes.containers for bars in c.lines[2]]


def test_headline_bars_are_the_intervals_of_the_means(make_run, recipes):
    run = make_run(recipes["keras-blog only"])
    bars = bars_of(headline.draw(headline.table(run)).axes[0])
    for drawn, quantity in zip(bars, ("loss", "neg_elbo"), strict=True):
        expected = intervals.means(run, run.results(), quantity)
        np.testing.assert_array_equal(drawn[:, 0, 0], expected["latent_size"])
        np.testing.assert_allclose(drawn[:, :, 1], expected[["low", "high"]])
    assert "Student's t over 2 seeds." in headline.caption(headline.table(run))


def test_recommended_size_is_marked_at_its_point(make_run, recipes):
    rows = headline.table(make_run(replace(recipes["usual"], answers=RECOMMENDED)))
    axes = headline.draw(rows).axes[0]
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((2 / 1.12, 4 * 1.12))
    (ring,) = [line for line in axes.lines if line.get_fillstyle() == "none"]
    elbo = rows[(rows["objective"] == "elbo") & (rows["latent_size"] == 4)]
    assert ring.get_xydata().tolist() == [[4, elbo["value"].item()]]
    assert "recommended: 4 (90 % set 2 to 4)" in words_of(axes.figure)
    assert "recommended latent size, 4, is marked; the shaded band is its 90 % set, 2 to 4." in (
        headline.caption(rows)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"status": "undecided", "latent_size": None},
        {"status": "not judged", "latent_size": None, "set": None},
        {"latent_size": 3},  # no network of this size finished
    ],
)
def test_no_size_is_marked_where_none_is_recommended(make_run, recipes, change):
    answers = RECOMMENDED | {"recommendation": RECOMMENDED["recommendation"] | change}
    rows = headline.table(make_run(replace(recipes["usual"], answers=answers)))
    axes = headline.draw(rows).axes[0]
    assert not axes.patches
    assert not any("recommended" in words for words in words_of(axes.figure))
    assert "recommended" not in headline.caption(rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"set": [4, 4]}, "recommended latent size, 4, is marked; its 90 % set holds no other."),
        ({"criterion": "knn"}, "What was compared for it is not this chart's loss."),
    ],
)
def test_caption_says_what_the_recommendation_is(make_run, recipes, change, words):
    answers = RECOMMENDED | {"recommendation": RECOMMENDED["recommendation"] | change}
    run = make_run(replace(recipes["usual"], answers=answers))
    assert words in headline.caption(headline.table(run))


def test_rate_distortion_has_bars_in_both_directions(make_run, recipes):
    run = make_run(recipes["60 members"])
    results = run.results()
    results["rate"] += 0.1 * results["seed"]
    run.write_results(results)
    across, upright = bars_of(rate_distortion.draw(rate_distortion.table(run)).axes[0])[:2]
    elbo = results[results["objective"] == "keras-blog"]
    for drawn, name, place in ((across, "rate", 0), (upright, "reconstruction", 1)):
        expected = intervals.means(run, elbo, name)
        np.testing.assert_allclose(drawn[:, :, place], expected[["low", "high"]])
    assert rate_distortion.caption(rate_distortion.table(run)).endswith("over 6 seeds.")


@pytest.fixture
def uneven_run(make_run):
    """A run whose networks carry 8, 4, 2, 1 nats and so on, in no order, the last nothing."""
    run, rng = make_run(), np.random.default_rng(3)
    for member, size in run.results()[["member", "latent_size"]].itertuples(index=False):
        kl = np.append(2.0 ** (3 - np.arange(size - 1)), 0).astype(np.float32)
        arrays = run.arrays(member) | {"kl_per_dimension": rng.permutation(kl)}
        write_arrays(run.member_path(member) / "arrays.safetensors", arrays)
    return run


def test_dimensions_are_the_kl_from_the_largest(uneven_run):
    rows = dimensions.table(uneven_run)
    panels = dimensions.draw(rows).axes
    for axes, name in zip(panels, ("keras-blog", "elbo"), strict=True):
        for line, size in zip(axes.lines, (2, 4, 8), strict=True):
            kl = uneven_run.arrays(f"{name}-k{size:02d}-s0")["kl_per_dimension"]
            assert list(line.get_xdata()) == list(range(1, size + 1))
            assert list(line.get_ydata()) == sorted(kl.tolist(), reverse=True)
            assert line.get_ydata().sum() == kl.sum()
        assert {text.get_text() for text in axes.texts} == {"2", "4", "8"}
        assert axes.get_xscale() == "linear"


def test_dimensions_caption_counts_what_the_widest_network_uses(uneven_run):
    caption = dimensions.caption(dimensions.table(uneven_run))
    # 8 + 4 + 2 of 15.875 nats are 88 %, one dimension more 94 %.
    assert "with the ELBO, at size 8, 4 dimensions hold 90 % of the rate, and 1 carries" in caption


@pytest.mark.parametrize(
    ("kl", "words"),
    [
        ([5.0], "1 dimension holds 90 % of the rate, and none carries less than 0.01 nats."),
        ([0.0, 0.0], "no dimension carries as much as 0.01 nats."),
        ([9.0, 1.0, 0.0, 0.0], "1 dimension holds 90 % of the rate, and 2 carry less than"),
    ],
)
def test_dimensions_are_said_in_the_right_number(kl, words):
    rows = pd.DataFrame(
        {"objective": "elbo", "latent_size": len(kl), "seed": 0, "sizes_in_run": 1, "kl": kl}
    )
    assert words in dimensions.caption(rows)


def test_many_dimensions_are_ranked_by_their_logarithm(make_run, recipes):
    rows = dimensions.table(make_run(recipes["60 members"]))
    axes = dimensions.draw(rows).axes[0]
    assert axes.get_xscale() == "log"
    assert list(axes.xaxis.get_majorticklocs()) == [2**power for power in range(8)]


class Shouting:
    """A catalogue that translates into capitals, but for the placeholders."""

    def gettext(self, message):
        parts = re.split(r"(\{\w+\})", message)
        return "".join(part if part.startswith("{") else part.upper() for part in parts)

    def ngettext(self, one, more, count):
        return self.gettext(one if count == 1 else more)

    def pgettext(self, _context, message):
        return self.gettext(message)


@pytest.fixture
def shouting(monkeypatch):
    """All words in capitals, where they are marked, and numbers as in Portuguese."""
    monkeypatch.setattr(language, "_catalogue", lambda _language: Shouting())
    with language.speaking("pt"):
        yield


CHARTS = (headline, terms, rate_distortion, dimensions, curves)
MADE_NAMES = re.compile(r"(keras-blog|elbo)(-k\d+-s\d+)?")


def quiet(words):
    """Words with lower-case letters but for the names of networks."""
    return [text for text in words if MADE_NAMES.sub("", text).upper() != MADE_NAMES.sub("", text)]


@pytest.mark.usefixtures("shouting")
@pytest.mark.parametrize("name", ["usual", "a failed member"])
def test_words_of_a_recommendation_are_translated(make_run, recipes, name):
    rows = headline.table(make_run(replace(recipes[name], answers=RECOMMENDED)))
    words = {*words_of(headline.draw(rows)), headline.caption(rows), headline.alt(rows)}
    assert any("RECOMMENDED" in text for text in words)
    assert not quiet(words)
    assert not [text for text in words if re.search(r"\d\.\d", text)]


@pytest.mark.usefixtures("shouting", "undrawn")
def test_titles_and_failures_are_translated(make_run, recipes):
    run = make_run(recipes["a failed member"])
    ours = {drawing.__name__.rpartition(".")[2] for drawing in CHARTS}
    pictures = write_pictures(run)
    assert not quiet(picture.title for picture in pictures)
    assert not quiet(picture.caption for picture in pictures if picture.name in ours)
    assert not quiet([sentences.left_out(run.results())])


def test_figures_of_another_language_stand_beside_those_in_english(reported):
    with language.speaking("pt"):
        other = {path.name: path for path in write_figures(reported)}
    english = {path.name: path for path in write_figures(reported)}
    assert {path.parent for path in other.values()} == {reported.figures_path / "pt"}
    assert {path.parent for path in english.values()} == {reported.figures_path}
    assert set(other) == set(english)
    for name, path in english.items():
        if name.endswith(".svg"):
            assert without_source(other[name]) != without_source(path)


def without_source(path):
    """A picture without what it says of its sources, which differs in any case."""
    return re.sub(rb"latentsweep [0-9a-f]{64}", b"", path.read_bytes())


def test_numbers_at_an_axis_have_the_digits_that_they_need():
    figure = Figure()
    for axes, limits in zip(
        figure.subplots(1, 3), ((-1, 2), (0, 1.2), (100.0, 100.1)), strict=True
    ):
        axes.set_ylim(*limits)
        before = [label.get_text() for label in axes.yaxis.get_ticklabels()]
        style.number_axis(axes.yaxis)
        assert [label.get_text() for label in axes.yaxis.get_ticklabels()] == before
