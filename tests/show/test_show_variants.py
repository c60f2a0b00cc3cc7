"""Networks whose penalty has weights of its own stand apart in every table and picture."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from latentsweep import language
from latentsweep.show import sentences, style, variants
from latentsweep.show.explorer.content import content
from latentsweep.show.explorer.words import words as explorer_words
from latentsweep.show.figures import headline, rate_distortion
from latentsweep.show.members import objectives

NAMES = ["keras-blog", "keras-blog_b4", "elbo", "elbo_b0.5", "elbo_b4", "elbo_b1_w0.25"]


def test_names_say_what_is_set():
    assert [variants.plain(name) for name in NAMES] == ["keras-blog"] * 2 + ["elbo"] * 4
    assert variants.settings("elbo") == {}
    assert variants.settings("keras-blog_b4_w0.25") == {"b": 4.0, "w": 0.25}
    assert variants.label("elbo_b0.5") == "ELBO, β = 0.5"
    assert style.TRAINED_WITH["elbo_b4"] == "trained with the ELBO, β = 4"
    warmed = "trained with the ELBO, β = 1 after a warm-up of 25 % of the epochs"
    assert style.TRAINED_WITH["elbo_b1_w0.25"] == warmed
    with language.speaking("pt"):
        assert variants.label("elbo_b0.5") == "ELBO, β = 0,5"
        assert "aquecimento" in variants.words("elbo_b1_w0.25")


def test_they_are_ordered_by_objective_and_then_as_they_come():
    mixed = [NAMES[place] for place in (5, 0, 2, 1, 3, 0, 4)]
    assert variants.ordered(mixed) == [
        "keras-blog", "keras-blog_b4", "elbo_b1_w0.25", "elbo", "elbo_b0.5", "elbo_b4",
    ]  # fmt: skip


@pytest.mark.parametrize("colour", ["#2a74b8", "#bd1f01"])
def test_shades_are_darker_the_more_a_penalty_weighs(colour):
    names = ["elbo_b0", "elbo_b0.5", "elbo", "elbo_b2", "elbo_b4", "elbo_b1000"]
    brightness = [np.mean(to_rgb(variants.shade(colour, name))) for name in names]
    assert brightness == sorted(brightness, reverse=True)
    assert len(set(brightness)) == len(names)
    assert variants.shade(colour, "elbo") == colour
    assert variants.shade(colour, "elbo_b1_w0.1") != colour


@pytest.fixture
def run(make_run, recipes):
    settings = {"kl_weight": (1.0, 4.0), "kl_warm_up": (0.0, 0.25)}
    return make_run(dataclasses.replace(recipes["usual"], objectives=("elbo",), **settings))


def test_every_figure_has_a_part_for_each(run):
    names = ["elbo", "elbo_b1_w0.25", "elbo_b4", "elbo_b4_w0.25"]
    assert objectives(run.results()) == names
    for drawing in (headline, rate_distortion):
        rows = drawing.table(run)
        assert objectives(rows) == names
        labels = [text.get_text() for text in drawing.draw(rows).axes[0].texts]
        assert sum("β = 4" in label for label in labels) == 2, labels
        assert "β = 4" in drawing.caption(rows)


def test_the_table_of_results_has_a_row_for_each(run):
    columns = sentences.results_columns(run.results(), run.manifest())
    rows = sentences.results_rows(run.results())
    assert columns[1].title == "penalty"
    assert all(len(row) == len(columns) for row in rows)
    assert [row[:2] for row in rows[:4]] == [
        ("2", "as it is"),
        ("2", "β = 1 after a warm-up of 25 % of the epochs"),
        ("2", "β = 4"),
        ("2", "β = 4 after a warm-up of 25 % of the epochs"),
    ]


def test_the_explorer_names_each(run):
    shown = content(run)["objectives"]
    assert shown == ["elbo", "elbo_b1_w0.25", "elbo_b4", "elbo_b4_w0.25"]
    told = explorer_words(run, runs=True)
    assert told["objective_elbo_b4"] == "trained with the ELBO, β = 4"
