"""The examining stage: what is told of networks beyond their table of results.

Four blocks a network, each with its columns of the results and its file of arrays. A block that the
results have is not made again, so an interrupted stage goes on where it was.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from latentsweep.evaluation import evaluate, generation, likelihood, structure
from latentsweep.evaluation.evaluate import SPLIT
from latentsweep.evaluation.regularity import midpoints, regularity
from latentsweep.model.likelihoods import Bernoulli
from latentsweep.model.trained import Trained
from latentsweep.pipeline.measure import results_so_far, with_row
from latentsweep.pipeline.model import load_trained
from latentsweep.pipeline.plan import Member
from latentsweep.pipeline.work import Work
from latentsweep.pipeline.yardsticks import Yardsticks
from latentsweep.record.arrays import write_arrays

MANY_DRAWS, FEW_DRAWS = 5000, 500
DIGITS_SEEN = 0.8  # the scorer's probability that makes a decoded place of the grid a digit


class Block(NamedTuple):
    """One part of the evaluation: its name, a column that says it is done, and how it is made."""

    name: str
    column: str
    make: Callable[[Work, Yardsticks, Member, Trained], tuple[dict, dict[str, np.ndarray]]]


def examine(work: Work, *, every_seed: bool, again: bool) -> None:
    """Add what is missing of the blocks to the results, and write what belongs to the data.

    Args:
        every_seed: bound the likelihood of all seeds' networks, not of the first seed's alone.
        again: make anew what is there.
    """
    yardsticks = Yardsticks(work)
    todo = list(_todo(work, every_seed=every_seed, again=again))
    work.observer.stage("evaluating", len(todo) + 3)
    if again or not work.folder.yardsticks_path.exists():
        work.folder.write_yardsticks(yardsticks.facts())
    work.observer.advance(1)
    if again or not work.folder.baselines_path.exists():
        work.folder.write_baselines(*yardsticks.baselines())
    work.observer.advance(2)
    for done, (member, block) in enumerate(todo, start=1):
        trained = load_trained(work.folder, member, work.width)
        columns, arrays = block.make(work, yardsticks, member, trained)
        if arrays:
            write_arrays(work.folder.member_path(member.name) / f"{block.name}.safetensors", arrays)
        row = {"member": member.name, **columns}
        table = with_row(results_so_far(work), row, work.members)
        work.folder.write_results(table)
        work.observer.advance(2 + done)
    work.folder.write_similarities(_similarities(work))
    work.observer.advance(len(todo) + 3)


def left_out(work: Work) -> list[str]:
    """The trained members whose likelihood is not bounded by importance weighting."""
    results = results_so_far(work)
    missing = results.get("iw_nll", pd.Series(np.nan, results.index)).isna()
    return list(results.loc[missing & (results["status"] == "ok"), "member"])


def _todo(work: Work, *, every_seed: bool, again: bool) -> Iterator[tuple[Member, Block]]:
    rows = {row["member"]: row for row in results_so_far(work).to_dict("records")}
    for member in work.members:
        row = rows.get(member.name, {"status": "untrained"})
        if row["status"] != "ok":
            continue
        for block in BLOCKS:
            if block.name == "likelihood" and not every_seed and member.seed != work.study.seeds[0]:
                continue
            if again or np.isnan(row.get(block.column, np.nan)):
                yield member, block


def _structure(
    work: Work, yardsticks: Yardsticks, member: Member, trained: Trained
) -> tuple[dict, dict[str, np.ndarray]]:
    train, _ = evaluate.encoded(trained, work.values("train"))
    codes = work.folder.arrays(member.name)[f"{SPLIT}/codes"]
    near = structure.nearest(codes[work.chosen], structure.NEIGHBOURS)
    columns, arrays = yardsticks.structure(train, codes)
    return columns, {"projected/neighbours": near.astype(np.int32), **arrays}


def _regularity(
    work: Work, yardsticks: Yardsticks, member: Member, trained: Trained
) -> tuple[dict, dict[str, np.ndarray]]:
    arrays = work.folder.arrays(member.name)
    codes, scales = arrays[f"{SPLIT}/codes"], arrays[f"{SPLIT}/code_scales"]
    columns = dict(regularity(trained, codes, scales)._asdict())
    if yardsticks.scorer is not None:
        middle = evaluate.decoded(trained, midpoints(codes, *yardsticks.pairs))
        columns["midpoint_confident"] = yardsticks.confident(middle)
        if member.latent_size == 2:
            grid = evaluate.decoded_grid(trained).reshape(evaluate.GRID_SIDE**2, -1)
            seen = yardsticks.probabilities(grid)
            sure = seen.argmax(axis=1)[seen.max(axis=1) >= DIGITS_SEEN]
            columns |= {"grid_classes": len(set(sure)), "grid_confident": len(sure) / len(seen)}
            return columns, {"grid/probabilities": seen.astype(np.float32)}
    return columns, {}


def _generation(
    work: Work, yardsticks: Yardsticks, member: Member, trained: Trained
) -> tuple[dict, dict[str, np.ndarray]]:
    train, scales = evaluate.encoded(trained, work.values("train"))
    mean, factor = generation.fitted_gaussian(train, scales)
    shape = (member.latent_size, len(yardsticks.real.test))
    noise = np.random.default_rng(member.seed).standard_normal(shape).T
    columns = {}
    for name, codes in (("prior", noise), ("fitted", mean + noise @ factor)):
        made = yardsticks.features(evaluate.decoded(trained, codes.astype(np.float32)))
        quality = generation.quality(yardsticks.real, made)
        columns |= {f"{name}_{measure}": value for measure, value in quality._asdict().items()}
    return columns, {}


def _likelihood(
    work: Work, yardsticks: Yardsticks, member: Member, trained: Trained
) -> tuple[dict, dict[str, np.ndarray]]:
    seen, chosen = work.values(SPLIT), yardsticks.likelihood_examples
    grey = isinstance(trained.likelihood, Bernoulli) and work.study.binarisation == "none"
    binary = work.binary(seen) if grey else seen
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
    if member.latent_size <= 2 and isinstance(trained.likelihood, Bernoulli):
        exact = likelihood.quadrature(trained, binary[chosen])
        columns["exact_nll"] = _mean(exact.neg_log_likelihood)
        arrays["exact_nll"] = exact.neg_log_likelihood
    return columns, arrays


BLOCKS = (
    Block("structure", "trustworthiness", _structure),
    Block("regularity", "jacobian_energy", _regularity),
    Block("generation", "prior_coverage", _generation),
    Block("likelihood", "iw_nll", _likelihood),
)


def _similarities(work: Work) -> pd.DataFrame:
    """How alike two sizes' spaces are: shared neighbours and CKA of the projected examples."""
    results = results_so_far(work)
    rows = []
    for (objective, seed), group in results[results["status"] == "ok"].groupby(
        ["objective", "seed"], sort=False
    ):
        spaces = [_space(work, name) for name in group["member"]]
        sizes = list(group["latent_size"])
        rows += [
            {"objective": objective, "seed": seed, **_alike(sizes, spaces, a, b)}
            for a, b in combinations(range(len(sizes)), 2)
        ]
    return pd.DataFrame(rows, columns=_SIMILARITIES)


_SIMILARITIES = ["objective", "seed", "latent_size", "other_size", "overlap", "cka"]


def _space(work: Work, member: str) -> tuple[np.ndarray, np.ndarray]:
    """A member's codes of the projected examples and their nearest neighbours there."""
    near = work.folder.block(member, "structure")["projected/neighbours"]
    return work.folder.arrays(member)[f"{SPLIT}/codes"][work.chosen], near


def _alike(sizes: Sequence[int], spaces: Sequence[tuple], a: int, b: int) -> dict:
    (codes, near), (other_codes, other_near) = spaces[a], spaces[b]
    return {
        "latent_size": sizes[a],
        "other_size": sizes[b],
        "overlap": structure.overlap(near, other_near),
        "cka": structure.cka(codes, other_codes),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64))
