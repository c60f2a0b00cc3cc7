"""What a run's manifest says when it begins: versions, device, data, members."""

import dataclasses
import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from latentsweep.data.catalogue import known_as
from latentsweep.data.dataset import Dataset
from latentsweep.data.splits import SPLIT
from latentsweep.evaluation.evaluate import data_bounds
from latentsweep.study import Study
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member, code_of
from latentsweep.training.placement import available, cores


def manifest_of(experiment: Experiment, members: Sequence[Member], command: str) -> dict[str, Any]:
    """The manifest of a run that begins."""
    study, data, likelihood = experiment.study, experiment.dataset, experiment.likelihood
    return {
        "status": "running",
        "command": command,
        "versions": versions(),
        "device": _device(),
        "data": _data(data),
        "code": code_of(study, data.item_shape, likelihood),
        "bounds": data_bounds(
            likelihood, *(experiment.scaled(experiment.split(s)) for s in ("train", SPLIT))
        ),
        "members": [settings_of(study, member) for member in members],
        "seconds": {},
    }


def versions() -> dict[str, str]:
    """The versions that numbers may depend on."""
    return {
        "latentsweep": version("latentsweep"),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
    }


def _device() -> dict[str, Any]:
    devices = available().devices
    return {
        **{"kind": devices[0].platform, "name": devices[0].device_kind},
        "count": len(devices),
        "cores": cores(),
    }


def _data(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "source": dataset.source,
        "known_as": known_as(dataset.values),
        "hash": dataset.hash,
        "hash_of": "a sample" if dataset.is_large else "all",
        "item_shape": list(dataset.item_shape),
        "splits": {name: len(indices) for name, indices in dataset.splits.items()},
        "measured": {name: len(dataset.measured(i)) for name, i in dataset.splits.items()},
        "label_names": None if dataset.label_names is None else list(dataset.label_names),
        "image": dataset.is_image,
        "white": dataset.white if dataset.is_image else None,
        "likelihood": dataset.likelihood,
        "rounding": dataset.rounding,
        "columns": None if dataset.columns is None else list(dataset.columns),
        "origin": dataset.origin,
        "scale": dataclasses.asdict(dataset.scale),
    }


def settings_of(study: Study, member: Member) -> dict[str, Any]:
    """A member's full settings: the study's, its own in the place of the lists."""
    shared = study.model_dump(exclude={"name", "description", *_LISTED})
    variant = study.variant(member.objective)
    own = {"kl_weight": variant.kl_weight, "kl_warm_up": variant.kl_warm_up}
    return {"name": member.name, **dataclasses.asdict(member), **own, **shared}


_LISTED = "latent_sizes", "objectives", "seeds", "kl_weight", "kl_warm_up"
