"""The first screen and what can be copied from it, from hand-written answers."""

import pytest

from latentsweep.show import intervals
from latentsweep.show.members import with_one
from latentsweep.show.report.opening import amount, opening
from latentsweep.show.report.quotes import citation, latex_table, quotes, tex

ROW = {"seeds": 3, "loss": 1.0, "seeds_would_decide": True, "probability": 0.0}


def row(size, behind, verdict, active=None, bounds=(0.0, 1.0)):
    low, high = bounds
    words = {"latent_size": size, "behind": behind, "low": low, "high": high}
    return {**ROW, **words, "verdict": verdict, "active_units": active}


def recommendation(status="ok", size=8, **more):
    rows = [
        row(2, 40.0, "too small", 2.0, (39.0, 41.0)),
        row(4, 1.5, "undecided", 4.0, (0.5, 2.25)),
        row(8, 0.25, "enough", 8.0),
        row(16, 0.0, "enough", 12.4),
        row(32, 0.0, "enough", 31.0),
        row(33, 0.1, "enough", 33.0),
    ]
    found = {"status": status, "latent_size": size, "set": [4, 8], "delta": 1.0, "gain": 100.0}
    found |= {
        "best": 16,
        "unit": "nats",
        "sentence": "for it: eight.",
        "answer": "eight.",
        "data": "it",
        "architecture": "a",
        "budget": "b",
        "rows": rows,
    }
    found |= {"methods": "The latent size of 8 was chosen.", "evidence_sentences": []}
    return found | {"scope": "It says no more.", "notes": []} | more


@pytest.fixture
def answered(make_run):
    """A run whose answers are what a test says."""

    def make(found):
        run = make_run()
        run.write_answers({"recommendation": found, "claims": []})
        return run

    return make


def test_the_answer_is_the_title(answered):
    page = opening(answered(recommendation()))
    assert page.title == "8 latent dimensions for made <up>"
    assert page.lede == "Eight."
    assert page.holds_for == "Holds for it, a, b."
    assert page.unit == "nats per image"
    assert page.command == ""


@pytest.mark.parametrize(
    ("found", "title"),
    [
        (recommendation(size=1), "1 latent dimension for made <up>"),
        (recommendation("undecided", None), "4 to 8 latent dimensions for made <up>: undecided"),
        (recommendation("no plateau yet", None), "More than 32 latent dimensions for made <up>"),
        (recommendation("nothing to encode", None), "No latent dimension helps on made <up>"),
        (
            recommendation("target not reached", None),
            "No size tried on made <up> reaches the target",
        ),
        (
            recommendation("too few seeds", None),
            "Latent sizes 2 to 33 on made <up>: seen, not judged",
        ),
    ],
)
def test_every_outcome_has_its_title(answered, found, title):
    assert opening(answered(found)).title == title


def test_what_other_sizes_lose_or_waste(answered):
    found = {one.latent_size: one for one in opening(answered(recommendation())).others}
    assert found["2"].meaning == "loses 40.0 nats, 40 % of what there is to gain"
    assert found["2"].interval == "39.0 to 41.0"
    assert found["4"].meaning == "may lose up to 2.25 nats: the noise hides it"
    assert found["8"].meaning == "the smallest that is enough"
    assert found["16"].meaning == "wastes 3.6 dimensions, which carry nothing"
    assert found["16"].in_use == "12.4 of 16"
    assert found["32"].meaning == "wastes 1 dimension, which carries nothing"
    assert found["33"].meaning == "loses nothing, but is larger than needed"
    assert [one.latent_size for one in found.values() if one.chosen] == ["8"]


def test_what_was_only_seen_is_not_called_a_loss(answered):
    page = opening(answered(recommendation("too few seeds", None)))
    words = " ".join(one.meaning for one in page.others)
    assert "loses" not in words
    assert "enough" not in words
    assert page.holds_for.startswith("Seen of ")
    assert page.command == "latentsweep run study.toml --seeds 6 -o synthetic-6-seeds"


def test_without_answers_the_page_still_has_a_title(usual_run):
    assert opening(usual_run).title == "Latent sizes 2 to 8 on made <up>: seen, not judged"


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0.00"), (0.052, "0.052"), (0.5, "0.50"), (-12.34, "−12.3")]
)
def test_a_difference_has_digits_that_mean_something(value, words):
    assert amount(value) == words


def test_the_methods_sentence_is_offered_only_where_there_is_a_size(answered):
    names = [quote.name for quote in quotes(answered(recommendation()))]
    assert names == ["methods", "latex", "citation"]
    unjudged = recommendation("too few seeds", None, methods=None)
    assert [quote.name for quote in quotes(answered(unjudged))] == ["latex", "citation"]


def test_the_latex_table_holds_the_means_and_escapes_what_latex_reads(make_run, recipes):
    run = make_run(recipes["keras-blog only"])
    table = latex_table(run, run.results())
    assert r"made \textless{}up\textgreater{}" in table
    rows = [line for line in table.splitlines() if line.startswith("Keras-blog")]
    assert len(rows) == run.results()["latent_size"].nunique()
    neg_elbo = run.results().groupby("latent_size")["neg_elbo"].mean()
    assert [f"{value:.1f}" for value in neg_elbo] == [row.split(" & ")[2] for row in rows]
    assert all(line.count(" & ") == 6 and line.endswith(r"\\") for line in rows)
    assert table.count("{") == table.count("}")


def test_the_latex_table_has_each_interval_from_its_lower_end(make_run, recipes):
    run = make_run(recipes["keras-blog only"])
    bars = intervals.means(run, run.results(), "neg_elbo")
    rows = [line for line in latex_table(run, run.results()).splitlines() if "Keras-blog" in line]
    told = [tex(f"{bar.low:.1f} to {bar.high:.1f}") for bar in bars.itertuples()]
    assert [row.split(" & ")[3] for row in rows] == told
    assert (bars["low"] < bars["high"]).all()


def test_the_recommended_size_takes_the_place_of_the_nearest():
    assert with_one([2, 8, 32], 9, [2, 8, 9, 32]) == [2, 9, 32]
    assert with_one([2, 8, 32], 8, [2, 8, 9, 32]) == [2, 8, 32]
    assert with_one([2, 8, 32], None, [2, 8, 32]) == [2, 8, 32]
    assert with_one([2, 8, 32], 5, [2, 8, 32]) == [2, 8, 32]  # not a size of the run


def test_latex_reads_nothing_into_a_name():
    assert tex(r"a_b & 100% {x} \y") == r"a\_b \& 100\% \{x\} \textbackslash{}y"


def test_the_citation_names_the_version_that_made_the_run():
    assert "version = {0.1.0}" in citation("0.1.0")
