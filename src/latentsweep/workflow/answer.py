"""The answering stage: what a run folder's networks say of the latent size, in `answers.json`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from latentsweep.answers.apart import apart_sentences
from latentsweep.answers.evidence import Evidence
from latentsweep.answers.linear import beside, linear_json, linear_sentence, losing_sentence
from latentsweep.answers.losses import LEAST_EXAMPLES, Losses, unbalanced
from latentsweep.answers.recommendation import USUAL, Recommendation, Rule, recommend
from latentsweep.answers.search import Goal, next_step
from latentsweep.answers.wording import MEASURES, as_json
from latentsweep.data.splits import HELD_OUT
from latentsweep.errors import RunFolderError
from latentsweep.evaluation.rate import active_units, effective_units, units_by_class
from latentsweep.language import _, marked, printed
from latentsweep.record.folder import RunFolder
from latentsweep.study import Study
from latentsweep.training.members import Member, members_in
from latentsweep.workflow.blame import badly_trained
from latentsweep.workflow.linear import linear_losses, split_of
from latentsweep.workflow.setting import setting_of

Criterion = Literal["elbo", "reconstruction", "knn"]
_LIKELIEST = "majority"


class NotJudgedError(RunFolderError):
    """No latent size can be recommended; `reason()` says why in the language of the moment."""

    def __init__(self, folder: RunFolder, message: str, **told: object) -> None:
        super().__init__(f"{folder.path}: {message.format(**told)}")
        self.message, self.told = message, told

    def reason(self) -> str:
        """Why, without the folder."""
        return _(self.message).format(**self.told)


@dataclass(frozen=True)
class Ending:
    """How a search ended: `seconds` is what its next step would take, None if that failed."""

    found: Recommendation
    goal: Goal
    seconds: float | None

    def words(self) -> str | None:
        """What is left open, None if nothing."""
        step = next_step(self.found, self.goal)
        if step is None:
            return self._seeds_are_spent()
        if self.seconds is None:
            return _(
                "Still open: {why}; but the networks that would tell failed (see the alarms)."
            ).format(why=step.why)
        return _(
            "The budget is spent. Still open: {why}. The next step would be {networks} networks, "
            "about {minutes} min here; a larger --budget goes on from there."
        ).format(
            why=step.why,
            networks=step.networks,
            minutes=printed(max(self.seconds / 60, 0.1), ".1f"),
        )

    def _seeds_are_spent(self) -> str | None:
        """That seeds would tell, but a search gives no more."""
        wanted = [r for r in self.found.rows if r.verdict == "undecided" and r.seeds_would_decide]
        if self.found.status != "undecided" or not wanted:
            return None
        words = _(
            "A size gets at most {seeds} seeds in a search, and what is undecided has had them."
        )
        return words.format(seeds=self.goal.most_seeds)


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
    def json(self) -> dict[str, Any]:
        """The content of `recommendation` in answers.json, in the language of the moment."""
        rule, notes = self.compared.rule, _notes(self.losses, self.compared, self.found)
        setting = setting_of(
            self.losses, self.compared.study, self.compared.data, MEASURES[self.compared.criterion]
        )
        linear = beside(self.losses, self.found)
        json = as_json(self.found, rule, setting, self.evidence, notes)
        json["linear"] = linear_json(linear)
        json["notes"] += filter(None, [losing_sentence(linear)])
        if first := linear_sentence(linear):
            json |= {name: f"{first} {json[name]}" for name in ("sentence", "answer")}
        if not any(self.active.values()):
            doubt = _doubt(self.compared)
            json |= {name: f"{json[name]} {doubt}" for name in ("sentence", "answer")}
        json["rows"] = [
            {**row, "active_units": self.active.get(row["latent_size"])} for row in json["rows"]
        ]
        left_open = {} if self.ending is None else {"open": self.ending.words()}
        return {"criterion": self.compared.criterion, **json, **left_open}


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
        raise NotJudgedError(folder, _UNFINISHED if "elbo" in study.objectives else _NO_ELBO)
    return found


_UNFINISHED = marked("no network of it was measured yet; finish the run")
_NO_ELBO = marked(
    "a latent size is recommended from networks trained with objective elbo, got keras-blog only: "
    "its loss is no bound on anything, and falls with every dimension whether the data needs it or "
    "not; run it with --objective elbo"
)


def _is_sound(arrays: dict[str, np.ndarray]) -> bool:
    return not arrays["failed"] and bool(np.isfinite(arrays["neg_elbo"]).all())


def _hits(folder: RunFolder, member: Member, split: str) -> dict[str, np.ndarray]:
    for block in ("votes", "structure"):
        path = folder.member_path(member.name) / f"{block}.safetensors"
        hits = folder.block(member.name, block) if path.exists() else {}
        if f"{split}/knn_hits" in hits:
            return hits
    raise NotJudgedError(folder, _NO_HITS, member=member.name, run=folder.path)


_NO_HITS = marked(
    "criterion knn needs labels and the structure of {member}, which was not measured; "
    "'latentsweep evaluate {run} --again' measures it where there are labels"
)
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
        raise NotJudgedError(folder, _ALL_FAILED)
    none, folds = _no_latent(folder, criterion, examples), max(folder.study().validation_folds, 1)
    groups = folder.no_latent(f"{split_of(folder)}/groups")
    linear = linear_losses(folder, arrays, values) if criterion == "elbo" else ()
    losses = Losses(tuple(sizes), tuple(seeds), values, none, folds, groups, *linear)
    if losses.examples < LEAST_EXAMPLES:
        told = {"least": LEAST_EXAMPLES, "examples": losses.examples}
        raise NotJudgedError(folder, _TOO_LITTLE, **told)
    return losses


_TOO_LITTLE = marked(
    "at least {least} held-out examples are needed to compare sizes, got {examples}; use more "
    "data, or a larger validation_fraction"
)
_ALL_FAILED = marked("every network failed; see its alarms, and its data")


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


def _notes(losses: Losses, compared: Compared, found: Recommendation) -> list[str]:
    """What was left out, and what a reader has to know of the networks."""
    notes, study = list(unbalanced(losses)), compared.study
    if bad := [row.latent_size for row in found.rows if row.verdict == "badly trained"]:
        words = _(
            "Badly trained, since their dimensions cost much even in training: {sizes}. What is "
            "seen says nothing against them; more epochs, or a lower learning_rate, would tell."
        )
        notes.append(words.format(sizes=", ".join(map(str, bad))))
    notes += apart_sentences(found, compared.rule, MEASURES[compared.criterion])
    if compared.failed:
        words = _("Left out, since their training failed: {names}.")
        notes.append(words.format(names=", ".join(compared.failed)))
    if compared.again:
        words = _("Trained again from another start, since the first ended badly: {names}.")
        notes.append(words.format(names=", ".join(compared.again)))
    if "keras-blog" in study.objectives:
        notes.append(
            _(
                "The keras-blog models have no part in it: their loss is not an ELBO, and falls "
                "with every dimension whether the data needs it or not."
            )
        )
    kl_weight = study.variant("elbo").kl_weight
    if kl_weight != 1 or study.reduction != "sum":
        words = _(
            "These networks were not trained with the ELBO itself (kl_weight {weight}, reduction "
            "{reduction}); they are compared by it."
        )
        weight = printed(kl_weight, "g")
        notes.append(words.format(weight=weight, reduction=study.reduction))
    if compared.split == "test":
        words = _("The sizes were compared on the test split; no validation split was held out.")
        notes.append(words)
    if losses.groups is not None:
        notes.append(_of_groups(len(np.unique(losses.groups)), study.split_by))
    undecided = [row for row in found.rows if row.verdict == "undecided"]
    few = losses.folds > 1 and not any(row.seeds_would_decide for row in undecided)
    if few and losses.examples == losses.folds * losses.values.shape[2] and undecided:
        notes.append(_("Every example was held out: only more data would narrow the set."))
    return notes


def _doubt(compared: Compared) -> str:
    """That no network uses its latent, which may be the data's doing or the training's."""
    study, likelihood = compared.study, compared.data["likelihood"]
    if study.scale not in ("auto", "standard"):
        remedy = _("try --scale auto")
    elif study.likelihood != "auto":
        remedy = _("leave the likelihood to the data, without --set likelihood")
    elif likelihood != "gaussian":
        remedy = _("try --set likelihood=gaussian")
    else:
        remedy = _("look for values far from all others, or lower learning_rate")
    words = _(
        "Doubt this first: at no size does a network use any of its dimensions. Data with nothing "
        "to encode does that, and so does a likelihood or a scale that does not fit it: {remedy}."
    )
    return words.format(remedy=remedy)


def _of_groups(count: int, split_by: str) -> str:
    """What the interval covers where whole groups, or blocks of time, were held out."""
    if count == 1:
        return _(
            "All examples that sizes were compared on are of one group (by {column}): of other "
            "groups the interval says nothing. Hold out more of them."
        ).format(column=split_by)
    return _(
        "Sizes were compared on {count} whole groups of examples (by {column}), of which nothing "
        "was trained on. The interval is that of other groups, not of other examples of these: "
        "groups that differ widen it, and more groups narrow it."
    ).format(count=count, column=split_by)


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
