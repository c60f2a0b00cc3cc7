"""The measuring stage: a trained member's arrays and its row of the results."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from latentsweep.data import storage
from latentsweep.data.dataset import Dataset
from latentsweep.evaluation import evaluate
from latentsweep.evaluation.alarms import Evidence, alarms
from latentsweep.evaluation.reconstruction import ssim
from latentsweep.language import in_every_language
from latentsweep.model.shape import BUILT_IN
from latentsweep.model.trained import Trained
from latentsweep.pipeline.model import load_trained
from latentsweep.pipeline.plan import Member
from latentsweep.pipeline.work import Work, is_trained
from latentsweep.record.arrays import write_arrays
from latentsweep.record.folder import Examples

_LINEAR = f"{evaluate.SPLIT}/linear"


def measure_missing(work: Work, names: Iterable[str]) -> None:
    """Measure those of the named members that have no row in the results yet."""
    measured = set(results_so_far(work)["member"])
    for member in work.members:
        if member.name in names and member.name not in measured:
            measure_member(work, member)


def measure_member(work: Work, member: Member) -> None:
    """Write a member's arrays, then its row of the results, and tell the observer."""
    trained = load_trained(work.folder, member, work.width)  # one width: one compilation
    values, draws = work.values(evaluate.SPLIT), work.study.draws
    arrays = evaluate.measured(trained, values, draws)
    arrays |= evaluate.stationarity(trained, work.values_at(work.trained_on(member.seed)))
    decoded = evaluate.decoded_mean(trained, shown := shown_values(work))
    arrays["shown/decodes"] = as_shown(work, decoded)
    if work.dataset.is_image:
        sample = evaluate.decoded_sample(trained, shown, work.shown, draws)
        arrays["shown/ssim_of_mean"] = _ssim(work, decoded)
        arrays["shown/ssim_of_sample"] = _ssim(work, sample)
    arrays |= _grid(work, trained, arrays["kl_per_dimension"])
    if (linear := work.linear(member, work.split(evaluate.SPLIT))) is not None:
        arrays[_LINEAR] = linear
    write_arrays(work.folder.member_path(member.name) / "arrays.safetensors", arrays)
    row = _row(work, member, arrays)
    row["ablation"] = evaluate.ablation(trained, values, arrays, draws)
    _write_alarms(work, member, row, arrays)  # before the row, which says that all is measured
    table = with_row(results_so_far(work), row, work.members)
    work.folder.write_results(table)
    work.observer.results(table, member.name)


def _write_alarms(
    work: Work, member: Member, row: dict[str, Any], arrays: dict[str, np.ndarray]
) -> None:
    """Put a member's alarms, mostly none, in the place of those it had, in every language."""
    sound = row["status"] != "failed"
    evidence = _evidence(work, member, row, arrays) if sound else None
    in_every_language(lambda: _replace_alarms(work, member, evidence))


def _replace_alarms(work: Work, member: Member, evidence: Evidence | None) -> None:
    by_member = {each.name: [] for each in work.members}
    for alarm in work.folder.alarms():
        if alarm["member"] in by_member:
            by_member[alarm["member"]].append(alarm)
    raised = alarms(evidence) if evidence else []
    by_member[member.name] = [{"member": member.name, **alarm._asdict()} for alarm in raised]
    work.folder.write_alarms([alarm for each in by_member.values() for alarm in each])


def _evidence(
    work: Work, member: Member, row: dict[str, Any], arrays: dict[str, np.ndarray]
) -> Evidence:
    history, bounds = work.folder.history(member.name), work.folder.manifest()["bounds"]
    terms = {n: arrays[f"{evaluate.SPLIT}/{n}"] for n in ("reconstruction", "penalty", "rate")}
    return Evidence(
        row=row,
        loss=arrays[f"{evaluate.SPLIT}/loss"],
        **terms,
        linear=arrays.get(_LINEAR),
        curve=(history["reconstruction"] + history["penalty"]).to_numpy(),
        kept_epoch=work.folder.facts(member.name).get("kept_epoch", len(history)),
        smaller=_least_of_smaller(work, member),
        features=work.dataset.features,
        ends_are_linear=work.study.network in BUILT_IN,
        **bounds,
    )


def _least_of_smaller(work: Work, member: Member) -> float | None:
    """The least training loss of networks that are smaller, of the same seed and objective."""
    others = [
        work.folder.facts(each.name).get("least_loss")
        for each in work.members
        if (each.objective, each.seed) == (member.objective, member.seed)
        and each.latent_size < member.latent_size
        and is_trained(work, each.name)
    ]
    return min((loss for loss in others if loss is not None), default=None)


def _grid(work: Work, trained: Trained, kl_per_dimension: np.ndarray) -> dict[str, np.ndarray]:
    """The decoded plane of two latent dimensions, and which they are; empty for a line."""
    if len(kl_per_dimension) < 2:
        return {}
    dimensions = evaluate.grid_dimensions(kl_per_dimension)
    decodes = as_shown(work, evaluate.decoded_grid(trained, dimensions))
    return {"grid/decodes": decodes, "grid/dimensions": np.array(dimensions, np.int32)}


def _ssim(work: Work, decoded: np.ndarray) -> np.ndarray:
    """SSIM of decoded shown examples [E, D] with their originals."""
    originals = work.dataset.scale(shown_values(work), np.float32)
    images = (len(decoded), *work.dataset.item_shape)
    pair = (work.dataset.in_whites(x).reshape(images) for x in (originals, decoded))
    return ssim(*pair).astype(np.float32)


def write_shown(work: Work) -> None:
    """Write the examples that pictures show."""
    shown = work.dataset.scale(shown_values(work), np.float32)
    work.folder.write_examples(Examples(as_shown(work, shown), work.shown, work.test_labels()))


def shown_values(work: Work) -> np.ndarray:
    """The shown examples [E, D], as stored."""
    return work.values(evaluate.SPLIT)[work.shown]


def as_shown(work: Work, scaled: np.ndarray) -> np.ndarray:
    """Scaled examples [..., D] as pictures keep them: 8-bit, or in the data's own unit.

    Columns that have a scale each stay scaled: in their own units one picture could not hold them.
    """
    items = scaled.reshape(*scaled.shape[:-1], *work.dataset.item_shape)
    if work.dataset.scale.columns is not None:
        return items.astype(np.float32)
    if work.dataset.is_image:
        return np.rint(255 * np.clip(work.dataset.in_whites(items), 0, 1)).astype(np.uint8)
    return storage.own(work.dataset.scale.unscale(items), work.dataset.origin).astype(np.float32)


def results_so_far(work: Work) -> pd.DataFrame:
    """The rows of the members measured until now."""
    if work.folder.results_path.exists():
        return work.folder.results()
    return pd.DataFrame({"member": pd.Series(dtype=str)})


def with_row(table: pd.DataFrame, row: dict, members: list[Member]) -> pd.DataFrame:
    """The table with a member's row put in, in study order; columns not given stay."""
    old = table[table["member"] == row["member"]].to_dict("records")
    others = table[table["member"] != row["member"]].to_dict("records")
    rows = pd.DataFrame([*others, {**(old[0] if old else {}), **row}])
    order = {member.name: place for place, member in enumerate(members)}
    return rows.sort_values("member", key=lambda names: names.map(order), ignore_index=True)


def _row(work: Work, member: Member, arrays: dict[str, np.ndarray]) -> dict:
    variant = work.study.variant(member.objective)
    facts = work.folder.facts(member.name)
    means = evaluate.summary_row(arrays, work.folder.manifest()["bounds"]["entropy_floor"])
    bounded = math.isfinite(means["loss"]) and math.isfinite(means["neg_elbo"])
    failed_epoch = facts["failed_epoch"] or (0 if bounded else work.study.epochs)
    return {
        "member": member.name,
        "objective": member.objective,
        "latent_size": member.latent_size,
        "seed": member.seed,
        "kl_weight": variant.kl_weight,
        "kl_warm_up": variant.kl_warm_up,
        "data": work.dataset.name,
        "split": evaluate.SPLIT,
        "status": "failed" if failed_epoch else "ok",
        "failed_epoch": failed_epoch,
        "train_seconds": facts["train_seconds"],
        **means,
        "linear": float(arrays[_LINEAR].mean()) if _LINEAR in arrays else math.nan,
        **_of_pictures(work.dataset, arrays),
    }


def _of_pictures(dataset: Dataset, arrays: dict[str, np.ndarray]) -> dict[str, float]:
    if not dataset.is_image:
        return {}
    assert isinstance(dataset.scale.factor, float), dataset.scale  # one, of all pixels
    return evaluate.picture_row(arrays, dataset.scale.factor / dataset.white)
