"""How the networks of a search begin, as principal components or at random, and for how long.

Where examples are few, or lie near a plane, networks that begin as principal components are the
better ones; on surfaces that bend much, wide networks that begin so may end worse than others. So
where there are enough examples, one network of each kind is trained first, of the widest size of a
search's first step, and the kind whose loss is less on the examples apart is trained from then on.
Where it still learns at its end, networks get twice the epochs, and twice again, as far as that
helps. What sizes are compared on has no part in either.
"""

import dataclasses
import math
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from latentsweep.data.kind import spread
from latentsweep.evaluation.alarms import still_falls
from latentsweep.evaluation.evaluate import no_latent_losses
from latentsweep.pipeline.observer import Observer
from latentsweep.pipeline.plan import Member, price_of_network
from latentsweep.pipeline.train import LOOKED_AT, train
from latentsweep.pipeline.work import Work
from latentsweep.record.folder import RunFolder
from latentsweep.study import Init, Study

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


def with_pilot(work: Work, budget: float, given: Collection[str] = ()) -> Work:
    """The search, its networks beginning as suits the data best, and trained for long enough.

    One that goes on has what was chosen then. Networks that take more than a twentieth of the
    budget each have no pilot.

    Args:
        budget: seconds of the search.
        given: the fields that the user has set, which stay.
    """
    study = work.study
    if study.validation_folds:
        return work
    if work.folder.is_begun:
        before = work.folder.study()
        chosen = {name: getattr(before, name) for name in _CHOSEN if name not in given}
        return dataclasses.replace(work, study=study.changed(chosen))
    if price_of_network(study, work.recipe(), len(work.held_out(0))) > _SHARE * budget:
        return work
    best = _begun(work, given)
    if "epochs" not in given:
        best = _longer(work, best, _SHARE * budget)
    return dataclasses.replace(work, study=best.study)


def _begun(work: Work, given: Collection[str]) -> _Trial:
    """The trial whose beginning is the better, if there is a choice."""
    study = work.study
    if "init" in given or study.init != "pca":
        return _trial(work, study)
    random, pca = (_trial(work, _beginning(study, init, given)) for init in ("random", "pca"))
    work.observer.say(
        f"pilot   {max(study.latent_sizes)} dimensions: a network that begins as principal "
        f"components has a loss of {pca.loss:.2f}, one that begins at random {random.loss:.2f}"
    )
    return random if random.loss < pca.loss else pca


def _beginning(study: Study, init: Init, given: Collection[str]) -> Study:
    fields = beginning(init, study.hidden_size)
    return study.changed({name: value for name, value in fields.items() if name not in given})


def _longer(work: Work, trial: _Trial, seconds: float) -> _Trial:
    """The same for longer, as long as it still learns, longer helps and takes no more seconds."""
    most = _LONGER * trial.study.epochs
    while trial.falls and 2 * trial.study.epochs <= most and 2 * trial.seconds <= seconds:
        twice = {"epochs": 2 * trial.study.epochs, "patience": 2 * trial.study.patience}
        longer = _trial(work, trial.study.changed(twice))
        work.observer.say(
            f"pilot   {trial.study.epochs} epochs end with a loss of {trial.loss:.2f} that still "
            f"falls, {longer.study.epochs} with {longer.loss:.2f}"
        )
        if not longer.loss < trial.loss:
            break
        trial = longer
    return trial


def _trial(work: Work, study: Study) -> _Trial:
    """One network of such a study, trained; its loss is infinite if that fails."""
    size = max(study.latent_sizes)
    with tempfile.TemporaryDirectory(prefix="latentsweep-") as path:
        folder = RunFolder(Path(path))
        folder.write_manifest({"seconds": {}})
        alone = study.changed({"latent_sizes": (size,), "seeds": (0,)})
        train(Work(alone, work.dataset, folder, Observer()), lambda *_: None)
        seconds = folder.manifest()["seconds"]["train"]
        name = Member("elbo", size, 0).name
        facts, curve = folder.facts(name), folder.history(name)["loss"].to_numpy()
    if facts["failed_epoch"] or facts["apart_loss"] is None:
        return _Trial(study, math.inf, falls=False, seconds=seconds)
    falls = facts["kept_epoch"] == len(curve) and still_falls(curve, _no_latent(work))
    return _Trial(study, facts["apart_loss"], falls, seconds)


def _no_latent(work: Work) -> float:
    """The loss without a latent, of some of the examples that networks train on."""
    indices = work.trained_on(0)
    some = work.scaled_at(indices[spread(len(indices), LOOKED_AT)])
    return float(no_latent_losses(work.likelihood, some, some).mean())
