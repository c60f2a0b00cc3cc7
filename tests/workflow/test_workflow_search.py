"""The search for a latent size, on made-up data of two dimensions: a minute of small networks."""

import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lawful_training import KNEE, by_a_law

from latentsweep import run
from latentsweep.answers.recommendation import Rule
from latentsweep.answers.search import Goal
from latentsweep.data.catalogue import load_dataset
from latentsweep.data.sources import synthetic
from latentsweep.errors import DataError, RunFolderError, StudyError
from latentsweep.evaluation import evaluate
from latentsweep.evaluation.evaluate import measured
from latentsweep.record.arrays import read_arrays, write_arrays
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member, load_trained, members_in
from latentsweep.workflow import outcome
from latentsweep.workflow import search as searching
from latentsweep.workflow.answer import answer
from latentsweep.workflow.executors import Local
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.search import (
    Ask,
    epochs_for,
    find,
    hidden_for,
    search,
    search_study,
    suited,
)

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


def work(folder, observer=None, **changes) -> Local:
    study = search_study("linear", "linear-2@3", FEW | changes)
    made = synthetic.make(SPEC, study)
    suiting = suited(study, made, {*FEW, *changes})
    return Local(RunFolder(folder), Experiment(*suiting), observer)


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
        patch.setattr(outcome, "write_figures", lambda _: None)
        patch.setattr(outcome, "write_report", lambda folder: folder.report_path.touch())
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


@pytest.fixture
def lawful(monkeypatch):
    """Networks are not trained: their losses follow a law."""
    monkeypatch.setattr(searching, "train_and_measure", by_a_law)


def interrupted_at(monkeypatch, call):
    """The search's training, which is interrupted before it begins for this time."""
    train, calls = searching.train_and_measure, iter(range(100))

    def interrupted(*arguments):
        if next(calls) == call:
            raise KeyboardInterrupt
        train(*arguments)

    monkeypatch.setattr(searching, "train_and_measure", interrupted)


def test_an_interrupted_search_goes_on_to_the_same_end(lawful, tmp_path, monkeypatch):
    found = find(work(tmp_path / "whole"), Ask(), command="test").json
    steps = decisions(tmp_path / "whole")
    assert (found["latent_size"], found["open"]) == (KNEE, None)
    assert len(steps) > 2
    for at in range(len(steps)):
        here = tmp_path / str(at)
        with monkeypatch.context() as patch:
            interrupted_at(patch, at)
            with pytest.raises(KeyboardInterrupt):
                find(work(here), Ask(), command="test")
        again = find(work(here), Ask(), command="test").json
        assert decisions(here) == steps
        assert numbers(again) == numbers(found)


@pytest.mark.slow
def test_a_search_that_trains_goes_on_to_the_same_end(searched, tmp_path, monkeypatch):
    folder, found, _ = searched
    with monkeypatch.context() as patch:
        interrupted_at(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            find(work(tmp_path / "run"), Ask(), command="test")
    again = find(work(tmp_path / "run"), Ask(), command="test").json
    assert decisions(tmp_path / "run") == decisions(folder)
    assert numbers(again) == numbers(found)


def test_a_spent_budget_says_what_is_open_and_a_larger_one_goes_on(lawful, tmp_path):
    whole = find(work(tmp_path / "whole"), Ask(), command="test").json
    here = tmp_path / "run"
    first = find(work(here), Ask(budget=1e-6), command="test").json
    assert decisions(here) == decisions(tmp_path / "whole")[:1]
    assert first["open"].startswith("The budget is spent. Still open: ")
    assert "a larger --budget goes on from there" in first["open"]
    then = find(work(here), Ask(), command="test").json
    assert then["open"] is None
    assert numbers(then) == numbers(whole)


def test_a_size_to_check_is_tried_at_any_time_and_once(lawful, tmp_path):
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


@pytest.mark.dear
@pytest.mark.parametrize("folds", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_nearest_codes_of_labelled_data(tmp_path, folds):
    spec = synthetic.Synthetic("union", seed=1, examples=1_500)
    held_out = {"validation_folds": folds, "validation_fraction": 0.0 if folds else 1 / 6}
    study = search_study("union", "union@1", FEW | {"epochs": 3} | held_out)
    made = synthetic.make(spec, study)
    given = {*FEW, "validation_folds"}
    here = Local(RunFolder(tmp_path / "run"), Experiment(*suited(study, made, given)))
    found = find(here, Ask(criterion="knn", budget=1e-6), command="test").json
    assert found["criterion"] == "knn"
    assert all(0 <= row["loss"] < 0.67 for row in found["rows"])
    experiment, wrong = here.experiment, []
    labels = experiment.dataset.labels
    for seed in range(2):
        commonest = np.bincount(labels[experiment.trained_on(seed)]).argmax()
        wrong.append(np.mean(labels[experiment.held_out(seed)] != commonest))
    best = min(row["loss"] for row in found["rows"])
    assert found["gain"] == pytest.approx(np.mean(wrong) - best, abs=1e-6)


def test_too_few_held_out_examples_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(DataError) as caught:
        find(work(tmp_path / "run", validation_fraction=0.01), Ask(), command="test")
    assert str(caught.value).startswith(
        "linear-2@3: at least 40 examples have to be held out to compare sizes on, got 16; give "
        "40 training examples or more, and leave validation_fraction and validation_folds as"
    )
    assert not (tmp_path / "run").exists()


def test_a_search_is_of_the_elbo_alone():
    with pytest.raises(StudyError, match="trained with the ELBO, got \\['keras-blog'\\]"):
        search_study("x", "digits", {"objectives": "keras-blog"})


def test_epochs_fit_the_data_unless_they_are_set(tmp_path):
    assert work(tmp_path).experiment.study.epochs == 40
    study = search_study("linear", "linear-2@3")
    made = synthetic.make(SPEC, study)
    usual, _ = suited(study, made)
    assert (usual.epochs, usual.latent_sizes) == (60, (2, 4, 8, 16))
    assert suited(study, made, ["epochs"])[0].epochs == study.epochs


def made(examples):
    """The study and the data of so many examples, a fifth of them for testing."""
    study = search_study("linear", "linear-2@3")
    spec = dataclasses.replace(SPEC, examples=examples)
    return study, synthetic.make(spec, study)


def test_little_data_is_held_out_in_folds_by_narrow_networks_unless_that_is_set():
    study, whole = made(500)
    chosen, dataset = suited(study, whole)
    assert (chosen.validation_folds, chosen.validation_fraction) == (10, 0)
    assert (chosen.hidden_size, chosen.epochs) == ((64,), 89)
    assert sorted(dataset.splits["train"]) == sorted(whole.splits["train"])
    set_by_hand, parted = suited(study.changed({"validation_fraction": 0.2}), whole, FEW)
    assert set_by_hand.validation_folds == 10  # what is not among the given is chosen
    assert "validation" not in parted.splits
    given = study.changed({"validation_fraction": 0.2})
    kept, parted = suited(given, whole, {"validation_fraction", "hidden_size"})
    assert (kept.validation_folds, kept.validation_fraction, kept.hidden_size) == (0, 0.2, (512,))
    assert len(parted.splits["validation"]) == 80


def test_examples_in_groups_are_held_out_by_whole_groups():
    study, whole = made(300)
    grouped = dataclasses.replace(whole, groups=np.arange(300, dtype=np.int32) // 5)
    chosen, dataset = suited(study, grouped)
    assert (chosen.validation_folds, chosen.validation_fraction) == (0, pytest.approx(100 / 240))
    sides = [set(grouped.groups[dataset.splits[name]]) for name in ("train", "validation")]
    assert not set.intersection(*sides)


def test_a_third_of_few_groups_is_held_out():
    study, whole = made(3_000)
    grouped = dataclasses.replace(whole, groups=np.arange(3_000, dtype=np.int32) // 150)
    chosen, dataset = suited(study, grouped)
    assert chosen.validation_fraction == pytest.approx(5 / 20)
    assert len(np.unique(grouped.groups[dataset.splits["validation"]])) == 5
    fewer = dataclasses.replace(whole, groups=np.arange(3_000, dtype=np.int32) // 600)
    assert suited(study, fewer)[0].validation_fraction == pytest.approx(1 / 3)
    more = dataclasses.replace(whole, groups=np.arange(3_000, dtype=np.int32) // 10)
    assert suited(study, more)[0].validation_fraction == suited(study, whole)[0].validation_fraction


@pytest.mark.parametrize(("examples", "hidden"), [(40, 16), (142, 16), (500, 64), (1_399, 128)])
def test_networks_grow_with_the_examples_up_to_512_units(examples, hidden):
    for likelihood in ("bernoulli", "gaussian"):
        assert hidden_for(examples, 13, likelihood) == (hidden,)
        assert hidden_for(1_438, 784, likelihood) == (128,)
        assert hidden_for(2_896, 784, likelihood) == (256,)
    assert hidden_for(2_897, 784, "bernoulli") == hidden_for(60_000, 13, "poisson") == (512,)
    assert hidden_for(2_897, 256, "gaussian") == (512, 512)
    assert hidden_for(60_000, 255, "gaussian") == (256, 256)


def test_several_layers_have_a_lower_rate_unless_another_was_asked_for():
    study, whole = made(4_000)
    chosen = {
        likelihood: suited(study, dataclasses.replace(whole, likelihood=likelihood))[0]
        for likelihood in ("bernoulli", "gaussian")
    }
    assert (chosen["bernoulli"].hidden_size, chosen["bernoulli"].learning_rate) == ((512,), 0.007)
    assert len(chosen["gaussian"].hidden_size) == 2
    assert chosen["gaussian"].learning_rate == 0.004
    real = dataclasses.replace(whole, likelihood="gaussian")
    assert suited(study, real, ["learning_rate"])[0].learning_rate == study.learning_rate


@pytest.mark.parametrize(("used", "limit"), [(16.0, 100), (15.8, 100), (15.0, 16), (6.0, 16)])
def test_a_search_goes_no_wider_than_what_the_widest_networks_use(used, limit):
    """Idle dimensions carry nothing, and more of them would be idle too."""
    tried = SimpleNamespace(found=SimpleNamespace(sizes=(2, 4, 8, 16)), active={8: 6.0, 16: used})
    assert searching._as_wide_as_used(Goal(100), tried) == Goal(limit)


def test_a_search_asks_for_nothing_wider_than_is_used(searched, tmp_path, monkeypatch):
    """Of 16 dimensions two carry something, so that 16 is the limit, whatever the data allows."""
    folder, *_ = searched
    here, asked = work(shutil.copytree(folder, tmp_path / "run")), []
    monkeypatch.setattr(searching, "goal_of", lambda *_: Goal(64))
    monkeypatch.setattr(searching, "next_step", lambda _, goal: asked.append(goal))
    found = find(here, Ask(), command="test")
    assert asked == [found.ending.goal] == [Goal(16)]  # what is left open is asked of the same


def test_epochs_make_enough_steps_of_few_examples():
    assert [epochs_for(n) for n in (128, 500, 1_198, 4_000, 50_000, 10**6)] == [
        250,
        64,
        60,
        60,
        5,
        1,
    ]


@pytest.fixture(scope="module")
def cross_fitted(tmp_path_factory):
    """A search on sixty examples in three folds, without its report."""
    study, whole = made(75)
    given = {**FEW, "validation_folds": 3, "epochs": 30}
    folder = RunFolder(tmp_path_factory.mktemp("folds") / "run")
    here = Local(folder, Experiment(*suited(study.changed(given), whole, given)))
    return here, find(here, Ask(budget=1e-6), command="test")


def test_each_example_is_held_out_once_by_the_first_seeds(cross_fitted):
    here, found = cross_fitted
    first = here.run.decisions()[0]
    assert first["seeds"] == [0, 1, 2]
    rows = np.concatenate([here.experiment.held_out(seed) for seed in first["seeds"]])
    assert sorted(rows) == sorted(here.experiment.dataset.splits["train"])
    assert found.losses.examples == 60
    assert found.losses.values.shape[1:] == (3, 20)
    words = found.json["data"]
    assert words == "linear-2@3 (60 training examples, of which each seed holds out another 20)"


def test_networks_are_measured_on_what_they_held_out(cross_fitted):
    here, found = cross_fitted
    experiment = here.experiment
    baseline = here.run.no_latent("validation")
    assert baseline.shape == (3, 20)
    for seed in range(3):
        parts = experiment.trained_on(seed), experiment.held_out(seed)
        seen, own = map(experiment.scaled, parts)
        spread = np.mean((seen - seen.mean(axis=0)) ** 2)  # one variance for all features
        squares = np.sum((own - seen.mean(axis=0)) ** 2, axis=1)
        expected = squares / (2 * spread) + own.shape[1] / 2 * np.log(2 * np.pi * spread)
        np.testing.assert_allclose(baseline[seed], expected, rtol=0.02)
        trained = load_trained(here.run, Member("elbo", 2, seed), 8)
        arrays = measured(trained, experiment.values(parts[1]), experiment.study.draws)
        place = found.losses.sizes.index(2)
        np.testing.assert_allclose(found.losses.values[place, seed], arrays["test/neg_elbo"])


@pytest.mark.slow
def test_a_run_compares_its_sizes_on_what_was_held_out(tiny, tmp_path, without_report):
    settings = {"seeds": [0, 1], "validation_folds": 2, "objectives": ["elbo"]}
    folder = run(tiny, tmp_path, settings=settings).folder
    found = folder.answers()["recommendation"]
    assert "of which each seed holds out another" in found["sentence"]
    assert not any("test split" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("sites", "held_out"), [(10, 3), pytest.param(3, 1, marks=pytest.mark.slow)]
)
def test_an_answer_is_of_other_groups_where_whole_groups_were_held_out(
    sites, held_out, tmp_path, without_report
):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(240, 4)), columns=list("abcd"))
    table["site"] = np.arange(240) % sites
    asked = {"split_by": "site", "validation_fraction": 0.35, "seeds": [0, 1], "epochs": 1}
    settings = {**asked, "hidden_size": 8, "objectives": ["elbo"], "projected_examples": 20}
    folder = run(output=tmp_path / "run", data=table, latents=[1, 2], settings=settings).folder
    dataset = load_dataset(folder.study())
    there = dataset.groups[dataset.splits["validation"]]
    found = answer(folder)
    np.testing.assert_array_equal(found.losses.groups, there)
    assert len(np.unique(there)) == held_out
    words = "of which nothing was trained on" if held_out > 1 else "are of one group (by site)"
    assert any(words in note for note in found.json["notes"])
    assert f"; {held_out} whole group" in found.json["sentence"]


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
    """Those of three dimensions, one of the sizes that are asked for."""

    def failing(here, blocks):
        by_a_law(here, blocks)
        members = members_in(here.run, here.experiment.study)
        for member in (member for member in members if member.latent_size == 3):
            path = here.run.member_path(member.name) / "validation.safetensors"
            arrays = read_arrays(path)
            arrays["validation/neg_elbo"] = np.full_like(arrays["validation/neg_elbo"], np.nan)
            write_arrays(path, arrays)

    monkeypatch.setattr(searching, "train_and_measure", failing)
    monkeypatch.setattr(searching, "goal_of", lambda *_: Goal(16, precision=1))
    found = find(work(tmp_path / "run"), Ask(check=3), command="test").json
    steps = decisions(tmp_path / "run")
    assert any(3 in step["latent_sizes"] for step in steps)
    assert len({json.dumps([s["latent_sizes"], s["seeds"]]) for s in steps}) == len(steps)
    assert 3 not in {row["latent_size"] for row in found["rows"]}
    assert any("elbo-k03-s0" in note for note in found["notes"])


@pytest.mark.slow
def test_a_network_whose_losses_are_not_finite_has_no_part_in_the_answer(tmp_path, monkeypatch):
    measured = evaluate.measured

    def failing(trained, values, draws, split="test"):
        arrays = measured(trained, values, draws, split)
        if int(trained.settings.latent_size) == 4:
            arrays[f"{split}/neg_elbo"] = np.full_like(arrays[f"{split}/neg_elbo"], np.nan)
        return arrays

    monkeypatch.setattr(evaluate, "measured", failing)
    found = find(work(tmp_path / "run"), Ask(budget=1e-6), command="test").json
    assert 4 not in {row["latent_size"] for row in found["rows"]}
    assert any("elbo-k04-s0" in note for note in found["notes"])
