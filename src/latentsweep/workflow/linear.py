"""The linear model beside a run: probabilistic principal components, or linear decoders."""

from collections.abc import Mapping

import numpy as np

from latentsweep.data.splits import HELD_OUT, SPLIT
from latentsweep.evaluation.evaluate import LINEAR
from latentsweep.record.folder import RunFolder
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member, members_in


def linear_curves(experiment: Experiment) -> dict[str, np.ndarray]:
    """Mean -log p of held-out examples by the number of principal components, from 0 on [folds, K].

    Nothing where the likelihood is not Gaussian.
    """
    if experiment.dataset.likelihood != "gaussian":
        return {}
    curves = {f"{SPLIT}/{LINEAR}": [_curve(experiment, 0, experiment.split(SPLIT))]}
    folds = range(max(experiment.study.validation_folds, 1))
    if len(experiment.held_out(0)):
        curves[f"{HELD_OUT}/{LINEAR}"] = [
            _curve(experiment, s, experiment.held_out(s)) for s in folds
        ]
    return {name: np.stack(each) for name, each in curves.items()}


def linear_losses(
    folder: RunFolder, arrays: Mapping[Member, Mapping[str, np.ndarray]], values: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """The linear models' losses beside the networks' [K, S, N], and their means by size, if known.

    Args:
        arrays: the members' measurements of what they are compared on.
        values: the networks' losses, NaN where there is none.
    """
    sizes = sorted({member.latent_size for member in arrays})
    seeds = sorted({member.seed for member in arrays})
    found = np.full(values.shape, np.nan)
    losses = {m: each[LINEAR] for m, each in arrays.items() if LINEAR in each}
    for member, each in (losses or _rivals(folder)).items():
        if member in arrays:
            found[sizes.index(member.latent_size), seeds.index(member.seed)] = each
    found[np.isnan(values)] = np.nan
    curve = folder.no_latent(f"{split_of(folder)}/{LINEAR}")
    return found, None if curve is None else curve.mean(axis=0)


def split_of(folder: RunFolder) -> str:
    """What sizes are chosen on: "validation" if a split, or folds, were held out for that."""
    held_out = HELD_OUT in folder.manifest()["data"]["splits"] or folder.study().validation_folds
    return HELD_OUT if held_out else "test"


def rivals_of(folder: RunFolder) -> RunFolder:
    """The folder of a search's networks with a linear decoder."""
    return RunFolder(folder.path / LINEAR)


def _rivals(folder: RunFolder) -> dict[Member, np.ndarray]:
    """The held-out losses of the networks with a linear decoder that stand beside a search."""
    beside = rivals_of(folder)
    if not beside.manifest_path.exists():
        return {}
    members = members_in(beside, beside.study())
    there = [m for m in members if (beside.member_path(m.name) / "validation.safetensors").exists()]
    return {m: beside.block(m.name, HELD_OUT)[f"{HELD_OUT}/neg_elbo"] for m in there}


def _curve(experiment: Experiment, seed: int, held_out: np.ndarray) -> np.ndarray:
    return experiment.principal(seed).curve(experiment.scaled(held_out))
