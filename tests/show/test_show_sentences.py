"""What was seen: sentences state the table's numbers, and rows of words fit their titles."""

import re

import pytest

from latentsweep import language
from latentsweep.show import sentences
from latentsweep.show.words.alarms import alarm_sentences


def seen(run):
    return sentences.what_was_seen(run.results(), run.manifest())


def test_lowest_true_neg_elbo_and_the_others(usual_run):
    assert seen(usual_run)[0] == (
        "Among the networks trained with the ELBO, of 3 latent sizes, size 8 had the lowest true "
        "−ELBO on the test split, 100.0 nats per image; the others are above it by 6.0 (size 4) "
        "and 12.0 (size 2) (one seed: seen, not judged)."
    )


def test_report_loss_against_the_true_neg_elbo_of_the_same_networks(usual_run):
    assert seen(usual_run)[1] == (
        "On the networks trained with the Keras-blog loss, that loss stands 4.0 to "
        "16.0 below the true −ELBO of the same networks, in nats per image: it reads from 110.0 "
        "where the true −ELBO is 114.0, to 106.0 where it is 122.0 (one seed: seen, not judged)."
    )


def test_keras_blog_sentences_name_no_latent_size(make_run, recipes):
    sentence, grey = seen(make_run(recipes["keras-blog only"]))
    assert grey.startswith("The values are grey")
    assert "size" not in sentence
    assert sentence.endswith("(means over 2 seeds).")


def test_sentences_follow_the_numbers(usual_run):
    results = usual_run.results()
    results.loc[results["member"] == "elbo-k02-s0", "neg_elbo"] = 90.0
    (sentence,) = sentences.lowest_neg_elbo(results, "nats per image")
    assert "size 2 had the lowest true −ELBO on the test split, 90.0 nats" in sentence


@pytest.mark.parametrize(
    ("shift", "words"),
    [(0, "4.0 to 16.0 below"), (20, "4.0 to 16.0 above"), (10, "between 6.0 above and 6.0 below")],
)
def test_gap_is_said_with_its_sign(usual_run, shift, words):
    results = usual_run.results()
    results["loss"] += shift
    assert words in sentences.report_loss(results, "nats per image")[0]


def test_failures_are_counted_and_have_a_remedy(make_run, recipes):
    assert seen(make_run(recipes["a failed member"]))[-1] == (
        "1 of 6 models failed, the loss not being finite: elbo-k02-s0 (epoch 2); lower "
        "learning_rate (it was 0.001) and run the study again."
    )


def test_failed_members_are_not_compared(make_run, recipes):
    sentence = seen(make_run(recipes["a failed member"]))[0]
    assert "of 2 latent sizes" in sentence
    assert "size 2)" not in sentence


def test_rows_fit_titles_on_every_run(any_run):
    results, manifest = any_run.results(), any_run.manifest()
    columns = sentences.results_columns(results, manifest)
    rows = sentences.results_rows(results)
    assert {len(row) for row in rows} == {len(columns)}
    assert len(rows) == len(results[["latent_size", "seed"]].drop_duplicates())


def test_rows_hold_the_numbers(usual_run):
    rows = sentences.results_rows(usual_run.results())
    assert rows[2] == ("8", "106.0", "122.0", "6/8", "100.0", "88.0", "12.0", "6/8")
    titles = [c.title for c in sentences.results_columns(usual_run.results(), usual_run.manifest())]
    assert titles[1].replace("\xa0", " ") == "report's loss (not an ELBO)"


def test_failed_and_missing_members_in_the_table(make_run, recipes):
    results = make_run(recipes["a failed member"]).results()
    rows = sentences.results_rows(results[results["member"] != "keras-blog-k08-s0"])
    assert rows[0][4:] == ("failed", "–", "–", "–")
    assert rows[2][1:4] == ("–", "–", "–")


def test_unit_depends_on_what_an_example_is(make_run, recipes):
    assert "nats per example" in seen(make_run(recipes["vectors"]))[0]


def test_mean_over_seeds_is_what_is_compared(make_run, recipes):
    sentence = seen(make_run(recipes["60 members"]))[0]
    assert "size 8 had the lowest true −ELBO on the test split, 100.6 nats" in sentence
    assert sentence.endswith("(means over 6 seeds).")


@pytest.mark.parametrize(
    ("words", "expected"), [([], ""), ([2], "2"), ([2, 4], "2 and 4"), ([2, 4, 8], "2, 4 and 8")]
)
def test_listed(words, expected):
    assert sentences.listed(words) == expected


def test_number_never_shows_a_negative_zero_or_nan():
    assert [sentences.number(v) for v in (-0.0, -1.25, float("nan"))] == ["0.0", "−1.2", "–"]


class Shouting:
    """A catalogue that translates into capitals, but for the placeholders."""

    def gettext(self, message):
        parts = re.split(r"(\{\w+\})", message)
        return "".join(part if part.startswith("{") else part.upper() for part in parts)

    def ngettext(self, one, more, count):
        return self.gettext(one if count == 1 else more)


def test_every_sentence_is_translated_on_every_run(any_run, monkeypatch):
    monkeypatch.setattr(language, "_catalogue", lambda _language: Shouting())
    results, manifest = any_run.results(), any_run.manifest()
    alarm = {"member": "elbo-k02-s0", "alarm": "", "seen": "", "remedy": ""}
    with language.speaking("pt"):
        columns = sentences.results_columns(results, manifest)
        said = [
            *sentences.what_was_seen(results, manifest),
            *alarm_sentences([alarm, alarm]),
            sentences.seeds(results),
            sentences.left_out(results),
            sentences.items(manifest),
            *(column.group + column.title for column in columns),
            *(cell for row in sentences.results_rows(results) for cell in row),
        ]
    for words in said:
        assert not re.search(r"[a-z]|\d\.\d", re.sub(r"(keras-blog|elbo)-k\d+-s\d+", "", words))
