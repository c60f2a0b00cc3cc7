import dataclasses
import json
import re
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_answers_recommendation import Noise, any_losses, simulated

from latentsweep.answers import recommendation
from latentsweep.answers.evidence import Evidence, class_dependent, gradual
from latentsweep.answers.facts import UNITS, facts_of
from latentsweep.answers.recommendation import USUAL, Recommendation, Row, Rule, Status, recommend
from latentsweep.show.words.numbers import sizes_listed, span
from latentsweep.show.words.recommendation import SCOPE, recommendation_in_words
from latentsweep.show.words.setting import setting_words
from shouting import differing, lower_case

SETTING = {
    "data": "digits",
    "likelihood": "bernoulli",
    "train": 1198,
    "held_out": 1300,
    "fold": None,
    "groups": None,
    "split_by": "",
    "network": "dense",
    "hidden_size": [512],
    "epochs": 60,
    "batch_size": 32,
    "learning_rate": 0.001,
    "decay": False,
    "seeds": [3, 3],
}
HEAD = "For {data}, {architecture}, {budget}: ".format(**setting_words(SETTING))
SIZES = (2, 4, 8, 9, 10, 16)


def made(status, verdicts=None, behind=None, **given_):
    """A recommendation of SIZES: a gain of 20, delta 0.2."""
    verdicts = verdicts or ["too small", "too small", "undecided", "undecided", "enough", "enough"]
    behind = behind or [7.0, 3.25, 0.21, 0.125, 0.0, 0.03]
    chances = [0, 0, 0.07, 0.6, 0.3, 0.03]
    rows = [
        Row(size, 3, 85 + gap, gap, gap - 0.1, gap + 0.1, verdict, chance, True)
        for size, verdict, gap, chance in zip(SIZES, verdicts, behind, chances, strict=True)
    ]
    usual = {
        "status": status,
        "latent_size": None,
        "low": None,
        "high": None,
        "best": 10,
        "delta": 0.2,
        "gain": 20.0,
        "gain_low": 19.5,
        "gain_is_known": True,
        "rows": tuple(rows),
        "at_shares": {0.005: None, 0.01: 10, 0.02: 9},
    }
    return Recommendation(**{**usual, **given_})


OK = made("ok", latent_size=10, low=8, high=10)
UNDECIDED = made("undecided", low=8, high=16)
LARGEST = {"verdicts": ["too small"] * 5 + ["enough"], "behind": [9, 7, 5, 4, 1.5, 0], "best": 16}
EACH = {
    "ok": OK,
    "undecided": UNDECIDED,
    "no plateau yet": made("no plateau yet", **LARGEST),
    "every size keeps helping": made("every size keeps helping", **LARGEST),
    "nothing to encode": made("nothing to encode", gain=0.02, gain_low=-0.113, delta=0.0002),
    "no gain known": made("no gain known", best=2, gain=0.0, gain_is_known=False),
    "too few seeds": made("too few seeds", ["undecided"] * 6),
    "one size": made("one size"),
    "target not reached": made("target not reached", ["too small"] * 6),
}
TARGET = Rule(target=0.25)
ERROR = "reconstruction"
NOTHING = Evidence()


def rule_of(found, rule=USUAL):
    """The rule that such a status can come from."""
    return TARGET if found.status == "target not reached" else rule


def in_words(found, rule=USUAL, criterion="elbo", evidence=NOTHING, remarks=()):
    """The whole recommendation, as answers.json has it."""
    facts = facts_of(found, rule, criterion, setting=SETTING, evidence=evidence, remarks=remarks)
    return recommendation_in_words(json.loads(json.dumps(facts, allow_nan=False)))


def methods(found, rule=USUAL, criterion="elbo"):
    return in_words(found, rule, criterion)["methods"]


def evidence_sentences(found, evidence):
    return in_words(found, evidence=evidence)["evidence_sentences"]


def agreement(found, evidence):
    return in_words(found, evidence=evidence)["agreement"]


def told(found, rule=USUAL, criterion="elbo"):
    words = in_words(found, rule_of(found, rule), criterion)["sentence"]
    assert words.startswith(HEAD)
    return words.removeprefix(HEAD)


def test_every_status_has_its_words():
    assert set(EACH) == set(get_args(Status))
    assert len({told(found) for found in EACH.values()}) == len(EACH)


def test_an_answer():
    assert told(OK) == (
        "10 latent dimensions (90 % set 8 to 10); the held-out −ELBO is within 0.20 nats of the "
        "best size's, 1 % of the attainable gain of 20 nats. P(no more than 10 needed) = 0.97."
    )
    assert told(dataclasses.replace(OK, gain_is_known=False), Rule(0.02)).endswith(
        "is within 0.20 nats of the best size's, 2 % of the gain of 20 nats over the smallest "
        "size. P(no more than 10 needed) = 0.97."
    )
    assert told(dataclasses.replace(OK, latent_size=8, low=8, high=8)).startswith(
        "8 or fewer (5 to 7 not tried) latent dimensions (90 % set 8); "
    )
    one = OK.rows[0]._replace(latent_size=1)
    single = dataclasses.replace(OK, rows=(one, *OK.rows[1:]), latent_size=1, low=1, high=4)
    assert told(single).startswith("1 latent dimension (90 % set 1 to 4); ")


def test_an_answer_to_a_target():
    assert told(OK, TARGET, ERROR) == (
        "10 latent dimensions (90 % set 8 to 10); the held-out mean squared error is at most 0.25. "
        "P(no more than 10 needed) = 0.97."
    )


def test_a_measure_without_a_unit_leaves_no_gap():
    for name in ("reconstruction", "knn", "loss"):
        for found in EACH.values():
            words = f"{told(found, criterion=name)} {methods(found, rule_of(found), name)}"
            assert "  " not in words
            assert " ." not in words
            assert " ," not in words
            assert " )" not in words


def test_no_plateau_yet():
    assert told(EACH["no plateau yet"]) == (
        "no plateau yet, try larger. Of 2, 4, 8 to 10 and 16 all but the last are too small: 10 is "
        "1.50 nats behind 16, and 0.20 nats would be allowed. Add 32."
    )


def test_every_size_keeps_helping():
    assert told(EACH["every size keeps helping"]) == (
        "every size keeps helping, up to 16, beyond which none was to be tried: 10 is 1.50 nats "
        "behind 16, and 0.20 nats would be allowed. The held-out −ELBO names no size here."
    )


def test_nothing_to_encode():
    assert told(EACH["nothing to encode"]) == (
        "nothing to encode. Trained so, no network is reliably better than the model without a "
        "latent: the gain is 0.02 nats, its lower bound −0.11."
    )


def test_no_gain_known():
    assert told(EACH["no gain known"]) == (
        "no gain known. The smallest size, 2, has the lowest held-out −ELBO, and without the "
        "losses of a model without a latent nothing says what there was to gain. Add those, or "
        "smaller sizes, and check that a lower loss is a better one."
    )


def test_undecided():
    assert told(UNDECIDED) == (
        "undecided, 90 % set 8 to 16 (likeliest 9, P = 0.60; 11 to 15 not tried). Noise hides "
        "whether 8 and 9 are within 0.20 nats of the best size, 10 as it seems: more seeds would "
        "tell."
    )
    narrow = dataclasses.replace(UNDECIDED, high=10)
    assert told(narrow).startswith("undecided, 90 % set 8 to 10 (likeliest 9, P = 0.60). Noise")
    rows = tuple(row._replace(seeds_would_decide=False) for row in UNDECIDED.rows)
    assert told(dataclasses.replace(UNDECIDED, rows=rows)).endswith(
        "more held-out examples would tell."
    )
    one = rows[2]._replace(verdict="too small")
    largest = dataclasses.replace(UNDECIDED, rows=(*rows[:2], one, *rows[3:]), best=16)
    assert told(largest).endswith(
        "Noise hides whether 9 is within 0.20 nats of the best size, 16 as it seems: more held-out "
        "examples would tell. Larger sizes may be better still."
    )


def test_too_few_seeds():
    assert told(EACH["too few seeds"]) == (
        "too few seeds. With so few trainings their noise is not known, so nothing is judged. "
        "Seen: the held-out −ELBO is lowest at size 10, with 85 nats, and size 9 is the first that "
        "is within 0.20 nats of that. Three seeds of each size would judge it."
    )
    met = dataclasses.replace(EACH["too few seeds"], delta=0.0)
    assert "and size 10 is the first that is at most 0.25." in told(met, TARGET, ERROR)
    rows = tuple(row._replace(behind=row.behind + 1) for row in met.rows)
    missed = dataclasses.replace(met, rows=rows)
    assert "and no size is at most 0.25." in told(missed, TARGET, ERROR)


def test_one_size():
    one = dataclasses.replace(EACH["one size"], rows=OK.rows[:1])
    assert told(one) == "one size, 2, can't be compared with itself; train at least two more."


def test_a_target_that_is_not_reached():
    found = EACH["target not reached"]
    assert told(found, TARGET, ERROR) == (
        "target not reached. No size's held-out mean squared error is reliably at most 0.25: the "
        "best of 2, 4, 8 to 10 and 16 is size 10, with 85. Try larger sizes, or a larger target."
    )
    undecided = found.rows[4]._replace(verdict="undecided")
    nearly = dataclasses.replace(found, rows=(*found.rows[:4], undecided, found.rows[5]))
    assert told(nearly, TARGET, ERROR).endswith("Try more seeds, larger sizes, or a larger target.")


def test_the_methods_sentence_has_size_set_delta_grid_network_and_budget():
    assert methods(OK) == (
        "The latent size of 10 is the smallest of those compared (2, 4, 8 to 10 and 16) whose "
        "held-out −ELBO is within 0.20 nats of the best size's, 1 % of the attainable gain of 20 "
        "nats (one-sided 95 % bound; 90 % set of sizes: 8 to 10), for dense VAEs of 512 ReLU units "
        "each way with a Bernoulli likelihood, 60 epochs of Adam (batch 32, rate 0.001) and 3 "
        "seeds a size, compared on 1,300 held-out examples of digits (1,198 training examples) "
        "(latentsweep)."
    )


def test_without_a_size_there_is_nothing_for_a_paper():
    for status, found in EACH.items():
        assert (methods(found, rule_of(found)) is None) == (status != "ok")


ALLOWED = re.compile(
    r"\([^()]*not tried\)|Add \d+\.|−?\d+\.\d+|\d+ (?:%|nats)|"
    r"(?:at most|with|gain of|bound) −?[\d.]+"
)


def sizes_named(words):
    """The whole numbers of a sentence, but for those with a unit and those not tried or to add."""
    return {int(number) for number in re.findall(r"\d+", ALLOWED.sub("", words))}


@pytest.mark.parametrize("status", EACH)
@pytest.mark.parametrize("rule", [USUAL, TARGET], ids=["usual", "target"])
def test_no_sentence_names_a_size_that_was_not_tried(status, rule):
    found = EACH[status]
    assert sizes_named(told(found, rule)) <= {*SIZES}
    if status == "ok":
        words = methods(found, rule).split(", for dense")[0]
        assert sizes_named(words) <= {*SIZES}


def test_a_planted_size_is_found():
    assert sizes_named("12 latent dimensions (90 % set 8 to 10); within 0.20 nats") == {8, 10, 12}


@given(any_losses(), st.sampled_from([USUAL, Rule(target=0.0)]), st.sampled_from([None, 20]))
@settings(max_examples=60, deadline=None)
def test_whatever_was_found_is_told_without_strange_numbers(losses, rule, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recommendation, "REPLICATES", 40)
        found = recommend(losses, rule, limit=limit)
    words = in_words(found, rule)["sentence"].removeprefix(HEAD)
    assert not re.search(r"nan|inf\b|None|  | \.", words)
    assert words.endswith(".")
    assert sizes_named(re.sub(r"−?[\d.]+e[+−]\d+", "", words)) <= {*found.sizes}


@pytest.mark.parametrize("status", EACH)
def test_json_is_json_and_says_what_was_found(status):
    found, evidence = EACH[status], Evidence(32, 13, 11.25, (9.0, 13.5), True, {"a": 2})
    remarks = iter([{"code": "on test"}, {"code": "all held out"}])
    back = in_words(found, rule_of(found), "elbo", evidence, remarks)
    assert back["status"] == status
    assert back["latent_size"] == found.latent_size
    assert back["set"] == (None if found.low is None else [found.low, found.high])
    usual = status != "target not reached"
    assert (back["delta"], back["confidence"]) == (found.delta, 0.9)
    assert (back["share"], back["target"]) == ((0.01, None) if usual else (None, 0.25))
    assert back["sentence"] == HEAD + told(found)
    assert back["methods"] == methods(found, rule_of(found))
    assert back["scope"] == SCOPE
    assert [note.split()[0] for note in back["notes"]] == ["The", "Every"]
    assert back["evidence"]["active_units"] == 13
    assert back["evidence"]["effective_units"] == 11.25
    assert back["evidence"]["dimension"] == [9.0, 13.5]
    assert back["evidence"]["classes"] == {"a": 2}
    assert back["evidence"]["class_dependent"] is False
    assert [each["latent_size"] for each in back["rows"]] == list(SIZES)
    assert back["rows"] == [row._asdict() for row in found.rows]
    assert [each["p"] for each in back["cumulative"]] == pytest.approx(
        [0, 0, 0.07, 0.67, 0.97, 1.0]
    )
    assert back["at_shares"][1] == {"share": 0.01, "latent_size": 10}


def test_a_target_has_no_share():
    found = in_words(OK, TARGET, ERROR)
    assert (found["share"], found["target"], found["unit"]) == (None, 0.25, "")


def test_width_counts_the_sizes_below_the_set():
    found = in_words(OK)
    assert found["width"] == 2 + 3  # 9 and 10; 5, 6 and 7 were not tried


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_widest_network_that_diverged_is_no_evidence(bad):
    evidence = Evidence(32, 0, bad, (9.0, 13.0))
    found = in_words(OK, evidence=evidence)
    json.dumps(found, allow_nan=False)
    assert found["evidence"]["effective_units"] is None
    assert evidence_sentences(OK, evidence) == evidence_sentences(
        OK, Evidence(dimension=(9.0, 13.0))
    )


def test_evidence_in_words():
    evidence = Evidence(32, 13, 11.25, (9.0, 13.54), True)
    assert evidence_sentences(OK, evidence) == [
        "Of the widest network's 32 dimensions 13 carry something; weighed by what they carry, "
        "they count as 11.2.",
        "The data's nearest neighbours read a dimension of 9.0 to 13.5, which depends on the "
        "scale: a lower bound.",
        "The evidence agrees with the 90 % set.",
    ]
    assert evidence_sentences(OK, Evidence()) == []
    assert (
        evidence_sentences(EACH["nothing to encode"], evidence)
        == evidence_sentences(OK, evidence)[:2]
    )


def test_what_agrees_and_what_does_not_is_said():
    apart = Evidence(32, 2, 1.5, (9.0, 10.0))
    assert evidence_sentences(OK, apart)[-1] == (
        "The neighbours agree with the 90 % set, the units do not."
    )
    other = Evidence(32, 10, 9.5, (1.0, 2.0))
    assert evidence_sentences(OK, other)[-1] == (
        "The units agree with the 90 % set, the neighbours do not."
    )
    neither = Evidence(32, 2, 1.5, (30.0, 40.0))
    assert evidence_sentences(OK, neither)[-1] == "The evidence disagrees with the 90 % set."
    assert [agreement(OK, each) for each in (apart, other, neither)] == [True, True, False]


@pytest.mark.parametrize(
    ("dimension", "agrees"),
    [
        ((9.0, 9.0), True),
        ((5.34, 5.34), True),
        ((5.32, 5.32), False),  # 8 / 1.5 is 5.33
        ((14.9, 20.0), True),
        ((15.1, 20.0), False),  # 10 x 1.5 is 15
        ((1.0, 100.0), True),
        ((1.0, 5.0), False),
    ],
)
def test_agreement_is_within_a_factor_of_one_and_a_half_of_the_set(dimension, agrees):
    assert agreement(OK, Evidence(dimension=dimension)) is agrees
    low, high = dimension
    units = Evidence(widest=64, active=int(high), effective=low)
    assert agreement(OK, units) is (low <= 15 and int(high) >= 8 / 1.5)


def test_without_a_set_or_evidence_nobody_knows_whether_they_agree():
    assert agreement(OK, Evidence()) is None
    assert agreement(OK, Evidence(widest=32)) is None
    assert agreement(EACH["no plateau yet"], Evidence(dimension=(9.0, 9.0))) is None


def test_active_units_are_never_fewer_than_their_weight():
    """Rounding may leave 13.0001 of 13; the range is one all the same."""
    assert agreement(OK, Evidence(32, 10, 10.0001)) is True


def test_classes_apart_by_more_than_a_quarter_are_class_dependent():
    near, far = Evidence(classes={"a": 8, "b": 10}), Evidence(classes={"a": 4, "b": 7, "c": 5})
    assert not class_dependent(near)
    assert class_dependent(far)
    assert class_dependent(Evidence(classes={"a": 6, "b": 8}))
    assert not class_dependent(Evidence(classes={"a": 1, "b": 2}))
    assert not class_dependent(Evidence(classes={"a": 4}))
    assert not class_dependent(Evidence(classes={}))
    assert not class_dependent(Evidence())
    assert evidence_sentences(OK, far) == [
        "Class-dependent dimension: within a class, the widest network's codes do not vary along "
        "the same number of dimensions (a: 4, b: 7, c: 5). One latent serves them all, so its size "
        "is that of the class that needs most, or more where classes have dimensions of their own."
    ]
    assert evidence_sentences(OK, near) == []


def test_a_gain_that_fades_out_is_told_apart_from_one_that_ends():
    """Of 10 dimensions a quarter is left out at 7; 4 is the next smaller that was tried."""
    assert gradual(OK) is None
    assert evidence_sentences(OK, Evidence()) == []
    faded = made("ok", behind=[7.0, 1.9, 0.21, 0.125, 0.0, 0.03], latent_size=10, low=8, high=10)
    assert gradual(faded) == faded.row(4)
    assert evidence_sentences(faded, Evidence()) == [
        "The gain fades out rather than ends: 4 dimensions are only 9.5 % of the gain behind. How "
        "many are needed hangs on the share that may be lost."
    ]
    assert gradual(dataclasses.replace(faded, latent_size=None)) is None
    assert gradual(dataclasses.replace(faded, latent_size=16)) is not None
    assert gradual(dataclasses.replace(faded, latent_size=4)) is None
    assert gradual(dataclasses.replace(faded, delta=0.0)) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([2, 4, *range(8, 17), 32], "2, 4, 8 to 16 and 32"),
        ([2], "2"),
        ([2, 3], "2 and 3"),
        ([2, 3, 4], "2 to 4"),
        ([2, 3, 5], "2, 3 and 5"),
        ([1, 3, 4, 5], "1 and 3 to 5"),
        (iter([7, 8, 9, 11]), "7 to 9 and 11"),
    ],
)
def test_numbers_are_listed_with_their_runs_drawn_together(values, words):
    assert sizes_listed(values) == words


@given(st.lists(st.integers(1, 40), min_size=1, unique=True).map(sorted))
def test_a_list_names_the_numbers_it_was_made_from(values):
    named = set()
    for part in re.split(", | and ", sizes_listed(values)):
        ends = [int(number) for number in part.split(" to ")]
        named |= set(range(ends[0], ends[-1] + 1))
    assert sorted(named) == values


def test_a_span_is_from_the_least_to_the_greatest():
    assert span([3, 2, 6]) == "2 to 6"
    assert span([4, 4]) == "4"


def test_a_size_is_told_with_those_below_it_that_were_not_tried():
    words = {9: "9", 8: "8 or fewer (5 to 7 not tried)", 2: "2 or fewer (1 not tried)"}
    words[16] = "16 or fewer (11 to 15 not tried)"
    for size, begins in words.items():
        found = dataclasses.replace(OK, latent_size=size, low=size, high=size)
        assert told(found).startswith(f"{begins} latent dimensions (90 % set {size}); ")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        *[(205.81, "206"), (20.04, "20"), (12.34, "12.3"), (1.5, "1.50"), (0.1, "0.10")],
        *[(0.0316, "0.0316"), (0.0003, "0.0003"), (-0.113, "−0.11"), (-12.34, "−12.3"), (0.0, "0")],
    ],
)
def test_numbers_have_the_digits_that_mean_something(value, words):
    found = dataclasses.replace(OK, gain=value)
    assert f"gain of {words} nats." in told(found)


def test_a_recommendation_from_losses_to_words():
    """The whole way, by numbers that follow from the simulation alone."""
    effects = [95.0, 92.5, 90.0, 90.0, 90.0]
    found = recommend(simulated(effects, noise=Noise(example=1, paired=0.01, residual=0.001)))
    assert told(found) == (
        "3 latent dimensions (90 % set 3); the held-out −ELBO is within 0.10 nats of the best "
        "size's, 1 % of the attainable gain of 10 nats. P(no more than 3 needed) = 1.00."
    )


TOLD = {
    "data",
    "architecture",
    "budget",
    "answer",
    "measure",
    "sentence",
    "methods",
    "scope",
    "evidence_sentences",
}
EVIDENCES = {
    "none": Evidence(),
    "all": Evidence(32, 13, 11.25, (9.0, 13.54), True, {"A": 4, "B": 7}),
    "apart": Evidence(32, 2, 1.5, (9.0, 10.0)),
    "otherwise apart": Evidence(32, 10, 9.5, (1.0, 2.0)),
    "neither": Evidence(32, 2, 1.5, (30.0, 40.0)),
}
VARIED = [
    *EACH.values(),
    made("ok", behind=[7.0, 1.9, 0.21, 0.125, 0.0, 0.03], latent_size=10, low=8, high=10),
    dataclasses.replace(OK, gain_is_known=False, latent_size=8, low=8, high=8),
    dataclasses.replace(UNDECIDED, best=16),
    dataclasses.replace(
        UNDECIDED, rows=tuple(row._replace(seeds_would_decide=False) for row in UNDECIDED.rows)
    ),
    dataclasses.replace(
        EACH["target not reached"], rows=tuple(r._replace(verdict="undecided") for r in OK.rows)
    ),
    dataclasses.replace(
        EACH["too few seeds"], rows=tuple(r._replace(behind=r.behind + 1) for r in OK.rows)
    ),
]


@pytest.mark.parametrize("evidence", EVIDENCES)
@pytest.mark.parametrize("measure", UNITS)
@pytest.mark.parametrize("rule", [USUAL, TARGET], ids=["usual", "target"])
def test_all_words_are_translated_and_no_number(shouted, evidence, measure, rule):
    for found in VARIED:
        asked = (found, rule_of(found, rule), measure, EVIDENCES[evidence])
        with shouted():
            other = in_words(*asked)
        places = dict(differing(in_words(*asked), other))
        assert {"answer", "measure", "sentence", "scope"} <= set(places) <= TOLD
        words = [other[name] for name in ("answer", "measure", "sentence", "scope")]
        for each in (*words, other["methods"] or "", *other["evidence_sentences"]):
            assert not lower_case(each, "digits"), each
        assert (other["status"], other["unit"]) == (found.status, UNITS[measure])


def test_one_feature_leaves_nothing_to_choose():
    row = EACH["one size"].rows[0]._replace(latent_size=1)
    alone = dataclasses.replace(EACH["one size"], rows=(row,), exhausted=True)
    assert told(alone) == "size 1, there being no other to choose from: the data has one feature."
    assert told(dataclasses.replace(alone, exhausted=False)).endswith("train at least two more.")
