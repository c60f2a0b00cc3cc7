"""The blocks of a measurement: each says of which networks it can be made, and what it gives.

A block's arrays are `members/NAME/<block>.safetensors`, its columns of the results
`members/NAME/<block>.json`. That of the terms, `arrays`, comes first: the
others need its codes. What a column is called and means stands in `record/columns.py`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from latentsweep.data.splits import HELD_OUT, SPLIT
from latentsweep.evaluation import evaluate, generation, likelihood, structure
from latentsweep.evaluation.evaluate import LINEAR
from latentsweep.evaluation.rate import units_by_class
from latentsweep.evaluation.reconstruction import ssim
from latentsweep.evaluation.regularity import midpoints, regularity
from latentsweep.evaluation.yardsticks import Yardsticks
from latentsweep.model.likelihoods import Bernoulli
from latentsweep.model.trained import Trained
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member

TERMS, VOTES = "arrays", "votes"
MANY_DRAWS, FEW_DRAWS = 5000, 500
DIGITS_SEEN = 0.8  # the scorer's probability that makes a decoded place of the grid a digit

Columns = dict[str, Any]
Arrays = dict[str, np.ndarray]


class Subject(NamedTuple):
    """A network that is measured, and what is at hand: `arrays` are those of a block by name."""

    experiment: Experiment
    yardsticks: Yardsticks
    member: Member
    trained: Trained
    bounds: Mapping[str, Any]
    arrays: Callable[[str], Arrays]


class Block(NamedTuple):
    """A part of the measurement: its name, whether it applies to a network, and how it is made.

    What needs the terms is made only of networks whose training and terms are sound.
    """

    name: str
    make: Callable[[Subject], tuple[Columns, Arrays]]
    applies: Callable[[Experiment, Member], bool] = lambda *_: True
    needs_terms: bool = True


def _terms(subject: Subject) -> tuple[Columns, Arrays]:
    """Per-example terms of the objective and the bound, units in use, decodes, the grid."""
    experiment, trained, draws = subject.experiment, subject.trained, subject.experiment.study.draws
    values = experiment.values(experiment.split(SPLIT))
    arrays = evaluate.measured(trained, values, draws)
    seen = experiment.values(experiment.trained_on(subject.member.seed))
    arrays |= evaluate.stationarity(trained, seen)
    shown = experiment.shown_values()
    decoded = evaluate.decoded_mean(trained, shown)
    arrays["shown/decodes"] = experiment.as_shown(decoded)
    if experiment.dataset.is_image:
        sample = evaluate.decoded_sample(trained, shown, experiment.shown, draws)
        arrays["shown/ssim_of_mean"] = _ssim(experiment, decoded)
        arrays["shown/ssim_of_sample"] = _ssim(experiment, sample)
    if subject.member.latent_size > 1:
        dimensions = evaluate.grid_dimensions(arrays["kl_per_dimension"])
        decodes = experiment.as_shown(evaluate.decoded_grid(trained, dimensions))
        arrays |= {"grid/decodes": decodes, "grid/dimensions": np.array(dimensions, np.int32)}
    columns: Columns = evaluate.summary_row(arrays, subject.bounds["entropy_floor"])
    linear = experiment.linear(subject.member, experiment.split(SPLIT))
    if linear is not None:
        arrays[f"{SPLIT}/{LINEAR}"] = linear
    columns[LINEAR] = np.nan if linear is None else float(linear.mean())
    if experiment.dataset.is_image:
        factor = experiment.dataset.scale.factor
        assert isinstance(factor, float), factor  # one, of all pixels
        columns |= evaluate.picture_row(arrays, factor / experiment.dataset.white)
    columns["ablation"] = evaluate.ablation(trained, values, arrays, draws)
    return columns, arrays


def _ssim(experiment: Experiment, decoded: np.ndarray) -> np.ndarray:
    """SSIM of decoded shown examples [E, D] with their originals."""
    data = experiment.dataset
    originals = data.scale(experiment.shown_values(), np.float32)
    pair = (data.in_whites(x).reshape(-1, *data.item_shape) for x in (originals, decoded))
    return ssim(*pair).astype(np.float32)


_KEPT = ("neg_elbo", "mse_of_mean")


def _held_out(subject: Subject) -> tuple[Columns, Arrays]:
    """What sizes are compared on: the examples that a network held out."""
    experiment, trained, seed = subject.experiment, subject.trained, subject.member.seed
    indices = experiment.held_out(seed)
    found = evaluate.measured(trained, experiment.values(indices), experiment.study.draws, HELD_OUT)
    kept = [f"{HELD_OUT}/{name}" for name in _KEPT]
    arrays = {name: found[name] for name in (*kept, "kl_per_dimension", "rho")}
    labels, names = experiment.dataset.labels, experiment.dataset.label_names
    if labels is not None and names is not None:
        codes, scales = found[f"{HELD_OUT}/codes"], found[f"{HELD_OUT}/code_scales"]
        units = units_by_class(codes, scales, labels[indices], len(names))
        arrays["units_by_class"] = units.astype(np.int32)
    if (linear := experiment.linear(subject.member, indices)) is not None:
        arrays[f"{HELD_OUT}/{LINEAR}"] = linear
    return {}, arrays


def _votes(subject: Subject) -> tuple[Columns, Arrays]:
    """Whether the nearest codes vote for the class of the examples that a network held out."""
    experiment, seed, labels = subject.experiment, subject.member.seed, _labels(subject.experiment)
    seen, own = experiment.trained_on(seed), experiment.held_out(seed)
    codes, held_out = (
        evaluate.encoded(subject.trained, experiment.values(each))[0] for each in (seen, own)
    )
    voted = structure.knn_hits(codes, labels[seen], held_out, labels[own])
    return {}, {f"{HELD_OUT}/knn_hits": voted.astype(np.uint8)}


def _labels(experiment: Experiment) -> np.ndarray:
    assert experiment.dataset.labels is not None
    return experiment.dataset.labels


def _structure(subject: Subject) -> tuple[Columns, Arrays]:
    """How faithful and how clustered the codes are."""
    experiment, yardsticks = subject.experiment, subject.yardsticks
    train, _ = evaluate.encoded(subject.trained, experiment.values(experiment.split("train")))
    codes = subject.arrays(TERMS)[f"{SPLIT}/codes"]
    near = structure.nearest(codes[experiment.chosen], structure.NEIGHBOURS)
    columns, arrays = yardsticks.structure(train, codes)
    return columns, {"projected/neighbours": near.astype(np.int32), **arrays}


def _regularity(subject: Subject) -> tuple[Columns, Arrays]:
    """How smooth the decoder is, and of digits what lies between two codes."""
    trained, yardsticks, terms = subject.trained, subject.yardsticks, subject.arrays(TERMS)
    codes, scales = terms[f"{SPLIT}/codes"], terms[f"{SPLIT}/code_scales"]
    columns = dict(regularity(trained, codes, scales)._asdict())
    if yardsticks.scorer is None:
        return columns, {}
    middle = evaluate.decoded(trained, midpoints(codes, *yardsticks.pairs))
    columns["midpoint_confident"] = yardsticks.confident(middle)
    if subject.member.latent_size != 2:
        return columns, {}
    grid = evaluate.decoded_grid(trained).reshape(evaluate.GRID_SIDE**2, -1)
    seen = yardsticks.probabilities(grid)
    sure = seen.argmax(axis=1)[seen.max(axis=1) >= DIGITS_SEEN]
    columns |= {"grid_classes": len(set(sure)), "grid_confident": len(sure) / len(seen)}
    return columns, {"grid/probabilities": seen.astype(np.float32)}


def _generation(subject: Subject) -> tuple[Columns, Arrays]:
    """How good samples are, drawn from the prior and from a Gaussian fitted to the codes."""
    experiment, yardsticks = subject.experiment, subject.yardsticks
    seen = experiment.values(experiment.split("train"))
    mean, factor = generation.fitted_gaussian(*evaluate.encoded(subject.trained, seen))
    shape = (subject.member.latent_size, len(yardsticks.real.test))
    noise = np.random.default_rng(subject.member.seed).standard_normal(shape).T
    columns = {}
    for name, codes in (("prior", noise), ("fitted", mean + noise @ factor)):
        made = yardsticks.features(evaluate.decoded(subject.trained, codes.astype(np.float32)))
        quality = generation.quality(yardsticks.real, made)
        columns |= {f"{name}_{measure}": value for measure, value in quality._asdict().items()}
    return columns, {}


def _likelihood(subject: Subject) -> tuple[Columns, Arrays]:
    """Tighter bounds of -log p than the -ELBO: by importance weighting, in small spaces exact."""
    experiment, trained = subject.experiment, subject.trained
    seen, chosen = (
        experiment.values(experiment.split(SPLIT)),
        subject.yardsticks.likelihood_examples,
    )
    grey = isinstance(trained.likelihood, Bernoulli) and experiment.study.binarisation == "none"
    binary = experiment.binary(seen) if grey else seen
    source, wide = likelihood.better_proposal(trained, binary, seen)
    bound = partial(likelihood.importance_weighted, trained, wide=wide)
    many = bound(binary[chosen], source[chosen], MANY_DRAWS)
    few = bound(binary, source, FEW_DRAWS)
    columns = {
        "iw_nll": _mean(many.neg_log_likelihood),
        "iw_gain": _mean(many.early) - _mean(many.neg_log_likelihood),
        "iw_effective": float(np.quantile(many.effective, 0.01)),
        "iw_nll_all": _mean(few.neg_log_likelihood),
    }
    arrays = {
        "examples": chosen.astype(np.int32),
        "iw_nll": many.neg_log_likelihood,
        "iw_effective": many.effective,
        "test/iw_nll": few.neg_log_likelihood,
    }
    if subject.member.latent_size <= 2 and isinstance(trained.likelihood, Bernoulli):
        exact = likelihood.quadrature(trained, binary[chosen])
        columns["exact_nll"] = _mean(exact.neg_log_likelihood)
        arrays["exact_nll"] = exact.neg_log_likelihood
    return columns, arrays


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64))


def _holds_out(experiment: Experiment, member: Member) -> bool:
    return len(experiment.held_out(member.seed)) > 0


def _holds_out_labels(experiment: Experiment, member: Member) -> bool:
    return experiment.dataset.labels is not None and _holds_out(experiment, member)


BLOCKS = {
    block.name: block
    for block in (
        Block(TERMS, _terms, needs_terms=False),
        Block(HELD_OUT, _held_out, _holds_out, needs_terms=False),
        Block(VOTES, _votes, _holds_out_labels, needs_terms=False),
        Block("structure", _structure),
        Block("regularity", _regularity),
        Block("generation", _generation),
        Block("likelihood", _likelihood),
    )
}
BASIC = (TERMS, HELD_OUT)
FURTHER = ("structure", "regularity", "generation", "likelihood")
