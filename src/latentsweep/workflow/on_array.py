"""One network, trained on an array in memory: no run folder, no split, nothing measured.

It is what the same study trains on the same examples. Compiled programs are kept within the
process, since a search over other parameters fits many times on arrays of the same shape.
"""

import math
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from latentsweep.data.catalogue import load_dataset
from latentsweep.data.dataset import Scale
from latentsweep.data.kind import spread
from latentsweep.evaluation.evaluate import no_latent_losses
from latentsweep.model import family
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.principal import Principal, principal
from latentsweep.model.trained import Trained
from latentsweep.record.folder import RunFolder
from latentsweep.study import Study
from latentsweep.training import fit
from latentsweep.training.cost import footprint
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member, shape_of
from latentsweep.training.orders import Recipe, recipe_of
from latentsweep.training.placement import available, fitting, on_all
from latentsweep.training.plan import planned_passes
from latentsweep.training.program_cache import kept_programs
from latentsweep.training.programs import Programs, compiled
from latentsweep.training.supply import Held
from latentsweep.workflow.executors import Local
from latentsweep.workflow.pilot import with_pilot
from latentsweep.workflow.search import Ask, find, suited
from latentsweep.workflow.train import LOOKED_AT

_SCALED = Scale(0.0, 1.0)
_LEAST_WIDTH = 8


@dataclass(frozen=True)
class Alone:
    """A trained network, its loss [T] after each epoch, and the epoch in which it failed, or 0.

    `principal` are the principal components of the same examples, for a Gaussian likelihood.
    """

    trained: Trained
    loss: np.ndarray
    failed_epoch: int
    principal: Principal | None = None


def train_alone(study: Study, seed: int, scaled: np.ndarray, rounding: float = 0.0) -> Alone:
    """A network trained on scaled examples [N, D], float32, and its weights as NumPy arrays.

    It is padded to a latent width that many sizes share, so that they share their programs.

    Args:
        study: of one latent size, with a likelihood that is named.
        rounding: the least variance of a Gaussian.
    """
    latent_size, likelihood = study.latent_sizes[0], LIKELIHOODS[study.likelihood]
    settings = Member("elbo", latent_size, seed).settings(study, scaled.shape[1], rounding)
    neutral = study.changed(
        {"kl_weight": 1.0, "split_seed": 0, "latent_sizes": _width(latent_size)}
    )
    programs = _programs(_Kind(neutral, *scaled.shape))
    components = principal(scaled, rounding) if study.likelihood == "gaussian" else None
    with_data = replace(
        programs,
        data=Held(on_all(scaled, programs.mesh)),
        principals=(lambda _: components) if study.init == "pca" else None,
    )
    with tempfile.TemporaryDirectory(prefix="latentsweep-") as folder:
        members, some = family.stacked([settings]), scaled[spread(len(scaled), LOOKED_AT)]
        nothing = no_latent_losses(likelihood, some, some)[np.newaxis]
        (outcome,) = fit.fit_soundly(
            with_data, members, study.epochs, Path(folder), lambda *_: None, nothing
        )
    trained = Trained(outcome.vae, settings, likelihood, jnp.asarray(outcome.shared), _SCALED)
    loss = outcome.reconstruction + outcome.penalty
    here = jax.tree.map(np.asarray, trained)
    return Alone(here, loss, outcome.failed_epoch, components)


def searched(
    study: Study, scaled: np.ndarray, given: tuple[str, ...], budget: float
) -> tuple[dict[str, Any], Study]:
    """What `latentsweep recommend` says of scaled examples, and the study that its networks had.

    It searches in a folder that goes again.

    Args:
        given: the fields that the user has set.
    """
    with tempfile.TemporaryDirectory(prefix="latentsweep-") as folder, kept_programs():
        path, run = Path(folder) / "X.npy", RunFolder(Path(folder) / "run")
        np.save(path, scaled)
        named = study.changed({"data": str(path), "scale": "none"})
        experiment = Experiment(*suited(named, load_dataset(named), given, budget))
        here = with_pilot(Local(run, experiment), budget, given)
        found = find(here, Ask(budget=budget), command="latentsweep.VAE")
        return found.json, here.experiment.study


def _width(latent_size: int) -> int:
    """The next power of two, or 8."""
    return max(_LEAST_WIDTH, 2 ** math.ceil(math.log2(latent_size)))


@dataclass(frozen=True)
class _Kind:
    """All that the compiled programs of a training depend on; the study's size is the width."""

    study: Study
    examples: int
    features: int

    def recipe(self) -> Recipe:
        likelihood, (width,) = LIKELIHOODS[self.study.likelihood], self.study.latent_sizes
        shape = shape_of(self.study, (self.features,), likelihood, width)
        return recipe_of(self.study, shape, likelihood, _SCALED, self.examples)


@lru_cache(maxsize=16)
def _programs(kind: _Kind) -> Programs:
    """The programs of a training, without its data."""
    recipe, zeros = kind.recipe(), np.zeros((kind.examples, kind.features), np.float32)
    placement, at_once = fitting(available(), footprint(recipe, zeros.nbytes))
    (plan,) = planned_passes(["alone"], kind.study, recipe, placement, at_once)
    mesh = placement.mesh(1)
    settings = Member("elbo", kind.study.latent_sizes[0], 0).settings(kind.study, kind.features)
    with kept_programs():
        data = Held(on_all(zeros, mesh))
        kinds = [(family.stacked([settings]), data, mesh)]
        (programs,) = compiled(plan.recipe(recipe), plan.mapping, kinds)
    return replace(programs, data=Held(data.values[:0]))
