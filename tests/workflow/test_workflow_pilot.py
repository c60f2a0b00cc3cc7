"""How the networks of a search begin, and what stands beside them."""

import numpy as np
import pandas as pd
import pytest

from latentsweep.data.sources import synthetic
from latentsweep.errors import StudyError
from latentsweep.model.principal import principal
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.workflow import pilot
from latentsweep.workflow.answer import answer
from latentsweep.workflow.begin import begin
from latentsweep.workflow.executors import Local
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.search import Ask, find, search_study, suited
from latentsweep.workflow.tasks import add_seconds

FEW = {"hidden_size": 16, "epochs": 8, "batch_size": 64}


BUDGET = 600.0


class Heard(Observer):
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


def work(folder, family="linear", examples=2_400, **changes) -> Local:
    """A search on data of two dimensions."""
    spec = synthetic.Synthetic(family, 2, seed=3, examples=examples, features=16)
    study = search_study("pilot", f"{family}-2@3", FEW | changes)
    suiting = suited(study, synthetic.make(spec, study), {*FEW, *changes})
    return Local(RunFolder(folder), Experiment(*suiting), Heard())


def trials(monkeypatch, told, seconds=0.1):
    """Make `told` of a study's beginning and epochs say what a pilot's network comes to."""

    def trial(_, study):
        return pilot._Trial(study, *told(study.init, study.epochs), seconds)

    monkeypatch.setattr(pilot, "_trial", trial)


@pytest.mark.dear
def test_linear_data_are_begun_as_principal_components_and_a_bent_surface_need_not(
    tmp_path, monkeypatch
):
    begun = pilot.with_pilot(work(tmp_path / "run"), BUDGET, FEW)
    assert (begun.experiment.study.init, begun.experiment.study.learning_rate) == ("pca", 0.004)
    assert begun.observer.said[0].startswith("pilot   16 dimensions: a network that begins as")
    assert not (tmp_path / "run").exists()
    losses = {"random": 1.0, "pca": 2.0}
    trials(monkeypatch, lambda init, _: (losses[init], False))
    other = pilot.with_pilot(work(tmp_path / "run"), BUDGET, FEW)
    assert (other.experiment.study.init, other.experiment.study.learning_rate) == ("random", 0.007)


def test_a_search_that_goes_on_trains_its_networks_as_before(tmp_path, monkeypatch):
    here = work(tmp_path / "run")
    other = here.experiment.study.changed({"init": "random", "epochs": 16, "learning_rate": 0.007})
    begin(here.run, Experiment(other, here.experiment.dataset), "test")
    monkeypatch.setattr(pilot, "_trial", None)
    assert pilot.with_pilot(here, BUDGET).experiment.study == other


@pytest.mark.parametrize("given", [{"init": "random"}, {"init": "pca"}])
def test_what_is_given_stays(tmp_path, monkeypatch, given):
    trials(monkeypatch, lambda *_: (1.0, True))
    begun = pilot.with_pilot(work(tmp_path / "run", **given), BUDGET, {*FEW, *given})
    assert (begun.experiment.study.init, begun.experiment.study.epochs) == (
        given["init"],
        FEW["epochs"],
    )


@pytest.mark.parametrize(
    ("losses", "falls_until", "epochs"),
    [
        ({8: 9.0, 16: 8.0, 32: 7.0}, 64, 32),  # four times as long at most
        ({8: 9.0, 16: 8.0, 32: 7.0}, 16, 16),
        ({8: 9.0, 16: 8.0, 32: 8.5}, 64, 16),  # longer is no better
        ({8: 9.0}, 8, 8),
    ],
)
def test_networks_are_trained_for_longer_as_long_as_they_learn(
    tmp_path, monkeypatch, losses, falls_until, epochs
):
    here = work(tmp_path / "run")
    trials(monkeypatch, lambda _, epochs: (losses[epochs], epochs < falls_until))
    begun = pilot.with_pilot(here, BUDGET, {*FEW} - {"epochs"})
    assert begun.experiment.study.epochs == epochs
    assert (
        begun.experiment.study.patience == here.experiment.study.patience * epochs // FEW["epochs"]
    )


@pytest.mark.parametrize(("seconds", "epochs"), [(14.0, 16), (16.0, 8)])
def test_they_are_trained_no_longer_than_the_budget_bears(tmp_path, monkeypatch, seconds, epochs):
    """A twentieth of it a network."""
    trials(monkeypatch, lambda _, epochs: (1 / epochs, epochs < 16), seconds)
    begun = pilot.with_pilot(work(tmp_path / "run"), BUDGET, {*FEW} - {"epochs"})
    assert begun.experiment.study.epochs == epochs


@pytest.mark.parametrize(("kept_epoch", "falls"), [(4, True), (3, False)])
def test_a_training_that_was_stopped_has_come_to_its_end(tmp_path, monkeypatch, kept_epoch, falls):
    """However its curve goes on: what it learned later was of no use to the examples apart."""
    facts = {"failed_epoch": 0, "apart_loss": 1.0, "kept_epoch": kept_epoch}
    monkeypatch.setattr(Local, "all", lambda here, _: add_seconds(here.run, "train", 2.0))
    monkeypatch.setattr(RunFolder, "facts", lambda *_: facts)
    monkeypatch.setattr(RunFolder, "history", lambda *_: pd.DataFrame({"loss": [9.0, 7, 5, 3]}))
    here = work(tmp_path / "run")
    assert pilot._trial(here, here.experiment.study) == (here.experiment.study, 1.0, falls, 2.0)


def test_networks_too_dear_for_the_budget_have_no_pilot(tmp_path, monkeypatch):
    monkeypatch.setattr(pilot, "_trial", None)
    here = work(tmp_path / "run")
    assert pilot.with_pilot(here, 1e-3).experiment.study == here.experiment.study


@pytest.mark.dear
def test_a_network_that_had_too_few_steps_gets_more(tmp_path):
    """At this rate a single epoch of few steps learns next to nothing."""
    slow = work(tmp_path / "run", "smooth", init="random", epochs=2, learning_rate=1e-3)
    begun = pilot.with_pilot(slow, BUDGET, {"init", "learning_rate"})
    assert begun.experiment.study.epochs == 8
    assert [text.split(" end ")[0] for text in begun.observer.said] == [
        "pilot   2 epochs",
        "pilot   4 epochs",
    ]


def test_few_examples_need_no_pilot(tmp_path, monkeypatch):
    monkeypatch.setattr(pilot, "_trial", None)
    begun = pilot.with_pilot(work(tmp_path / "run", examples=600), BUDGET, FEW)
    assert begun.experiment.study.init == "pca"
    assert begun.experiment.study.validation_folds


def test_principal_components_are_of_real_values_alone(tmp_path):
    binary = work(tmp_path / "run", "smooth-binary")
    assert binary.experiment.study.init == "random"
    study = binary.experiment.study.changed({"init": "pca"})
    asked = Experiment(study, binary.experiment.dataset)
    with pytest.raises(StudyError, match=r"^init: pca needs likelihood gaussian, but .* bernoulli"):
        begin(binary.run, asked, "test")
    assert not (tmp_path / "run").exists()
    for other in ({"likelihood": "poisson"}, {"network": "linear-decoder"}):
        with pytest.raises(StudyError, match="init: pca only of dense or convolutional networks"):
            search_study("x", "x", {"init": "pca", **other})


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """A search on linear data that its budget ends after the first step."""
    here = work(tmp_path_factory.mktemp("linear") / "run", init="pca")
    return here, find(here, Ask(budget=1e-6), command="test").json


def test_the_linear_model_stands_beside_every_size(linear):
    here, found = linear
    experiment = here.experiment
    train = experiment.scaled(experiment.trained_on(0))
    held_out = experiment.scaled(experiment.held_out(0))
    components = principal(train, experiment.dataset.rounding)
    told = {each["latent_size"]: each for each in found["linear"]["sizes"]}
    assert list(told) == [row["latent_size"] for row in found["rows"]]
    for row in found["rows"]:
        size = row["latent_size"]
        exact = components.neg_log_prob(held_out, size).mean()
        assert told[size]["linear"] == pytest.approx(exact, rel=1e-6)
        assert told[size]["difference"] == pytest.approx(row["loss"] - exact, abs=1e-3)
        assert abs(row["loss"] - exact) < 0.1


def test_where_no_network_wins_that_is_the_first_sentence(linear):
    _, found = linear
    assert found["linear"]["latent_size"] == 2
    assert (found["linear"]["wins"], found["linear"]["loses"]) == ([], [])
    for words in ("sentence", "answer"):
        assert found[words].startswith(
            "A linear model does as well here: principal components, 2 of them by the same rule. "
        )


@pytest.mark.dear
def test_networks_that_lose_are_named_with_a_remedy(tmp_path):
    """At a rate of a ten-thousandth nothing is learned."""
    here = work(tmp_path / "run", init="random", learning_rate=1e-5)
    found = find(here, Ask(budget=1e-6), command="test").json
    assert found["linear"]["loses"] == [row["latent_size"] for row in found["rows"]]
    (said,) = [note for note in found["notes"] if note.startswith("Principal components of the")]
    assert 'Remedy: init = "pca"' in said


@pytest.mark.dear
def test_linear_decoders_stand_beside_what_has_no_closed_form(tmp_path):
    here = work(tmp_path / "run", "smooth-binary")
    found = find(here, Ask(budget=1e-6), command="test").json
    beside = RunFolder(tmp_path / "run" / "linear")
    assert beside.study().network == "linear-decoder"
    (told,) = [each for each in found["linear"]["sizes"] if each["latent_size"] == found["best"]]
    blocks = [beside.block(f"elbo-k{found['best']:02d}-s{seed}", "validation") for seed in (0, 1)]
    losses = np.mean([block["validation/neg_elbo"] for block in blocks])
    assert told["linear"] == pytest.approx(losses, rel=1e-6)
    assert "hidden/weight" not in " ".join(
        name for name in beside.weights(f"elbo-k{found['best']:02d}-s0") if "decoder" in name
    )
    again = answer(here.run, limit=16).json
    assert again["linear"] == found["linear"]
