"""The answering stage: what a run folder's networks say of the latent size, in `answers.json`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from latentsweep.answers.evidence import Evidence
from latentsweep.answers.facts import apart_remarks, facts_of, setting_of
from latentsweep.answers.linear import beside
from latentsweep.answers.losses import LEAST_EXAMPLES, Losses, Remark, unbalanced
from latentsweep.answers.recommendation import USUAL, Recommendation, Rule, recommend
from latentsweep.answers.search import Goal, next_step
from latentsweep.data.splits import HELD_OUT
from latentsweep.errors import RunFolderError
from latentsweep.evaluation.rate import active_units, effective_units, units_by_class
from latentsweep.language import speaking
from latentsweep.record.folder import RunFolder
from latentsweep.record.reading import damaged
from latentsweep.show.words.recommendation import recommendation_in_words
from latentsweep.show.words.remarks import why_not_judged
from latentsweep.study import Study
from latentsweep.training.members import Member, members_in
from latentsweep.workflow.blame import badly_trained
from latentsweep.workflow.linear import linear_losses, split_of

Criterion = Literal["elbo", "reconstruction", "knn"]
_LIKELIEST = "majority"


class NotJudgedError(RunFolderError):
    """No latent size can be recommended; `reason` says why, as a code with its numbers."""

    def __init__(self, folder: RunFolder, code: str, **told: object) -> None:
        self.reason: dict[str, Any] = {"code": code, **told}
        with speaking("en"):  # as all errors are
            super().__init__(f"{folder.path}: {why_not_judged(self.reason)}")


@dataclass(frozen=True)
class Ending:
    """How a search ended: `seconds` is what its next step would take, None if that failed."""

    found: Recommendation
    goal: Goal
    seconds: float | None

    def facts(self) -> dict[str, Any] | None:
        """What is left open, None if nothing."""
        step = next_step(self.found, self.goal)
        if step is None:
            return self._seeds_are_spent()
        if self.seconds is None:
            return {"code": "networks failed", "reason": step.reason}
        told = {"reason": step.reason, "networks": step.networks, "seconds": self.seconds}
        return {"code": "budget spent", **told}

    def _seeds_are_spent(self) -> dict[str, Any] | None:
        """That seeds would tell, but a search gives no more."""
        wanted = [r for r in self.found.rows if r.verdict == "undecided" and r.seeds_would_decide]
        if self.found.status != "undecided" or not wanted:
            return None
        return {"code": "seeds spent", "seeds": self.goal.most_seeds}


@dataclass(frozen=True)
class Compared:
    """What a recommendation was asked of, and by what."""

    study: Study
    data: Mapping[str, Any]
    split: str
    criterion: Criterion
    rule: Rule
    failed: tuple[str, ...]
    again: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """A recommendation with what it was made from; `ending` is that of a search."""

    losses: Losses
    found: Recommendation
    active: dict[int, float]
    evidence: Evidence
    compared: Compared
    ending: Ending | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """The content of `recommendation` in answers.json, but for its words."""
        compared = self.compared
        facts = facts_of(
            self.found,
            compared.rule,
            compared.criterion,
            setting=setting_of(self.losses, compared.study, compared.data),
            evidence=self.evidence,
            linear=beside(self.losses, self.found),
            remarks=_remarks(self.losses, compared, self.found),
        )
        facts["rows"] = [
            {**row, "active_units": self.active.get(row["latent_size"])} for row in facts["rows"]
        ]
        facts["doubt"] = None if any(self.active.values()) else _doubt(compared)
        return facts if self.ending is None else {**facts, "ending": self.ending.facts()}

    @property
    def json(self) -> dict[str, Any]:
        """The same with its words in the language of the moment."""
        return recommendation_in_words(self.facts)


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
    study = folder.study()
    arrays = _measured(folder, study, criterion)
    losses = _losses(folder, arrays, criterion)
    compared = Compared(
        study=study,
        data=folder.manifest()["data"],
        split=split_of(folder),
        criterion=criterion,
        rule=rule,
        failed=tuple(m.name for m in arrays if not _is_sound(arrays[m])),
        again=tuple(m.name for m in arrays if arrays[m]["start"] and _is_sound(arrays[m])),
    )
    found = recommend(losses, rule, limit=limit).without_blame(badly_trained(folder, arrays))
    return Answer(losses, found, _active(arrays), _evidence(folder, arrays), compared)


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
        facts = folder.facts(member.name)
        found[member]["failed"] = np.array(facts["failed_epoch"])
        found[member]["start"] = np.array(facts.get("start", 0))
    if not found:
        raise NotJudgedError(folder, "unfinished" if "elbo" in study.objectives else "no elbo")
    return found


def _is_sound(arrays: dict[str, np.ndarray]) -> bool:
    return not arrays["failed"] and bool(np.isfinite(arrays["neg_elbo"]).all())


def _hits(folder: RunFolder, member: Member, split: str) -> dict[str, np.ndarray]:
    for block in ("votes", "structure"):
        path = folder.member_path(member.name) / f"{block}.safetensors"
        hits = folder.block(member.name, block) if path.exists() else {}
        if f"{split}/knn_hits" in hits:
            return hits
    raise NotJudgedError(folder, "no hits", member=member.name, run=str(folder.path))


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
    values = np.full((len(sizes), len(seeds), examples), np.nan)
    for member, each in held_out.items():
        if np.isfinite(each).all() and _is_sound(arrays[member]):
            values[sizes.index(member.latent_size), seeds.index(member.seed)] = each
    if np.isnan(values).all():
        raise NotJudgedError(folder, "all failed")
    none, folds = _no_latent(folder, criterion, examples), max(folder.study().validation_folds, 1)
    groups = folder.no_latent(f"{split_of(folder)}/groups")
    linear = linear_losses(folder, arrays, values) if criterion == "elbo" else ()
    losses = Losses(tuple(sizes), tuple(seeds), values, none, folds, groups, *linear)
    if losses.examples < LEAST_EXAMPLES:
        told = {"least": LEAST_EXAMPLES, "examples": losses.examples}
        raise NotJudgedError(folder, "too little", **told)
    return losses


def _no_latent(folder: RunFolder, criterion: Criterion, examples: int) -> np.ndarray | None:
    """The losses without a latent; their mean everywhere in a folder of an earlier version."""
    split = split_of(folder)
    if criterion == "reconstruction":
        return None
    name = split if criterion == "elbo" else f"{split}/{_LIKELIEST}"
    stored = folder.no_latent(name)
    if stored is None and criterion == "elbo":
        return np.full(examples, folder.manifest()["bounds"]["no_latent"])
    if stored is not None and stored.shape[-1] != examples:
        raise damaged(folder.path / "no_latent.safetensors", f"{name}: {list(stored.shape)}")
    return stored


def _remarks(losses: Losses, compared: Compared, found: Recommendation) -> list[Remark]:
    """What was left out, and what a reader has to know of the networks."""
    study, kl_weight = compared.study, compared.study.variant("elbo").kl_weight
    bad = [row.latent_size for row in found.rows if row.verdict == "badly trained"]
    undecided = [row for row in found.rows if row.verdict == "undecided"]
    few = losses.folds > 1 and not any(row.seeds_would_decide for row in undecided)
    all_held_out = losses.examples == losses.folds * losses.values.shape[2]
    groups = 0 if losses.groups is None else len(np.unique(losses.groups))
    reduction = study.reduction
    told: list[tuple[object, Remark]] = [
        (bad, {"code": "badly trained", "sizes": bad}),
        *((True, each) for each in apart_remarks(found, compared.rule, compared.criterion)),
        (compared.failed, {"code": "failed", "names": list(compared.failed)}),
        (compared.again, {"code": "begun again", "names": list(compared.again)}),
        ("keras-blog" in study.objectives, {"code": "other objective"}),
        (
            kl_weight != 1 or reduction != "sum",
            {"code": "other loss", "kl_weight": kl_weight, "reduction": reduction},
        ),
        (compared.split == "test", {"code": "on test"}),
        (groups, {"code": "groups", "count": groups, "split_by": study.split_by}),
        (few and all_held_out and undecided, {"code": "all held out"}),
    ]
    return [*unbalanced(losses), *(remark for holds, remark in told if holds)]


def _doubt(compared: Compared) -> str:
    """What to try where no network uses its latent: the data's doing or the training's."""
    study = compared.study
    if study.scale not in ("auto", "standard"):
        return "scale"
    if study.likelihood != "auto":
        return "likelihood"
    return "values" if compared.data["likelihood"] == "gaussian" else "gaussian"


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
