"""The intervals of the charts, by another route and by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from latentsweep.record.arrays import write_arrays
from latentsweep.show import intervals
from latentsweep.show.members import finished


def of(table, objective, size):
    """The one row of an objective and latent size."""
    chosen = table[(table["objective"] == objective) & (table["latent_size"] == size)]
    (row,) = chosen.to_dict("records")
    return row


def with_examples(run, losses):
    """The run with other test examples, of these losses under every network."""
    for member in run.results()["member"]:
        file = run.member_path(member) / "arrays.safetensors"
        write_arrays(file, {"test/neg_elbo": np.asarray(losses, np.float32)})
    manifest = run.manifest()
    data = manifest["data"] | {"measured": {"test": len(losses)}}
    run.write_manifest(manifest | {"data": data})


def test_several_seeds_have_student_s_t_over_their_means(make_run, recipes):
    run = make_run(recipes["60 members"])
    results = run.results()
    results["neg_elbo"] += np.random.default_rng(0).normal(size=len(results))
    table = intervals.means(run, results, "neg_elbo")
    assert len(table) == 2 * 5
    for (objective, size), group in results.groupby(["objective", "latent_size"]):
        row = of(table, objective, size)
        expected = stats.ttest_1samp(group["neg_elbo"], 0).confidence_interval(0.95)
        assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
        assert row["value"] == pytest.approx(group["neg_elbo"].mean())
        assert (row["seeds"], row["over"]) == (6, "seeds")


def test_two_seeds_by_hand(make_run, recipes):
    run = make_run(recipes["keras-blog only"])
    row = of(intervals.means(run, run.results(), "neg_elbo"), "keras-blog", 2)
    # The seeds differ by 0.25, so sd / sqrt(2) is 0.125; t of one degree of freedom is 12.7062.
    assert row["high"] - row["value"] == pytest.approx(12.7062 * 0.125, rel=1e-5)
    assert row["value"] - row["low"] == pytest.approx(12.7062 * 0.125, rel=1e-5)


def test_one_seed_has_its_test_examples(usual_run):
    with_examples(usual_run, [1, 2, 3, 4])
    row = of(intervals.means(usual_run, usual_run.results(), "neg_elbo"), "elbo", 4)
    # The variance of 1, 2, 3, 4 is 5 / 3, and the value is the one in the results.
    reach = 1.96 * (5 / 3) ** 0.5 / 2
    assert (row["low"], row["value"], row["high"]) == pytest.approx((106 - reach, 106, 106 + reach))
    assert (row["seeds"], row["over"]) == (1, "examples")


@pytest.mark.parametrize("losses", [[], [3.0]])
def test_fewer_than_two_examples_have_no_interval(usual_run, losses):
    with_examples(usual_run, losses)
    row = of(intervals.means(usual_run, usual_run.results(), "neg_elbo"), "elbo", 4)
    assert np.isnan([row["low"], row["high"]]).all()
    assert (row["value"], row["over"]) == (106.0, "")


def test_a_quantity_without_an_array_has_no_interval(usual_run):
    table = intervals.means(usual_run, usual_run.results(), "active_units")
    assert table["low"].isna().all()
    assert table["value"].tolist() == [2, 4, 6, 2, 4, 6]
    assert intervals.words(table) == ""


def test_no_members_have_no_rows(make_run, recipes):
    run = make_run(recipes["all failed"])
    table = intervals.means(run, finished(run.results()), "loss")
    assert table.empty
    assert list(table) == ["objective", "latent_size", "seeds", "value", "low", "high", "over"]
    assert intervals.words(table) == ""


def test_every_run_has_a_row_an_objective_and_size(any_run):
    members = finished(any_run.results())
    table = intervals.means(any_run, members, "neg_elbo")
    pairs = members[["objective", "latent_size"]].drop_duplicates()
    assert len(table) == len(pairs)
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


@pytest.mark.parametrize(
    ("over", "seeds", "words"),
    [
        (["seeds"] * 2, [6, 6], "Bars: 95 % intervals of Student's t over 6 seeds."),
        (
            ["seeds", "seeds", ""],
            [2, 6, 1],
            "Bars: 95 % intervals of Student's t over 2 to 6 seeds.",
        ),
        (
            ["examples", ""],
            [1, 1],
            "Bars: 95 % intervals over the test examples of one network; how much another seed "
            "would change is not in them.",
        ),
        (
            ["examples", "seeds"],
            [1, 6],
            "Bars: 95 % intervals of Student's t over 6 seeds; where a size has one network, over "
            "its test examples, and how much another seed would change is not in those.",
        ),
        ([""], [1], ""),
    ],
)
def test_the_caption_says_what_the_bars_are(over, seeds, words):
    assert intervals.words(pd.DataFrame({"over": over, "seeds": seeds})) == words
