"""How the networks of a search begin, as principal components or at random, and for how long.

Where examples are few, or lie near a plane, networks that begin as principal components are the
better ones; on surfaces that bend much, wide networks that begin so may end worse than others. So
where there are enough examples, one network of each kind is trained first, of the widest size of a
search's first step, and the kind whose loss is less on the examples apart is trained from then on.
Where it still learns at its end, networks get twice the epochs, and twice again, as far as that
helps. What sizes are compared on has no part in either.
"""

import math
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from latentsweep.data.kind import spread
from latentsweep.evaluation.alarms import still_falls
from latentsweep.evaluation.evaluate import no_latent_losses
from latentsweep.record.folder import RunFolder
from latentsweep.study import Init, Study
from latentsweep.training.cost import price_of_network
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member
from latentsweep.workflow import train
from latentsweep.workflow.executors import Local

_RATES = {  # Adam's, at its peak, of one hidden layer and of several
    "random": {False: 7e-3, True: 4e-3},
    "pca": {False: 4e-3, True: 4e-3},
}
_CHOSEN = "init", "learning_rate", "kl_warm_up", "epochs", "patience"
_LONGER = 4  # times the epochs at most
_SHARE = 1 / 20  # of a budget, that a pilot's network may take
_WARM_UP = 0.1  # of the epochs, which keeps dimensions alive that begin at random


def beginning(init: Init, hidden_size: tuple[int, ...]) -> dict[str, Any]:
    """The fields of a study whose networks begin so: what suits them goes with it."""
    rate = _RATES[init][len(hidden_size) > 1]
    warm_up = _WARM_UP if init == "random" else 0.0
    return {"init": init, "learning_rate": rate, "kl_warm_up": warm_up}


class _Trial(NamedTuple):
    """A study, its network's loss on the examples apart, if that still falls, its seconds."""

    study: Study
    loss: float
    falls: bool
    seconds: float


def with_pilot(here: Local, budget: float, given: Collection[str] = ()) -> Local:
    """The search, its networks beginning as suits the data best, and trained for long enough.

    One that goes on has what was chosen then. Networks that take more than a twentieth of the
    budget each have no pilot.

    Args:
        budget: seconds of the search.
        given: the fields that the user has set, which stay.
    """
    study = here.experiment.study
    if study.validation_folds:
        return here
    if here.run.is_begun:
        before = here.run.study()
        chosen = {name: getattr(before, name) for name in _CHOSEN if name not in given}
        return _with(here, study.changed(chosen))
    recipe = here.experiment.recipe(max(study.latent_sizes))
    if price_of_network(study, recipe, len(here.experiment.held_out(0))) > _SHARE * budget:
        return here
    best = _begun(here, given)
    if "epochs" not in given:
        best = _longer(here, best, _SHARE * budget)
    return _with(here, best.study)


def _begun(here: Local, given: Collection[str]) -> _Trial:
    """The trial whose beginning is the better, if there is a choice."""
    study = here.experiment.study
    if "init" in given or study.init != "pca":
        return _trial(here, study)
    random, pca = (_trial(here, _beginning(study, init, given)) for init in ("random", "pca"))
    here.observer.say(
        f"pilot   {max(study.latent_sizes)} dimensions: a network that begins as principal "
        f"components has a loss of {pca.loss:.2f}, one that begins at random {random.loss:.2f}"
    )
    return random if random.loss < pca.loss else pca


def _beginning(study: Study, init: Init, given: Collection[str]) -> Study:
    fields = beginning(init, study.hidden_size)
    return study.changed({name: value for name, value in fields.items() if name not in given})


def _longer(here: Local, trial: _Trial, seconds: float) -> _Trial:
    """The same for longer, as long as it still learns, longer helps and takes no more seconds."""
    most = _LONGER * trial.study.epochs
    while trial.falls and 2 * trial.study.epochs <= most and 2 * trial.seconds <= seconds:
        twice = {"epochs": 2 * trial.study.epochs, "patience": 2 * trial.study.patience}
        longer = _trial(here, trial.study.changed(twice))
        here.observer.say(
            f"pilot   {trial.study.epochs} epochs end with a loss of {trial.loss:.2f} that still "
            f"falls, {longer.study.epochs} with {longer.loss:.2f}"
        )
        if not longer.loss < trial.loss:
            break
        trial = longer
    return trial


def _trial(here: Local, study: Study) -> _Trial:
    """One network of such a study, trained; its loss is infinite if that fails."""
    size = max(study.latent_sizes)
    with tempfile.TemporaryDirectory(prefix="latentsweep-") as path:
        folder = RunFolder(Path(path))
        folder.write_manifest({"seconds": {}})
        alone = study.changed({"latent_sizes": (size,), "seeds": (0,)})
        pilot = Local(folder, Experiment(alone, here.experiment.dataset))
        pilot.all(train.missing(folder, pilot.experiment))
        seconds = folder.manifest()["seconds"]["train"]
        name = Member("elbo", size, 0).name
        facts, curve = folder.facts(name), folder.history(name)["loss"].to_numpy()
    if facts["failed_epoch"] or facts["apart_loss"] is None:
        return _Trial(study, math.inf, falls=False, seconds=seconds)
    falls = facts["kept_epoch"] == len(curve) and still_falls(curve, _no_latent(here.experiment))
    return _Trial(study, facts["apart_loss"], falls, seconds)


def _no_latent(experiment: Experiment) -> float:
    """The loss without a latent, of some of the examples that networks train on."""
    indices = experiment.trained_on(0)
    some = experiment.scaled(indices[spread(len(indices), train.LOOKED_AT)])
    return float(no_latent_losses(experiment.likelihood, some, some).mean())


def _with(here: Local, study: Study) -> Local:
    """The same run of another study."""
    return Local(here.run, Experiment(study, here.experiment.dataset), here.observer)
