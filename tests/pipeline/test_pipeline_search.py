"""The search for a latent size, on made-up data of two dimensions: a minute of small networks."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from latentsweep import run
from latentsweep.answers.recommendation import Rule
from latentsweep.data import synthetic
from latentsweep.errors import DataError, RunFolderError, StudyError
from latentsweep.pipeline import search as searching
from latentsweep.pipeline.answer import answer
from latentsweep.pipeline.observer import Observer
from latentsweep.pipeline.search import Ask, find, search, search_study, suited
from latentsweep.pipeline.work import Work
from latentsweep.record.folder import RunFolder

SPEC = synthetic.Synthetic("linear", 2, seed=3, examples=2_000, features=16)
FEW = {"hidden_size": 16, "epochs": 40, "batch_size": 64}


class Heard(Observer):
    """Keeps what a search knew after each step."""

    def __init__(self):
        self.answers = []
        self.said = []

    def answer(self, recommendation):
        self.answers.append(recommendation)

    def say(self, text):
        self.said.append(text)


def work(folder, observer=None, **changes) -> Work:
    study = search_study("linear", "linear-2@3", FEW | changes)
    made = synthetic.make(SPEC, study.test_fraction, study.split_seed)
    suiting = suited(study, made, {*FEW, *changes})
    return Work(*suiting, RunFolder(folder), observer or Observer())


def decisions(folder):
    """The steps without the seconds, which are the machine's."""
    lines = [json.loads(line) for line in (folder / "decisions.jsonl").read_text().splitlines()]
    kept = ("action", "latent_sizes", "seeds", "why")
    return [{name: line[name] for name in kept} for line in lines]


def numbers(found):
    return [(r["latent_size"], r["seeds"], r["loss"], r["low"], r["high"]) for r in found["rows"]]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished search: its folder, its answer, and what was heard of it."""
    folder, heard = tmp_path_factory.mktemp("search") / "run", Heard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "latentsweep.pipeline.search.report", lambda folder, _: folder.report_path.touch()
        )
        found = search(work(folder, heard), Ask(), command="test")
    return folder, found.json, heard


def test_two_dimensions_are_found_and_nothing_untried_is_named(searched):
    folder, found, _ = searched
    assert (found["status"], found["latent_size"]) == ("ok", 2)
    assert found["set"][0] <= 2 <= found["set"][1]
    tried = {size for step in decisions(folder) for size in step["latent_sizes"]}
    assert {row["latent_size"] for row in found["rows"]} == tried
    assert max(tried) <= SPEC.features


def test_it_is_chosen_on_the_validation_split_and_measured_on_the_test_split(searched):
    folder, found, _ = searched
    manifest, results = RunFolder(folder).manifest(), RunFolder(folder).results()
    held_out = RunFolder(folder).block("elbo-k02-s0", "validation")
    assert len(held_out["validation/neg_elbo"]) == manifest["data"]["splits"]["validation"]
    of_two = next(row for row in found["rows"] if row["latent_size"] == 2)
    of_seeds = [
        RunFolder(folder).block(f"elbo-k02-s{s}", "validation")["validation/neg_elbo"].mean()
        for s in range(of_two["seeds"])
    ]
    if len({row["seeds"] for row in found["rows"]}) == 1:
        assert of_two["loss"] == pytest.approx(np.mean(of_seeds), rel=1e-5)
    assert set(results["split"]) == {"test"}
    assert len(results) == sum(row["seeds"] for row in found["rows"]) == len(manifest["members"])


def test_every_step_is_decided_before_it_is_trained_and_told_after(searched):
    folder, _, heard = searched
    steps = decisions(folder)
    assert steps[0]["action"] == "start"
    assert len(heard.answers) == len(steps)
    known = [{row["latent_size"] for row in each["rows"]} for each in heard.answers]
    assert known == [
        {size for step in steps[: i + 1] for size in step["latent_sizes"]}
        for i in range(len(steps))
    ]


@pytest.mark.parametrize("at", [0, 1, 3])
def test_an_interrupted_search_goes_on_to_the_same_end(searched, tmp_path, monkeypatch, at):
    folder, found, _ = searched
    train, calls = searching.train, iter(range(100))

    def interrupted(*arguments):
        if next(calls) == at:
            raise KeyboardInterrupt
        train(*arguments)

    monkeypatch.setattr(searching, "train", interrupted)
    here = tmp_path / "run"
    if at < len(decisions(folder)):
        with pytest.raises(KeyboardInterrupt):
            find(work(here), Ask(), command="test")
    again = find(work(here), Ask(), command="test").json
    assert decisions(here) == decisions(folder)
    assert numbers(again) == numbers(found)


def test_a_spent_budget_says_what_is_open_and_a_larger_one_goes_on(searched, tmp_path):
    folder, found, _ = searched
    here = tmp_path / "run"
    first = find(work(here), Ask(budget=1e-6), command="test").json
    assert decisions(here) == decisions(folder)[:1]
    assert first["open"].startswith("The budget is spent. Still open: ")
    assert "a larger --budget goes on from there" in first["open"]
    then = find(work(here), Ask(), command="test").json
    assert then["open"] is None
    assert numbers(then) == numbers(found)


def test_a_size_to_check_is_tried_at_any_time_and_once(tmp_path):
    folder, spent = tmp_path / "run", Ask(budget=1e-6)
    find(work(folder), spent, command="test")
    for _ in range(2):
        asking = dataclasses.replace(spent, check=11)
        found = find(work(folder), asking, command="test").json
        assert 11 in {row["latent_size"] for row in found["rows"]}
    assert [step["action"] for step in decisions(folder)] == ["start", "check"]


def test_other_criteria_on_the_same_networks(searched, tmp_path):
    folder, _, _ = searched
    here = tmp_path / "run"
    shutil.copytree(folder, here)
    loose, tight = (
        answer(RunFolder(here), "reconstruction", Rule(target=target)).json
        for target in (1.0, 1e-9)
    )
    assert loose["latent_size"] == min(row["latent_size"] for row in loose["rows"])
    assert tight["status"] == "target not reached"
    with pytest.raises(RunFolderError, match="criterion knn needs labels"):
        answer(RunFolder(here), "knn")


def test_nearest_codes_of_labelled_data(tmp_path):
    spec = synthetic.Synthetic("union", seed=1, examples=1_500)
    study = search_study("union", "union@1", FEW | {"epochs": 3})
    made = synthetic.make(spec, study.test_fraction, study.split_seed)
    here = Work(*suited(study, made, FEW), RunFolder(tmp_path / "run"), Observer())
    found = find(here, Ask(criterion="knn", budget=1e-6), command="test").json
    assert found["criterion"] == "knn"
    assert all(0 <= row["loss"] < 0.67 for row in found["rows"])
    commonest = np.bincount(here.dataset.labels[here.dataset.splits["train"]]).argmax()
    wrong = np.mean(here.dataset.labels[here.dataset.splits["validation"]] != commonest)
    best = min(row["loss"] for row in found["rows"])
    assert found["gain"] == pytest.approx(wrong - best, abs=1e-6)


def test_too_few_held_out_examples_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(DataError) as caught:
        find(work(tmp_path / "run", validation_fraction=0.01), Ask(), command="test")
    assert str(caught.value).startswith(
        "linear-2@3: at least 100 examples have to be held out to compare sizes on, got 16; give "
        "200 training examples or more"
    )
    assert not (tmp_path / "run").exists()


def test_a_search_is_of_the_elbo_alone():
    with pytest.raises(StudyError, match="trained with the ELBO, got \\['keras-blog'\\]"):
        search_study("x", "digits", {"objectives": "keras-blog"})


def test_epochs_fit_the_data_unless_they_are_set(tmp_path):
    assert work(tmp_path).study.epochs == 40
    study = search_study("linear", "linear-2@3")
    made = synthetic.make(SPEC, study.test_fraction, study.split_seed)
    usual, _ = suited(study, made)
    assert (usual.epochs, usual.latent_sizes) == (60, (2, 4, 8, 16))
    assert suited(study, made, ["epochs"])[0].epochs == study.epochs


def test_small_data_holds_out_a_larger_share(tmp_path):
    study = search_study("linear", "linear-2@3")
    small = synthetic.make(dataclasses.replace(SPEC, examples=500), study.test_fraction, 0)
    chosen, dataset = suited(study, small)
    assert chosen.validation_fraction == 0.25
    assert len(dataset.splits["validation"]) == 100


def test_a_run_answers_too_and_says_what_has_no_part_in_it(tiny, tmp_path, without_report):
    folder = run(tiny, tmp_path, settings={"seeds": [0, 1]}).folder
    found = folder.answers()
    assert found is not None
    recommended = found["recommendation"]
    assert {row["latent_size"] for row in recommended["rows"]} == {2, 3}
    assert recommended["notes"][0].startswith("The keras-blog models have no part in it")
    assert {claim["objective"] for claim in found["claims"]} == {"keras-blog", "elbo"}
    assert all(c["verdict"] in ("inconclusive", "not measured") for c in found["claims"])


def test_nothing_is_recommended_from_the_keras_blog_loss(tiny, tmp_path, without_report):
    folder = run(tiny, tmp_path, settings={"objectives": ["keras-blog"]}).folder
    with pytest.raises(RunFolderError, match="its loss is no bound on anything"):
        answer(folder)
    found = folder.answers()
    assert found is not None
    assert found["recommendation"]["status"] == "not judged"
    assert "run it with --objective elbo" in found["recommendation"]["sentence"]


def test_a_network_that_fails_ends_the_search_and_is_not_asked_for_again(tmp_path, monkeypatch):
    measured = searching.evaluate.measured

    def failing(trained, values, draws, split="test"):
        arrays = measured(trained, values, draws, split)
        if int(trained.settings.latent_size) == 3:
            arrays[f"{split}/neg_elbo"] = np.full_like(arrays[f"{split}/neg_elbo"], np.nan)
        return arrays

    monkeypatch.setattr(searching.evaluate, "measured", failing)
    found = find(work(tmp_path / "run"), Ask(), command="test").json
    steps = decisions(tmp_path / "run")
    assert len({json.dumps([s["latent_sizes"], s["seeds"]]) for s in steps}) == len(steps)
    if any(3 in step["latent_sizes"] for step in steps):
        assert 3 not in {row["latent_size"] for row in found["rows"]}
        assert any("elbo-k03-s0" in note for note in found["notes"])
