"""Answers and alarms beside the English ones: the same numbers, told in the other languages."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from latentsweep import language
from latentsweep.answers.search import Goal, next_step
from latentsweep.language import speaking
from latentsweep.record.folder import RunFolder
from latentsweep.show.words.alarms import alarm_in_words
from latentsweep.show.words.answers import answers_of
from latentsweep.show.words.remarks import why_not_judged
from latentsweep.show.words.search import left_open, why
from latentsweep.workflow import judge
from latentsweep.workflow.answer import Ending, NotJudgedError, answer
from latentsweep.workflow.judge import write_answers
from shouting import catalogue, differing, lower_case

RECOMMENDED = {"answer", "sentence", "methods", "scope", "evidence_sentences", "notes", "open"}
TOLD = RECOMMENDED | {"measure", "data", "architecture", "budget", "part", "says", "seen", "remedy"}
VALUES = ("latentsweep evaluate", "digits", "sum")
MEASURES = ("neg_elbo", "pixel_midpoint_confident", "prior_coverage", "knn_accuracy", "kmeans_nmi")
MEASURES += ("silhouette_null", "silhouette", "path_even", "path_correlation", "grid_classes")
MEASURES += ("midpoint_confident", "prior_far")


@pytest.fixture(autouse=True)
def shouting(monkeypatch):
    """Every language but English has its marked words in capital letters."""
    monkeypatch.setattr(language, "_catalogue", catalogue)


def both(folder: RunFolder):
    """The answers in English, and where the same in Portuguese is told otherwise."""
    one = answers_of(folder)
    with speaking("pt"):
        other = answers_of(folder)
    assert json.loads(folder.answers_path.read_text()) == one
    return one, other, list(differing(one, other))


def test_a_run_is_told_in_every_language_with_the_same_numbers(quick):
    folder = quick(seeds=[0, 1], decay=0.5, kl_weight=2.0).folder
    _, _, places = both(folder)
    assert places
    assert {place for place, _ in places} <= TOLD
    for _, words in places:
        assert not lower_case(words, *VALUES, *MEASURES), words
    stored = folder.alarms()
    assert stored
    assert [alarm_in_words(alarm) for alarm in stored] == stored
    with speaking("pt"):
        told = [alarm_in_words(alarm) for alarm in stored]
    assert {place for place, _ in differing(stored, told)} == {"seen", "remedy"}
    told = {place for place, _ in both(folder)[2]}
    assert {"sentence", "measure", "data", "architecture", "budget", "notes", "says"} <= told


def test_numbers_are_computed_once(tiny_run, tmp_path, monkeypatch):
    folder = RunFolder(shutil.copytree(tiny_run, tmp_path / "run"))
    calls = []
    for name in ("answer", "judged"):
        original = getattr(judge, name)
        monkeypatch.setattr(judge, name, lambda *a, f=original, n=name: (calls.append(n), f(*a))[1])
    write_answers(folder)
    assert calls == ["answer", "judged"]
    assert both(folder)[2]


def test_why_nothing_is_recommended_is_told_too(quick, tiny_run):
    folder = quick(objectives=["keras-blog"]).folder
    one, other, _ = both(folder)
    assert one["recommendation"]["status"] == other["recommendation"]["status"] == "not judged"
    assert "with objective elbo, got keras-blog" in one["recommendation"]["sentence"]
    assert not lower_case(other["recommendation"]["sentence"])
    with pytest.raises(NotJudgedError) as raised, speaking("pt"):
        answer(RunFolder(tiny_run), "knn")
    assert "criterion knn needs labels and the structure of elbo-k02-s0" in str(raised.value)
    with speaking("pt"):
        words = why_not_judged(raised.value.reason)
    assert not lower_case(words, "elbo-k02-s0", str(tiny_run)), words


def test_a_network_that_failed_is_named_in_every_language(tiny_run):
    found = answer(RunFolder(tiny_run))
    failed = dataclasses.replace(found.compared, failed=("elbo-k09-s0",))
    found = dataclasses.replace(found, compared=failed)
    with speaking("pt"):
        notes = found.json["notes"]
    assert found.json["notes"][0] == ("Left out, since their training failed: elbo-k09-s0.")
    assert not any(lower_case(note, "elbo-k09-s0") for note in notes)


def test_a_network_whose_training_failed_has_no_part_in_the_answer(tiny_run, tmp_path):
    folder = RunFolder(Path(shutil.copytree(tiny_run, tmp_path / "run")))
    sound = answer(folder)
    assert sound.losses.present.all()
    path = folder.member_path("elbo-k02-s0") / "member.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "failed_epoch": 2, "start": 2}))
    found = answer(folder)
    assert found.compared.failed == ("elbo-k02-s0",)
    assert found.compared.again == ()
    assert not found.losses.present[found.losses.sizes.index(2), 0]


@pytest.mark.parametrize("seconds", [None, 90.0])
def test_what_a_search_leaves_open_is_told_in_every_language(tiny_run, seconds):
    found, goal = answer(RunFolder(tiny_run)).found, Goal(limit=64)
    small = tuple(row._replace(verdict="too small") for row in found.rows)
    found = dataclasses.replace(found, status="no plateau yet", rows=small)
    ending = Ending(found, goal, seconds)
    step = next_step(found, goal)
    assert step is not None
    with speaking("pt"):
        words = left_open(ending.facts())
    assert why(step.reason) in left_open(ending.facts())
    assert ("1.5 min here" in left_open(ending.facts())) == (seconds is not None)
    assert not lower_case(words, "--budget"), words


def test_where_all_seeds_are_spent_that_is_said_in_every_language(tiny_run, monkeypatch):
    monkeypatch.setattr("latentsweep.workflow.answer.next_step", lambda *_: None)
    found = answer(RunFolder(tiny_run)).found
    rows = [row._replace(verdict="undecided", seeds_would_decide=True) for row in found.rows]
    undecided = dataclasses.replace(found, status="undecided", rows=tuple(rows))
    ending = Ending(undecided, Goal(limit=3, most_seeds=9), 90.0)
    assert left_open(ending.facts()).startswith("A size gets at most 9 seeds in a search")
    with speaking("pt"):
        assert not lower_case(left_open(ending.facts()))
    assert Ending(dataclasses.replace(undecided, status="ok"), Goal(limit=3), 90.0).facts() is None


def test_a_search_that_has_its_answer_leaves_nothing_open(tiny_run):
    found = answer(RunFolder(tiny_run))
    one_size = dataclasses.replace(found.found, status="one size")
    ended = dataclasses.replace(found, ending=Ending(one_size, Goal(limit=64), 1.0))
    assert ended.json["open"] is None
    assert "open" not in found.json
