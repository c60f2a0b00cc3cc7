"""What a size's mean loss is worth: replicates with other examples and other trainings.

Examples are drawn anew by the bootstrap, the same draw for every network that was measured on
them. What differs from training to training is read from the residuals of

    mean loss of (size, seed) = effect of the size + effect of the seed + residual,

whose variance is pooled over sizes that are near each other, but for those whose networks differ by
far more than the others' do, and drawn from Student's t with as
many degrees of freedom as there are residuals beyond the effects. Part of it is what a network has
of its own on each example, which the bootstrap shows as well: there it is taken out, so that it
counts once, and as noise of training, which more seeds average out.

Where each seed has a fold of the examples to itself (`Losses.folds`), its residuals hold the noise
of the examples too, since they are other examples than the next seed's. So each fold is drawn anew
by itself (deviations times sqrt(N / (N - 1)), which matters for folds of few examples), and the
variance that this leaves in the residuals, on average, is taken off theirs: no noise counts twice.
Folds are taken as independent, though two of them share most of what they were trained on.

Examples that come in groups (`Losses.groups`) are drawn anew a whole group at a time, since those
of one group are alike. There are often too few groups for a bootstrap, which shows (G - 1) / G of
their variance and none of how little that is known by: each replicate weighs what every group adds
to the means by a normal number, and their sum by sqrt(G / (G - 1)) and Student's t of G - 1.

References:
    Cameron, Gelbach & Miller (2008), Bootstrap-based improvements for inference with clustered
    errors, Review of Economics and Statistics 90:414, on weights by group and t of G - 1.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import f

from latentsweep.answers.losses import Losses
from latentsweep.answers.statistics import Additive, additive, example_means

_ODD = 1e-3


class Draws(NamedTuple):
    """Replicates of each size's loss, of the loss without a latent, and their plain values.

    `quiet` are replicates as more seeds would leave them: with the noise of other examples alone.
    """

    effects: Float[np.ndarray, " K"]
    no_latent: float
    freedom: int
    replicates: Float[np.ndarray, "count K"]
    quiet: Float[np.ndarray, "count K"]
    no_latents: Float[np.ndarray, " count"]


def means(losses: Losses) -> Float[np.ndarray, " cells"]:
    """Mean losses of the networks that there are."""
    return losses.values[losses.present].mean(axis=1, dtype=np.float64)


def without_latent(losses: Losses, effects: Float[np.ndarray, " K"]) -> float:
    """The mean loss without a latent, or that of the smallest size."""
    none = _no_latent_rows(losses)
    return float(effects[0] if none is None else none.mean(dtype=np.float64))


def drawn(
    losses: Losses,
    design: Additive,
    near: Bool[np.ndarray, " K"],
    count: int,
    rng: np.random.Generator,
) -> Draws:
    """So many replicates of the sizes' losses.

    Args:
        near: the sizes that share their spread from training to training.
    """
    of_examples, without = _examples_anew(losses, count, rng)
    spread, freedom = _spread(losses, design, near, of_examples)
    heavy = np.sqrt(freedom / rng.chisquare(freedom, (count, 1))) if freedom else 0.0
    noise = rng.standard_normal(of_examples.shape) * spread * heavy
    of_seeds = _of_seeds(losses.of_sizes(near), count, rng)
    quiet = _examples_alone(losses, design, near, of_examples)
    counted_once = losses.folds == 1 and freedom > 0
    alone = quiet if counted_once else of_examples @ design.weights.T
    replicates = alone + noise @ design.weights.T + of_seeds
    effects = design.weights @ means(losses)
    no_latents = replicates[:, 0] if without is None else without
    no_latent = without_latent(losses, effects)
    return Draws(effects, no_latent, freedom, replicates, quiet, no_latents)


def _no_latent_rows(losses: Losses) -> Float[np.ndarray, "*seeds N"] | None:
    """The losses without a latent: one row, or with folds one for each seed that has a network."""
    rows = losses.no_latent_of_seeds
    if rows is None or losses.folds == 1:
        return losses.no_latent
    return rows[losses.present.any(axis=0)]


def _examples_anew(
    losses: Losses, count: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "count cells"], Float[np.ndarray, " count"] | None]:
    """Each network's mean loss over examples drawn anew, and the mean loss without a latent."""
    cells, none = losses.values[losses.present], _no_latent_rows(losses)
    together = cells if none is None else np.vstack([cells, none])
    if losses.groups is not None and len(np.unique(losses.groups)) > 1:
        again = _by_group(together, losses.groups, count, rng)
    elif losses.folds == 1:
        again = example_means(together, count, rng)
    else:
        again = _by_fold(together, _folds_of_rows(losses, none is not None), count, rng)
    return again[:, : len(cells)], None if none is None else again[:, len(cells) :].mean(axis=1)


def _folds_of_rows(losses: Losses, with_none: bool) -> Float[np.ndarray, " rows"]:
    """The fold of each network, and of each row without a latent."""
    present, folds = losses.present, losses.fold_of_seeds
    of_cells = folds[present.nonzero()[1]]
    return np.concatenate([of_cells, folds[present.any(axis=0)]]) if with_none else of_cells


def _by_fold(
    rows: Float[np.ndarray, "rows N"],
    folds: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "count rows"]:
    """Each row's mean over examples drawn anew, one draw for the rows of a fold."""
    centre, examples = rows.mean(axis=1, dtype=np.float64), rows.shape[1]
    again = np.empty((count, len(rows)))
    for fold in np.unique(folds):
        again[:, folds == fold] = example_means(rows[folds == fold], count, rng)
    return centre + (again - centre) * np.sqrt(examples / max(examples - 1, 1))


def _by_group(
    rows: Float[np.ndarray, "rows N"],
    groups: Int[np.ndarray, " N"],
    count: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "count rows"]:
    """Each row's mean over groups of examples drawn anew, one draw for all rows."""
    centre = rows.mean(axis=1, dtype=np.float64)
    rest = (rows - centre[:, None]) / rows.shape[1]
    added = np.stack([rest[:, groups == each].sum(axis=1) for each in np.unique(groups)])
    freedom = len(added) - 1
    scale = np.sqrt((freedom + 1) / rng.chisquare(freedom, (count, 1)))
    return centre + scale * (rng.standard_normal((count, freedom + 1)) @ added)


def _examples_alone(
    losses: Losses,
    design: Additive,
    near: Bool[np.ndarray, " K"],
    of_examples: Float[np.ndarray, "count cells"],
) -> Float[np.ndarray, "count K"]:
    """What other examples alone make of each size's loss, however many seeds there are.

    On an example a size has something of its own, and so has each network; the latter more seeds
    average out. Each size's distance from the mean of those near the best is drawn in by its share
    of the variance. If nothing tells the two apart (no two networks of a size share examples), the
    seeds are given the benefit.
    """
    effects = design.weights @ means(losses)
    apart = _of_networks(losses.of_sizes(near))
    apart = _of_networks(losses) if np.isnan(apart) else apart
    if np.isnan(apart):
        return np.broadcast_to(effects, (len(of_examples), len(effects)))
    again = of_examples @ design.weights.T - effects
    common = again[:, near].mean(axis=1, keepdims=True)
    weights = design.weights - design.weights[near].mean(axis=0)
    of_networks = apart / losses.values.shape[2] * np.sum(weights**2, axis=1)
    variance = np.maximum(np.var(again - common, axis=0), np.finfo(np.float64).tiny)
    left = np.sqrt(np.maximum(1 - of_networks / variance, 0))
    return effects + common + left * (again - common)


def _of_networks(losses: Losses) -> float:
    """The variance, from network to network, of what one has of its own on an example; or NaN.

    That is of the residuals of an additive fit, example by example, of the networks of a fold.
    """
    squares, freedom, folds = 0.0, 0, losses.fold_of_seeds
    for fold in np.unique(folds):
        some = losses.values[:, folds == fold]
        present = ~np.isnan(some[:, :, 0])
        kept = present.any(axis=1)
        design, cells = additive(present[kept]), some[present]
        if design.freedom < 1:
            continue
        rest = cells - design.fitted @ cells
        rest -= rest.mean(axis=1, keepdims=True)
        squares += np.sum(rest**2, dtype=np.float64) / (cells.shape[1] - 1)
        freedom += design.freedom
    return squares / freedom if freedom else np.nan


def _of_seeds(losses: Losses, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count 1"]:
    """Replicates of what the seeds, on average, add to every size: other seeds add another.

    No difference of sizes hangs on it, but one from a target or from the model without a latent.
    What a fold's examples add to that model too is no noise of the seeds.
    """
    (rows, columns), of_cells = losses.present.nonzero(), means(losses)
    design = additive(losses.present)
    added = design.fitted @ of_cells - (design.weights @ of_cells)[rows]
    none = losses.no_latent_of_seeds
    if none is not None and losses.folds > 1:
        added = added - none.mean(axis=1)[columns]
    seeds = [added[columns == seed].mean() for seed in np.unique(columns)]
    if len(seeds) < 2:
        return np.zeros((count, 1))
    error = np.std(seeds, ddof=1) / np.sqrt(len(seeds))
    return error * rng.standard_t(len(seeds) - 1, (count, 1))


def _spread(
    losses: Losses,
    design: Additive,
    near: Bool[np.ndarray, " K"],
    of_examples: Float[np.ndarray, "count cells"],
) -> tuple[Float[np.ndarray, " cells"], int]:
    """Each network's standard deviation from training to training, and its degrees of freedom.

    Sizes near the best share one, the others another, each from an additive fit of their own.
    """
    present = losses.present
    rows = present.nonzero()[0]
    spread, freedom = np.full(len(rows), np.nan), 0
    for group in (near, ~near):
        if group[rows].any():
            of_group, alike = _alike(losses, group, of_examples)
            spread[group[rows]] = of_group
            freedom = additive(present[alike]).freedom if group is near else freedom
    known, whole = spread[near[rows]], np.nan_to_num(_residual(losses, of_examples))
    spread = np.where(np.isnan(spread), np.nanmax(spread, initial=whole), spread)
    return spread, max(design.freedom, 0) if np.isnan(known).any() else freedom


def _alike(
    losses: Losses, group: Bool[np.ndarray, " K"], of_examples: Float[np.ndarray, "count cells"]
) -> tuple[Float[np.ndarray, " cells"], Bool[np.ndarray, " K"]]:
    """The spread of each network of a group of sizes, and the sizes that share one.

    A size whose networks differ by more than those of the others do, as a test of variances has it
    at 0.1 % for all of them, has a spread of its own: one bad training is no noise of all sizes.
    """
    rows = losses.present.nonzero()[0]
    alike, own = group.copy(), {}
    while (odd := _odd_one(losses, alike)) is not None:
        place, own[place] = odd[0], odd[1]
        alike[place] = False
    shared = _residual(losses.of_sizes(alike), of_examples[:, alike[rows]])
    spread = np.array([own.get(row, shared) for row in rows[group[rows]]])
    return np.fmax(spread, shared), alike


def _odd_one(losses: Losses, alike: Bool[np.ndarray, " K"]) -> tuple[int, float] | None:
    """The size whose networks differ by far more than those of the others, and by how much."""
    places = np.flatnonzero(alike)
    square, freedom = _squares(losses.of_sizes(alike))
    found = []
    for place in places:
        others = alike.copy()
        others[place] = False
        rest, left = _squares(losses.of_sizes(others))
        if left > 0 and freedom > left and rest > 0:
            own = max(square - rest, 0.0) / (freedom - left)
            p_value = f.sf(own / (rest / left), freedom - left, left)
            found.append((p_value, int(place), float(np.sqrt(own))))
    p_value, place, own = min(found, default=(1.0, 0, 0.0))
    return (place, own) if p_value < _ODD / len(places) else None


def _squares(losses: Losses) -> tuple[float, int]:
    """The sum of squares that an additive fit of the networks' means leaves, and its freedom."""
    if not losses.present.any():
        return 0.0, 0
    design = additive(losses.present)
    rest = means(losses) - design.fitted @ means(losses)
    return float(rest @ rest), design.freedom


def _residual(losses: Losses, of_examples: Float[np.ndarray, "count cells"]) -> float:
    """Standard deviation of the means of these sizes' networks around an additive fit.

    With folds without what other examples alone would give.
    """
    design, (square, freedom) = additive(losses.present), _squares(losses)
    if freedom < 1:
        return np.nan
    variance = square / freedom
    if losses.folds > 1:
        moved = of_examples - means(losses)
        rests = moved - moved @ design.fitted.T
        variance -= np.mean(np.sum(rests**2, axis=1)) / design.freedom
    return float(np.sqrt(max(variance, 0.0)))
