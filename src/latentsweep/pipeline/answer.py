"""The answering stage: what a run folder's networks say of the latent size, in `answers.json`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from latentsweep.answers.evidence import Evidence
from latentsweep.answers.losses import LEAST_EXAMPLES, Losses, unbalanced
from latentsweep.answers.recommendation import USUAL, Recommendation, Rule, recommend
from latentsweep.answers.wording import MEASURES, Setting, as_json, span
from latentsweep.errors import RunFolderError
from latentsweep.evaluation.rate import active_units, effective_units, units_by_class
from latentsweep.pipeline.plan import Member, members_in
from latentsweep.record.folder import RunFolder
from latentsweep.study import Study

Criterion = Literal["elbo", "reconstruction", "knn"]
HELD_OUT = "validation"
_LIKELIEST = "majority"


@dataclass(frozen=True)
class Answer:
    """A recommendation with what it was made from, and its JSON."""

    losses: Losses
    found: Recommendation
    active: dict[int, float]
    setting: Setting
    json: dict[str, Any]


def answer(
    folder: RunFolder,
    criterion: Criterion = "elbo",
    rule: Rule = USUAL,
    *,
    limit: int | None = None,
) -> Answer:
    """The latent size that a run's networks recommend, from its folder alone.

    Raises:
        RunFolderError: no network trained with the ELBO is there, or it was not measured for this.
    """
    study, manifest = folder.study(), folder.manifest()
    arrays = _measured(folder, study, criterion)
    losses = _losses(folder, arrays, criterion)
    found = recommend(losses, rule, limit=limit)
    setting = _setting(study, manifest, losses, criterion)
    notes = _notes(folder, study, losses, arrays)
    json = as_json(found, rule, setting, _evidence(folder, arrays), notes)
    active = _active(arrays)
    units = [active.get(size) for size in found.sizes]
    json["rows"] = [{**row, "active_units": n} for row, n in zip(json["rows"], units, strict=True)]
    return Answer(losses, found, active, setting, {"criterion": criterion, **json})


def split_of(folder: RunFolder) -> str:
    """The split that sizes are chosen on: "validation" if one was held out for that."""
    return HELD_OUT if HELD_OUT in folder.manifest()["data"]["splits"] else "test"


def _measured(
    folder: RunFolder, study: Study, criterion: Criterion
) -> dict[Member, dict[str, np.ndarray]]:
    """The arrays of every `elbo` network that was measured, under their names without the split."""
    split = split_of(folder)
    block = HELD_OUT if split == HELD_OUT else "arrays"
    found = {}
    for member in members_in(folder, study):
        if member.objective != "elbo":
            continue
        if not (folder.member_path(member.name) / f"{block}.safetensors").exists():
            continue
        arrays = folder.block(member.name, block)
        if criterion == "knn" and f"{split}/knn_hits" not in arrays:
            arrays |= _hits(folder, member, split)
        found[member] = {name.removeprefix(f"{split}/"): each for name, each in arrays.items()}
    if not found:
        raise RunFolderError(_none_found(folder, study))
    return found


def _none_found(folder: RunFolder, study: Study) -> str:
    if "elbo" in study.objectives:
        return f"{folder.path}: no network of it was measured yet; finish the run"
    return (
        f"{folder.path}: a latent size is recommended from networks trained with objective elbo, "
        "got keras-blog only: its loss is no bound on anything, and falls with every dimension "
        "whether the data needs it or not; run it with --objective elbo"
    )


def _hits(folder: RunFolder, member: Member, split: str) -> dict[str, np.ndarray]:
    path = folder.member_path(member.name) / "structure.safetensors"
    hits = folder.block(member.name, "structure") if path.exists() else {}
    if f"{split}/knn_hits" not in hits:
        raise RunFolderError(
            f"{folder.path}: criterion knn needs labels and the structure of {member.name}, which "
            f"was not measured; 'latentsweep evaluate {folder.path} --again' measures it where "
            "there are labels"
        )
    return hits


_ARRAYS: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {
    "elbo": lambda arrays: arrays["neg_elbo"],
    "reconstruction": lambda arrays: arrays["mse_of_mean"],
    "knn": lambda arrays: 1.0 - arrays["knn_hits"],
}


def _losses(
    folder: RunFolder, arrays: Mapping[Member, dict[str, np.ndarray]], criterion: Criterion
) -> Losses:
    """The networks' held-out losses; a network that failed is NaN."""
    sizes = sorted({member.latent_size for member in arrays})
    seeds = sorted({member.seed for member in arrays})
    held_out = {member: _ARRAYS[criterion](each) for member, each in arrays.items()}
    examples = len(next(iter(held_out.values())))
    if examples < LEAST_EXAMPLES:
        raise RunFolderError(
            f"{folder.path}: at least {LEAST_EXAMPLES} held-out examples are needed to compare "
            f"sizes, got {examples}; use more data, or a larger validation_fraction"
        )
    values = np.full((len(sizes), len(seeds), examples), np.nan)
    for member, each in held_out.items():
        if np.isfinite(each).all():
            values[sizes.index(member.latent_size), seeds.index(member.seed)] = each
    if np.isnan(values).all():
        raise RunFolderError(f"{folder.path}: every network failed; see its alarms, and its data")
    return Losses(tuple(sizes), tuple(seeds), values, _no_latent(folder, criterion, examples))


def _no_latent(folder: RunFolder, criterion: Criterion, examples: int) -> np.ndarray | None:
    """The losses without a latent; their mean everywhere in a folder of an earlier version."""
    split = split_of(folder)
    if criterion == "reconstruction":
        return None
    name = split if criterion == "elbo" else f"{split}/{_LIKELIEST}"
    stored = folder.no_latent(name)
    if stored is None and criterion == "elbo":
        return np.full(examples, folder.manifest()["bounds"]["no_latent"])
    return stored


def _notes(
    folder: RunFolder,
    study: Study,
    losses: Losses,
    arrays: Mapping[Member, dict[str, np.ndarray]],
) -> list[str]:
    """What was left out, and what a reader has to know of the networks."""
    notes = list(unbalanced(losses))
    failed = [m.name for m in arrays if not np.isfinite(arrays[m]["neg_elbo"]).all()]
    if failed:
        notes.append(f"Left out, since their loss was not finite: {', '.join(failed)}.")
    if "keras-blog" in study.objectives:
        notes.append(
            "The keras-blog models have no part in it: their loss is not an ELBO, and falls with "
            "every dimension whether the data needs it or not."
        )
    if study.kl_weight != 1 or study.reduction != "sum":
        notes.append(
            "These networks were not trained with the ELBO itself (kl_weight "
            f"{study.kl_weight:g}, reduction {study.reduction}); they are compared by it."
        )
    if split_of(folder) == "test":
        notes.append("The sizes were compared on the test split; no validation split was held out.")
    return notes


def _active(arrays: Mapping[Member, dict[str, np.ndarray]]) -> dict[int, float]:
    """Mean number of active units over the seeds of each size."""
    counts: dict[int, list[int]] = {}
    for member, each in arrays.items():
        counts.setdefault(member.latent_size, []).append(active_units(each["rho"]))
    return {size: float(np.mean(units)) for size, units in counts.items()}


def _evidence(folder: RunFolder, arrays: Mapping[Member, dict[str, np.ndarray]]) -> Evidence:
    """The units of the widest network of the first seed, and the data's own dimension."""
    first = min(member.seed for member in arrays)
    widest = max((m for m in arrays if m.seed == first), key=lambda m: m.latent_size)
    profile = folder.dimension()
    return Evidence(
        widest=widest.latent_size,
        active=active_units(arrays[widest]["rho"]),
        effective=float(effective_units(arrays[widest]["kl_per_dimension"])),
        dimension=_ends(profile),
        scale_dependent=bool(profile and profile["scale_dependent"]),
        classes=_units_by_class(folder, arrays[widest]),
    )


def _units_by_class(folder: RunFolder, arrays: dict[str, np.ndarray]) -> dict[str, int] | None:
    """The number of a network's units along which each class varies; None without labels."""
    names, labels = folder.manifest()["data"]["label_names"], folder.examples().labels
    if names is None or labels is None:
        return None
    units = arrays.get("units_by_class")
    if units is None:
        units = units_by_class(arrays["codes"], arrays["code_scales"], labels, len(names))
    return {str(name): int(n) for name, n in zip(names, units, strict=True) if n >= 0}


def _ends(profile: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """The extremes of a profile of the data's dimension; None where nothing could be read."""
    if profile is None or profile["low"] is None or profile["high"] is None:
        return None
    return float(profile["low"]), float(profile["high"])


def _setting(
    study: Study, manifest: Mapping[str, Any], losses: Losses, criterion: Criterion
) -> Setting:
    data = manifest["data"]
    train = data["splits"]["train"]
    seeds = span(count for count in losses.present.sum(axis=1).tolist() if count)
    decays = " falling to 0" if study.decay else ""
    epochs = f"{study.epochs} epoch{'s' if study.epochs > 1 else ''}"
    plural = "" if seeds == "1" else "s"
    return Setting(
        data=f"{data['name']} ({train:,} training examples)",
        architecture=f"dense VAEs of {study.hidden_size} ReLU units each way with a "
        f"{data['likelihood']} likelihood",
        budget=f"{epochs} of Adam (batch {study.batch_size}, rate {study.learning_rate:g}{decays}) "
        f"and {seeds} seed{plural} a size",
        held_out=losses.examples,
        measure=MEASURES[criterion],
    )
