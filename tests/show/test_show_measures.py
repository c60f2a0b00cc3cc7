"""The groups of numbers, as words, and the alarms."""

import numpy as np
import pandas as pd
import pytest

from latentsweep import language
from latentsweep.show import measures
from latentsweep.show.figures import rate_distortion
from latentsweep.show.report import write_report
from latentsweep.show.words.alarms import alarm_sentences

ALARMS = [
    {"member": f"keras-blog-k0{k}-s0", "alarm": "impossible", "seen": f"{k} <b>", "remedy": "mend"}
    for k in (2, 4)
] + [{"member": "elbo-k02-s0", "alarm": "collapse", "seen": "nothing", "remedy": "wait"}]


@pytest.fixture
def evaluated(make_run, recipes):
    """A run with the numbers that `latentsweep evaluate` adds, as far as they are needed here."""
    folder = make_run(recipes["usual"])
    rows = folder.results()
    rows["knn_accuracy"], rows["trustworthiness"] = 0.9375, 0.5
    rows["prior_coverage"], rows["exact_nll"] = (
        0.25,
        np.where(rows["latent_size"] == 2, 90.0, np.nan),
    )
    rows["gap"], rows["active_units_clear"] = -0.04, True
    folder.write_results(rows)
    baseline = {"representation": "pca", "latent_size": 2, "knn_accuracy": 0.4425}
    itself = {"representation": "data", "latent_size": 30, "knn_accuracy": 0.9665}
    folder.write_baselines(pd.DataFrame([baseline, itself]), {})
    profile = {"two_nn": 13.8, "mle": 12.2, "low": 11.2, "high": 13.8, "scale_dependent": False}
    folder.write_yardsticks(
        {
            "dimension": profile,
            "features": {"map": "scorer", "size": 128, "sha256": 8 * "12345678", "accuracy": 0.993},
            "floor": {"coverage": 0.94, "density": 0.9, "frechet": 1.5, "far": 0.008},
            "pixel_midpoint_confident": 0.4,
        }
    )
    return folder


def by_name(folder) -> dict[str, measures.Table]:
    return {table.name: table for table in measures.tables(folder)}


def test_a_run_shows_the_groups_that_it_has_and_names_the_others(usual_run):
    assert list(by_name(usual_run)) == ["bound", "units", "reconstruction"]
    titles = ["Likelihood", "Structure of the codes", "Regularity of the decoder", "Samples"]
    assert measures.missing(usual_run) == titles
    assert measures.data_sentences(usual_run) == []


def test_an_evaluated_run_shows_more(evaluated):
    assert {"structure", "generation", "likelihood"} <= set(by_name(evaluated))
    assert measures.missing(evaluated) == ["Regularity of the decoder"]


def test_a_column_of_which_nothing_is_known_is_left_out(evaluated):
    table = by_name(evaluated)["structure"]
    assert table.headings == ("model", "kNN", "trustworthy")
    assert by_name(evaluated)["likelihood"].headings == ("model", "exact")


def test_baselines_and_what_real_examples_get_stand_below_the_models(evaluated):
    rows = {row[0]: row[1:] for row in by_name(evaluated)["structure"].rows}
    assert rows["elbo-k02-s0"] == ("0.938", "0.500")
    assert list(rows)[-2:] == ["PCA 2", "the data itself"]
    assert rows["PCA 2"] == ("0.443", "–")
    assert by_name(evaluated)["generation"].rows[-1] == ("real examples", "0.940")


def test_numbers_are_words_with_a_real_minus_and_no_negative_nothing(evaluated):
    bound = by_name(evaluated)["bound"]
    assert {row[bound.headings.index("gap")] for row in bound.rows} == {"0.0"}
    units = by_name(evaluated)["units"]
    assert {row[units.headings.index("clear")] for row in units.rows} == {"yes"}
    exact = {row[0]: row[1] for row in by_name(evaluated)["likelihood"].rows}
    assert (exact["elbo-k02-s0"], exact["elbo-k04-s0"]) == ("90.00", "–")


def test_text_goes_on_below_where_there_is_no_room(evaluated):
    table = by_name(evaluated)["bound"]
    wide, narrow = measures.text(table, 200), measures.text(table, 50)
    assert len(wide) == 1 + len(table.rows)
    assert max(map(len, narrow)) <= 50
    assert narrow.count("") == len(narrow) // (len(wide) + 1)
    assert [w for line in narrow for w in line.split() if w == "loss"] == ["loss"]
    for name in (row[0] for row in table.rows):
        assert sum(line.startswith(name) for line in narrow) == narrow.count("") + 1


def test_spaces_of_two_sizes_are_compared_in_means_over_seeds(evaluated):
    rows = [
        {"objective": "elbo", "seed": seed, "latent_size": 2, "other_size": 4}
        | {"overlap": 0.25 + 0.5 * seed, "cka": 0.75}
        for seed in (0, 1)
    ]
    evaluated.write_similarities(pd.DataFrame(rows))
    assert by_name(evaluated)["similarity"].rows == (("elbo, 2 and 4", "0.500", "0.750"),)
    evaluated.write_similarities(pd.DataFrame(rows[:0], columns=list(rows[0])))
    assert "similarity" not in by_name(evaluated)


def test_where_there_are_no_labels_that_is_said(make_run, recipes, evaluated):
    facts = evaluated.yardsticks()
    assert len(measures.data_sentences(evaluated)) == 2
    bare = make_run(recipes["no labels"])
    bare.write_yardsticks(facts)
    assert measures.data_sentences(bare)[-1].startswith("The data have no labels")


def test_the_data_s_dimension_is_evidence_and_never_the_answer(evaluated):
    dimension, features = measures.data_sentences(evaluated)
    assert "TwoNN 13.8, maximum likelihood 12.2, from 11.2 to 13.8" in dimension
    assert dimension.endswith("It is evidence, not the size that a network needs.")
    assert "128 features of a frozen classifier (99.30 % right on the test split" in features


def test_an_alarm_is_said_once_with_how_many_raised_it():
    assert alarm_sentences(ALARMS) == [
        "impossible, keras-blog-k02-s0 (and 1 model more): 2 <b>. Remedy: mend.",
        "collapse, elbo-k02-s0: nothing. Remedy: wait.",
    ]
    assert alarm_sentences([]) == []


def test_the_page_has_alarms_and_groups_and_escapes_both(evaluated, only_words):
    evaluated.write_alarms(ALARMS)
    page = write_report(evaluated).read_text("utf-8")
    assert "2 &lt;b&gt;. Remedy: mend." in page
    for title in ("Every number", "Structure of the codes", "the data itself", "real examples"):
        assert title in page
    assert "Not measured in this run: Regularity of the decoder." in page


def test_a_point_of_the_rate_distortion_plane_is_a_latent_size(make_run, recipes):
    rows = rate_distortion.table(make_run(recipes["usual"]))
    axes = rate_distortion.draw(rows).axes[0]
    curve = next(line for line in axes.lines if line.get_marker() == "^")
    elbo = rows[rows["objective"] == "keras-blog"]
    np.testing.assert_allclose(curve.get_xdata(), elbo["rate"])
    np.testing.assert_allclose(curve.get_ydata(), elbo["reconstruction"])


def test_lines_of_equal_bound_fall_by_a_nat_a_nat_and_say_their_sum(make_run, recipes):
    rows = rate_distortion.table(make_run(recipes["usual"]))
    axes = rate_distortion.draw(rows).axes[0]
    levels = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(levels) >= 3
    sums = [np.add(*line.get_data()) for line in levels]
    assert all(a == pytest.approx(b) for a, b in sums)
    labelled = [t for t in axes.texts if t.get_text().startswith("−ELBO")]
    for text in labelled:
        assert float(text.get_text().split()[1]) == pytest.approx(sum(text.xy))


def test_where_the_curve_turns_is_said_from_the_numbers(make_run, recipes):
    caption = rate_distortion.caption(rate_distortion.table(make_run(recipes["usual"])))
    assert "Trained with the ELBO, every size but the largest stands above 100.0." in caption
    assert "Trained with the Keras-blog loss, the sum is lowest at size 2" in caption


def test_words_of_the_groups_are_translated(evaluated, monkeypatch):
    class Shouting:
        def gettext(self, message):
            return message.upper() if "{" not in message else message

    monkeypatch.setattr(language, "_catalogue", lambda _language: Shouting())
    with language.speaking("pt"):
        found = by_name(evaluated)["structure"]
        titles = measures.missing(evaluated)
    assert (found.title, found.words[:8]) == ("STRUCTURE OF THE CODES", "ACCURACY")
    assert found.headings == ("MODEL", "KNN", "TRUSTWORTHY")
    assert found.rows[0][1] == "0,938"
    assert titles == ["REGULARITY OF THE DECODER"]
