"""The linear model beside a run: probabilistic principal components of every size."""

import numpy as np

from latentsweep.evaluation.evaluate import SPLIT
from latentsweep.pipeline.answer import HELD_OUT, LINEAR
from latentsweep.pipeline.work import Work


def linear_curves(work: Work) -> dict[str, np.ndarray]:
    """Mean -log p of held-out examples by the number of principal components, from 0 on [folds, K].

    Nothing where the likelihood is not Gaussian.
    """
    if work.dataset.likelihood != "gaussian":
        return {}
    curves = {f"{SPLIT}/{LINEAR}": [_curve(work, 0, work.split(SPLIT))]}
    folds = range(max(work.study.validation_folds, 1))
    if len(work.held_out(0)):
        curves[f"{HELD_OUT}/{LINEAR}"] = [_curve(work, s, work.held_out(s)) for s in folds]
    return {name: np.stack(each) for name, each in curves.items()}


def _curve(work: Work, seed: int, held_out: np.ndarray) -> np.ndarray:
    return work.principal(seed).curve(work.scaled_at(held_out))
