"""How the networks of a search begin: as principal components, or at random.

Where examples are few, or lie near a plane, networks that begin as principal components are the
better ones; on surfaces that bend much, wide networks that begin so may end worse than others. So
where there are enough examples, one network of each kind is trained first, of the widest size of a
search's first step, and the kind whose loss is less on the examples apart is trained from then on.
What sizes are compared on has no part in that.
"""

import dataclasses
import math
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from latentsweep.pipeline.observer import Observer
from latentsweep.pipeline.plan import Member
from latentsweep.pipeline.train import train
from latentsweep.pipeline.work import Work
from latentsweep.record.folder import RunFolder
from latentsweep.study import Init, Study

_RATES = {  # Adam's, at its peak, of one hidden layer and of several
    "random": {False: 7e-3, True: 4e-3},
    "pca": {False: 4e-3, True: 4e-3},
}
_WARM_UP = 0.1  # of the epochs, which keeps dimensions alive that begin at random


def beginning(init: Init, hidden_size: tuple[int, ...]) -> dict[str, Any]:
    """The fields of a study whose networks begin so: what suits them goes with it."""
    rate = _RATES[init][len(hidden_size) > 1]
    warm_up = _WARM_UP if init == "random" else 0.0
    return {"init": init, "learning_rate": rate, "kl_warm_up": warm_up}


def with_beginning(work: Work, given: Collection[str] = ()) -> Work:
    """The search, its networks beginning as suits the data best.

    Args:
        given: the fields that the user has set, which stay.
    """
    study, begun = work.study, work.folder.manifest_path.exists()
    if "init" in given or study.init != "pca" or study.validation_folds:
        return work
    init = work.folder.study().init if begun else _better(work, given)
    return dataclasses.replace(work, study=_beginning(study, init, given))


def _beginning(study: Study, init: Init, given: Collection[str]) -> Study:
    fields = beginning(init, study.hidden_size)
    return study.changed({name: value for name, value in fields.items() if name not in given})


def _better(work: Work, given: Collection[str]) -> Init:
    """The kind of beginning whose network does better on the examples apart."""
    random, pca = (_loss(work, _beginning(work.study, init, given)) for init in ("random", "pca"))
    work.observer.say(
        f"pilot   {max(work.study.latent_sizes)} dimensions: a network that begins as principal "
        f"components has a loss of {pca:.2f}, one that begins at random {random:.2f}"
    )
    return "random" if random < pca else "pca"


def _loss(work: Work, study: Study) -> float:
    """The loss of one such network on the examples apart, infinite for one that fails."""
    size = max(study.latent_sizes)
    with tempfile.TemporaryDirectory(prefix="latentsweep-") as path:
        folder = RunFolder(Path(path))
        folder.write_manifest({"seconds": {}})
        alone = study.changed({"latent_sizes": (size,), "seeds": (0,)})
        train(Work(alone, work.dataset, folder, Observer()), lambda *_: None)
        facts = folder.facts(Member("elbo", size, 0).name)
        loss = facts["apart_loss"]
        return math.inf if loss is None or facts["failed_epoch"] else loss
