"""The search for a latent size: train, look, decide what to train next.

Every decision is a line of `decisions.jsonl`, written before it is acted on and made from what is
in the folder alone; an interrupted search trains what its last line still lacks and goes on to the
same end. The time that is spent is what the folder's manifest has on record.
"""

import dataclasses
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from latentsweep.answers.losses import LEAST_EXAMPLES
from latentsweep.answers.recommendation import USUAL, Rule
from latentsweep.answers.search import Goal, Step, asked_for, first_step, next_step, trimmed
from latentsweep.data.dataset import Dataset, with_validation
from latentsweep.errors import DataError, StudyError
from latentsweep.evaluation import dimension, evaluate, structure
from latentsweep.evaluation.rate import units_by_class
from latentsweep.language import in_every_language
from latentsweep.model.trained import Trained
from latentsweep.pipeline.answer import HELD_OUT, Answer, Criterion, Ending, answer
from latentsweep.pipeline.measure import measure_missing
from latentsweep.pipeline.model import load_trained
from latentsweep.pipeline.plan import price_of_network
from latentsweep.pipeline.project import project_members
from latentsweep.pipeline.run import begin, check_same, keep_members, report
from latentsweep.pipeline.train import train
from latentsweep.pipeline.work import Work
from latentsweep.pipeline.yardsticks import without_nan
from latentsweep.record.arrays import read_arrays, write_arrays
from latentsweep.record.lock import locked
from latentsweep.study import Study
from latentsweep.training.placement import available
from latentsweep.training.program_cache import kept_programs

MOST_SIZE = 256
# About as many examples as MNIST's four epochs on `mnist-fast`, whose schedule this is.
_EXAMPLES_SEEN = 240_000
_MOST_EPOCHS = 60
_FRACTION = 1 / 6
_COUNTED = ("compile", "train", "evaluate")


@dataclass(frozen=True)
class Ask:
    """What a search is asked: by which measure, how precisely, for how many seconds at most.

    `check` is a size to be tried and told about, whatever the search finds.
    """

    criterion: Criterion = "elbo"
    rule: Rule = USUAL
    precision: int = 2
    budget: float = 600.0
    check: int | None = None


def search_study(name: str, data: str, changes: dict[str, Any] | None = None) -> Study:
    """The study of a search: `mnist-fast`'s schedule, and few draws when measuring.

    Raises:
        StudyError: an unknown field or a value that breaks its rule.
    """
    base = Study(
        name=name,
        description=f"The search for a latent size for {data}",
        objectives=("elbo",),
        learning_rate=7e-3,
        warm_up=0.02,
        decay=0.98,
        draws=4,
    )
    changed = base.changed({"data": data, **(changes or {})})
    if changed.objectives != ("elbo",):
        raise StudyError(
            "objectives: a latent size is recommended from networks trained with the ELBO, got "
            f"{list(changed.objectives)}; leave it at elbo"
        )
    return changed


def suited(study: Study, whole: Dataset, given: Collection[str] = ()) -> tuple[Study, Dataset]:
    """The study as such data needs it, and the data with its validation split.

    That is, as many held-out examples as are needed to compare sizes on, as many epochs as make
    enough steps, and the sizes that a search begins with.

    Args:
        whole: the data without a validation split.
        given: the fields that the user has set, which stay.
    """
    examples = len(whole.splits["train"])
    fraction = min(max(_FRACTION, LEAST_EXAMPLES / examples), 0.5)
    own = {
        "validation_fraction": fraction,
        "epochs": epochs_for(examples * (1 - fraction)),
        "latent_sizes": first_step(goal_of(whole, Ask())).latent_sizes,
    }
    changed = study.changed({name: value for name, value in own.items() if name not in given})
    return changed, with_validation(whole, changed.validation_fraction, changed.split_seed)


def epochs_for(examples: float) -> int:
    """How many epochs make enough steps of so many training examples, within reason."""
    return min(max(round(_EXAMPLES_SEEN / examples), 1), _MOST_EPOCHS)


def goal_of(dataset: Dataset, ask: Ask) -> Goal:
    """When the search of some data ends."""
    return Goal(limit=min(dataset.features, MOST_SIZE), precision=ask.precision)


def search(work: Work, ask: Ask, *, command: str, force: bool = False) -> Answer:
    """The answer, after training whatever it took; the same call goes on where it was interrupted.

    Raises:
        RunFolderError: the folder is in use, or holds another study.
        DataError: there are too few examples, or every network fails.
    """
    with locked(work.folder.path), kept_programs():
        if force:
            work.folder.clear()
        found = find(work, ask, command=command)
        return _finished(work, ask, found.ending)


def find(work: Work, ask: Ask, *, command: str) -> Answer:
    """The answer on the validation split, with no more measured than it takes.

    Raises:
        RunFolderError: the folder holds another study.
        DataError: there are too few examples, or every network fails.
    """
    check_examples(work)
    if work.folder.manifest_path.exists():
        check_same(work)
    else:
        begin(work, command)
    _write_dimension(work)
    goal = goal_of(work.dataset, ask)
    if not work.folder.decisions():
        _decide(work, first_step(goal), ask)
    if ask.check is not None and ask.check not in {m.latent_size for m in work.members}:
        _decide(work, asked_for(ask.check), ask)
    while True:
        train(work, partial(hold_out, hits=ask.criterion == "knn"))
        found = answer(work.folder, ask.criterion, ask.rule, limit=goal.limit)
        work.observer.answer(found.json)
        step = next_step(found.found, goal)
        afforded = trimmed(step, _affordable(work, ask)) if step else None
        if afforded is None or not _has_new(work, afforded):
            seconds = step.networks * seconds_a_network(work) if step and not afforded else None
            return dataclasses.replace(found, ending=Ending(found.found, goal, seconds))
        _decide(work, afforded, ask)


def check_examples(work: Work) -> None:
    """Refuse data of which too little is held out to compare sizes on."""
    held_out = len(work.dataset.splits.get(HELD_OUT, ()))
    if held_out < LEAST_EXAMPLES:
        raise DataError(
            f"{work.dataset.name}: at least {LEAST_EXAMPLES} examples have to be held out to "
            f"compare sizes on, got {held_out}; give {2 * LEAST_EXAMPLES} training examples or "
            "more, and leave validation_fraction as it is"
        )


def _decide(work: Work, step: Step, ask: Ask) -> None:
    """Write a step down, before anything is trained for it."""
    work.observer.say(
        f"{step.action:8}{step.networks} networks: sizes {', '.join(map(str, step.latent_sizes))}, "
        f"seeds {', '.join(map(str, step.seeds))} ({step.why})"
    )
    spent = {"spent_seconds": round(_spent(work), 1), "budget_seconds": ask.budget}
    work.folder.decide({**step._asdict(), **spent})


def _spent(work: Work) -> float:
    seconds = work.folder.manifest()["seconds"]
    return sum(seconds.get(stage, 0.0) for stage in _COUNTED)


def seconds_a_network(work: Work) -> float:
    """What one more network costs here: as measured, or before the first as estimated."""
    trained = len(work.members) if work.folder.decisions() else 0
    if trained and (spent := _spent(work)):
        return spent / trained
    held_out = len(work.dataset.splits[HELD_OUT])
    return price_of_network(work.study, work.recipe(), held_out) / len(available().devices)


def _affordable(work: Work, ask: Ask) -> int:
    """How many more networks the budget allows."""
    return int(max(ask.budget - _spent(work), 0) / seconds_a_network(work))


def _has_new(work: Work, step: Step) -> bool:
    """Whether some of a step's networks were never trained: one that failed is not tried again."""
    there = {(member.latent_size, member.seed) for member in work.members}
    return any((size, seed) not in there for size in step.latent_sizes for seed in step.seeds)


def hold_out(work: Work, names: Iterable[str], *, hits: bool) -> None:
    """Measure the named members on the validation split, where that is not done.

    Args:
        hits: also whether the nearest codes vote for an example's class, which takes longer.
    """
    for member in work.members:
        path = work.folder.member_path(member.name) / f"{HELD_OUT}.safetensors"
        if member.name not in names or _is_held_out(path, hits):
            continue
        trained = load_trained(work.folder, member, work.width)
        arrays = evaluate.measured(trained, work.values(HELD_OUT), work.study.draws, HELD_OUT)
        arrays |= _by_class(work, trained, arrays, hits=hits)
        write_arrays(path, {name: arrays[name] for name in _KEPT if name in arrays})


def _by_class(
    work: Work, trained: Trained, arrays: dict[str, np.ndarray], *, hits: bool
) -> dict[str, np.ndarray]:
    """What labels tell of a network: the units that each class uses, and the neighbours' votes."""
    labels, names, splits = work.dataset.labels, work.dataset.label_names, work.dataset.splits
    if labels is None or names is None:
        return {}
    codes, own = arrays[f"{HELD_OUT}/codes"], labels[splits[HELD_OUT]]
    units = units_by_class(codes, arrays[f"{HELD_OUT}/code_scales"], own, len(names))
    found: dict[str, np.ndarray] = {"units_by_class": units.astype(np.int32)}
    if hits:
        train_codes, _ = evaluate.encoded(trained, work.values("train"))
        voted = structure.knn_hits(train_codes, labels[splits["train"]], codes, own)
        found[f"{HELD_OUT}/knn_hits"] = voted.astype(np.uint8)
    return found


def _is_held_out(path: Path, hits: bool) -> bool:
    return path.exists() and (not hits or f"{HELD_OUT}/knn_hits" in read_arrays(path))


_KEPT = (
    f"{HELD_OUT}/neg_elbo",
    f"{HELD_OUT}/mse_of_mean",
    f"{HELD_OUT}/knn_hits",
    "kl_per_dimension",
    "rho",
    "units_by_class",
)


def _finished(work: Work, ask: Ask, ending: Ending | None) -> Answer:
    """Measure all networks on the test split, and write answer, report and the rest."""
    keep_members(work)
    work.observer.stage("measuring", len(work.members))
    measure_missing(work, [member.name for member in work.members])
    if not work.folder.projections_path.exists():
        project_members(work, [])  # a search has more spaces than anyone looks at
    found = answer(work.folder, ask.criterion, ask.rule, limit=goal_of(work.dataset, ask).limit)
    found = dataclasses.replace(found, ending=ending)
    in_every_language(
        lambda: work.folder.write_answers({"recommendation": found.json, "claims": []})
    )
    report(work.folder, work.observer)
    work.folder.write_manifest({**work.folder.manifest(), "status": "complete"})
    return found


def _write_dimension(work: Work) -> None:
    """What the data's neighbours say of its dimension."""
    if work.folder.dimension() is not None:
        return
    profile = dimension.profile(work.scaled("train"), seed=0)
    work.folder.write_dimension(without_nan(dataclasses.asdict(profile)))
