"""What sizes are compared on: each network's measurements of the examples that it held out.

They are the validation split, or with folds those of the network's own seed.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from latentsweep.evaluation import evaluate, structure
from latentsweep.evaluation.evaluate import HELD_OUT, LINEAR
from latentsweep.evaluation.rate import units_by_class
from latentsweep.model.trained import Trained
from latentsweep.pipeline.model import load_trained
from latentsweep.pipeline.work import Work
from latentsweep.record.arrays import read_arrays, write_arrays


def hold_out(work: Work, names: Iterable[str], *, hits: bool = False) -> None:
    """Measure the named members on what they held out, if anything, where that is not done.

    Args:
        hits: also whether the nearest codes vote for an example's class, which takes longer.
    """
    for member in work.members:
        path = work.folder.member_path(member.name) / f"{HELD_OUT}.safetensors"
        indices = work.held_out(member.seed)
        if member.name not in names or not len(indices) or _is_held_out(path, hits):
            continue
        trained = load_trained(work.folder, member, work.width)
        arrays = evaluate.measured(trained, work.values_at(indices), work.study.draws, HELD_OUT)
        arrays |= _by_class(work, trained, arrays, hits=hits)
        if (linear := work.linear(member, indices)) is not None:
            arrays[f"{HELD_OUT}/{LINEAR}"] = linear
        write_arrays(path, {name: arrays[name] for name in _KEPT if name in arrays})


def _by_class(
    work: Work, trained: Trained, arrays: dict[str, np.ndarray], *, hits: bool
) -> dict[str, np.ndarray]:
    """What labels tell of a network: the units that each class uses, and the neighbours' votes."""
    labels, names = work.dataset.labels, work.dataset.label_names
    if labels is None or names is None:
        return {}
    seed = int(trained.settings.seed)
    codes, own = arrays[f"{HELD_OUT}/codes"], labels[work.held_out(seed)]
    units = units_by_class(codes, arrays[f"{HELD_OUT}/code_scales"], own, len(names))
    found: dict[str, np.ndarray] = {"units_by_class": units.astype(np.int32)}
    if hits:
        seen = work.trained_on(seed)
        train_codes, _ = evaluate.encoded(trained, work.values_at(seen))
        voted = structure.knn_hits(train_codes, labels[seen], codes, own)
        found[f"{HELD_OUT}/knn_hits"] = voted.astype(np.uint8)
    return found


def _is_held_out(path: Path, hits: bool) -> bool:
    return path.exists() and (not hits or f"{HELD_OUT}/knn_hits" in read_arrays(path))


_KEPT = (
    f"{HELD_OUT}/neg_elbo",
    f"{HELD_OUT}/mse_of_mean",
    f"{HELD_OUT}/knn_hits",
    f"{HELD_OUT}/{LINEAR}",
    "kl_per_dimension",
    "rho",
    "units_by_class",
)
