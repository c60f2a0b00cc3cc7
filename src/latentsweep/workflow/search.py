"""The search for a latent size: train, look, decide what to train next.

Every decision is a line of `decisions.jsonl`, written before it is acted on and made from what is
in the folder alone; an interrupted search trains what its last line still lacks and goes on to the
same end. The time that is spent is what the folder's manifest has on record.
"""

import dataclasses
import math
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentsweep.answers.losses import LEAST_EXAMPLES
from latentsweep.answers.recommendation import USUAL, Rule
from latentsweep.answers.search import Goal, Step, asked_for, first_step, next_step, trimmed
from latentsweep.data.dataset import Dataset
from latentsweep.data.splits import HELD_OUT, with_at_most, with_folds, with_validation
from latentsweep.errors import DataError, StudyError
from latentsweep.evaluation import dimension
from latentsweep.evaluation.blocks import BASIC, VOTES
from latentsweep.evaluation.yardsticks import without_nan
from latentsweep.model.shape import WITH_LAYERS
from latentsweep.record.folder import RunFolder
from latentsweep.record.lock import locked
from latentsweep.show.words.search import why
from latentsweep.study import Init, Study
from latentsweep.training.cost import price_of_network, seconds_to_read, supply_of
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import members_in
from latentsweep.training.program_cache import kept_programs
from latentsweep.workflow import project
from latentsweep.workflow.answer import Answer, Criterion, Ending, answer
from latentsweep.workflow.begin import begin, check_same
from latentsweep.workflow.executors import Local
from latentsweep.workflow.measure import missing
from latentsweep.workflow.outcome import ALARMS, DRAWN
from latentsweep.workflow.pilot import beginning, with_pilot
from latentsweep.workflow.rival import train_rivals
from latentsweep.workflow.run import keep_members, measure_all, tell_results, train_and_measure
from latentsweep.workflow.sample import sized, trainable
from latentsweep.workflow.tasks import add_seconds

MOST_SIZE = 256
# About as many examples as MNIST's four epochs on `mnist-fast`, whose schedule this is.
_EXAMPLES_SEEN, _LEAST_SEEN = 240_000, 32_000
_MOST_EPOCHS = 60
_FRACTION = 1 / 6
_WISHED = 100  # held-out examples
_WISHED_GROUPS, _MOST_FRACTION = 5, 1 / 3
_FEW = 1_400  # examples, below which they are held out in folds
_FOLDS = 10
_ROUNDS = 3  # in which each example is held out at most
_HIDDEN, _LEAST_HIDDEN, _EXAMPLES_A_UNIT = 512, 16, 8
_LARGE_ITEMS = 256  # values
_APART = 0.1  # of a network's training examples, on which it is stopped
_PATIENCE, _LEAST_PATIENCE = 1 / 2, 5  # of the epochs
_DECAYS = 400  # examples that are as strong as the prior at a weight decay of 1
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
    if len(changed.variants) > 1:
        raise StudyError(
            "kl_weight, kl_warm_up: a search compares sizes under one of each, got "
            f"{list(changed.kl_weight)} and {list(changed.kl_warm_up)}; give one value of both"
        )
    return changed


def suited(
    study: Study, whole: Dataset, given: Collection[str] = (), budget: float = math.inf
) -> tuple[Study, Dataset]:
    """The study as such data needs it, and the data with what is held out to compare sizes on.

    That is, a validation split or folds of enough examples, layers and as many epochs as so many
    examples can bear, the rate of such layers, and the sizes that a search begins with.

    Args:
        whole: the data without a validation split.
        given: the fields that the user has set, which stay.
        budget: seconds, to which is suited how many examples are trained on and measured.
    """
    asked = bool(_HELD_OUT_BY.intersection(given))
    whole = _enough_or_none(whole, asked)
    layers = hidden_for(len(whole.splits["train"]), whole.features, whole.likelihood)
    layers = study.hidden_size if "hidden_size" in given else layers
    first = first_step(goal_of(study, whole, Ask()))
    planned = study.changed({"hidden_size": layers, "latent_sizes": first.latent_sizes})
    if "train_examples" not in given:
        most = trainable(planned, whole, first.networks, budget, _EXAMPLES_SEEN)
        study = study.changed({"train_examples": most or study.train_examples})
        whole = with_at_most(whole, study.train_examples, study.split_seed)
    whole = sized(planned, whole, first.networks, budget)
    own = "validation" in whole.splits
    held_out = {} if asked else _held_out_by(whole)
    study = study.changed(held_out)
    examples = len(whole.splits["train"]) * (1 if own else 1 - _share_held_out(study))
    init = init_for(study.network, whole.likelihood)
    init = study.init if "init" in given else init
    epochs = study.epochs if "epochs" in given else epochs_for(examples)
    fitting = {
        "hidden_size": layers,
        **beginning(init, layers),
        "epochs": epochs,
        **held_back(epochs, examples),
        "latent_sizes": first_step(goal_of(study, whole, Ask())).latent_sizes,
    }
    changed = study.changed({name: value for name, value in fitting.items() if name not in given})
    parted = with_validation(whole, changed.validation_fraction, changed.split_seed)
    return changed, with_folds(parted, changed.validation_folds, changed.split_seed)


_HELD_OUT_BY = {"validation_fraction", "validation_folds"}


def _enough_or_none(whole: Dataset, asked: bool) -> Dataset:
    """The data with its own validation split only if sizes can be compared on that.

    Otherwise, and where it was asked for another, its examples are for training too.
    """
    own = whole.splits.get("validation", ())
    if not len(own) or (len(own) >= LEAST_EXAMPLES and not asked):
        return whole
    train = np.sort(np.concatenate([whole.splits["train"], own]))
    return dataclasses.replace(whole, splits={"train": train, "test": whole.splits["test"]})


def _held_out_by(whole: Dataset) -> dict[str, Any]:
    """In folds where there are few examples, so that all are compared on; else a split."""
    examples = len(whole.splits["train"])
    if "validation" in whole.splits:
        return {"validation_folds": 0, "validation_fraction": 0.0}
    if whole.groups is None and LEAST_EXAMPLES <= examples < _FEW:
        return {"validation_folds": _FOLDS, "validation_fraction": 0.0}
    fraction = min(max(_FRACTION, _WISHED / examples), 0.5)
    if whole.groups is not None:
        groups = len(np.unique(whole.groups[whole.splits["train"]]))
        fraction = max(fraction, min(_WISHED_GROUPS / groups, _MOST_FRACTION))
    if (most := whole.most_measured) is not None:  # others would be of no use
        fraction = min(fraction, most / examples)
    return {"validation_folds": 0, "validation_fraction": fraction}


def _share_held_out(study: Study) -> float:
    """The share of the training split that a network does not train on."""
    folds = study.validation_folds
    return 1 / folds if folds else study.validation_fraction


def epochs_for(examples: float) -> int:
    """How many epochs make enough steps of so many training examples, within reason.

    They see 240,000 examples, but not in more than 60 epochs, unless that is fewer than 32,000.
    """
    most = max(_MOST_EPOCHS, round(_LEAST_SEEN / examples))
    return min(max(round(_EXAMPLES_SEEN / examples), 1), most)


def hidden_for(examples: int, features: int, likelihood: str) -> tuple[int, ...]:
    """The hidden layers that so many training examples bear: an eighth as many units, 16 to 512.

    That is, the power of two nearest to it: 512 from 2,897 examples on. With more units, networks
    of more dimensions than needed learn few examples by heart: the variance of a Gaussian
    likelihood goes down with their training error, and held-out examples pay for it.

    With enough examples for 512, those of a Gaussian likelihood have two layers: one layer of a
    curved surface's own dimensions bends too little, more dimensions bend it better, and with
    little noise that outweighs what they cost. Two of 256 units do for examples of few values.
    """
    units = min(max(2 ** round(math.log2(examples / _EXAMPLES_A_UNIT)), _LEAST_HIDDEN), _HIDDEN)
    if units < _HIDDEN or likelihood != "gaussian":
        return (units,)
    return (units, units) if features >= _LARGE_ITEMS else (units // 2, units // 2)


def held_back(epochs: int, examples: float) -> dict[str, Any]:
    """The fields that keep networks from learning so many examples by heart.

    They are when a training of at most so many epochs is stopped, and how much weights decay: the
    fewer examples, the more, as a prior of fixed strength counts for less beside more of them.
    """
    patience = max(math.ceil(_PATIENCE * epochs), _LEAST_PATIENCE)
    decay = min(_DECAYS / examples, 1.0)
    return {
        "stopping_fraction": _APART,
        "patience": patience,
        "weight_decay": float(f"{decay:.2g}"),
    }


def init_for(network: str, likelihood: str) -> Init:
    """How such networks begin, as far as no pilot says otherwise."""
    return "pca" if likelihood == "gaussian" and network in WITH_LAYERS else "random"


def goal_of(study: Study, dataset: Dataset, ask: Ask) -> Goal:
    """When the search of some data ends; with folds it holds out each example as often."""
    goal = Goal(limit=min(dataset.features, MOST_SIZE), precision=ask.precision)
    if not (folds := study.validation_folds):
        return goal
    most = _ROUNDS * folds
    return dataclasses.replace(goal, first_seeds=folds, more_seeds=folds, most_seeds=most)


def search(
    here: Local, ask: Ask, *, command: str, given: Collection[str] = (), force: bool = False
) -> Answer:
    """The answer, after training whatever it took; the same call goes on where it was interrupted.

    Args:
        given: the fields of the study that the user has set.

    Raises:
        RunFolderError: the folder is in use, or holds another study.
        DataError: there are too few examples, or every network fails.
    """
    with locked(here.run.path), kept_programs():
        if force:
            here.experiment.check()
            check_examples(here.experiment)
            here.run.clear()
        started = time.perf_counter()
        here = with_pilot(here, ask.budget, given)
        found = find(here, ask, command=command, before=time.perf_counter() - started)
        return _finished(here, ask, found.ending)


def find(here: Local, ask: Ask, *, command: str, before: float = 0.0) -> Answer:
    """The answer on the validation split, with no more measured than it takes.

    Args:
        before: the seconds that were spent before this.

    Raises:
        RunFolderError: the folder holds another study.
        DataError: there are too few examples, or every network fails.
    """
    run, experiment = here.run, here.experiment
    check_examples(experiment)
    if run.is_begun:
        check_same(run, experiment)
    else:
        begin(run, experiment, command)
        add_seconds(run, "pilot", before)
    if run.dimension() is None:
        seen = experiment.as_seen(experiment.scaled(experiment.split("train")))
        profile = dimension.profile(seen, seed=0)
        run.write_dimension(without_nan(dataclasses.asdict(profile)))
    goal = goal_of(experiment.study, experiment.dataset, ask)
    if not run.decisions():
        _decide(here, first_step(goal), ask)
    sizes = {member.latent_size for member in members_in(run, experiment.study)}
    if ask.check is not None and ask.check not in sizes:
        _decide(here, asked_for(ask.check, goal), ask)
    while True:
        train_and_measure(here, (HELD_OUT, VOTES) if ask.criterion == "knn" else (HELD_OUT,))
        found = answer(run, ask.criterion, ask.rule, limit=goal.limit)
        here.observer.answer(found.json)
        asked = _as_wide_as_used(goal, found)
        step = next_step(found.found, asked)
        afforded = trimmed(step, _affordable(here, ask)) if step else None
        if afforded is None or not _has_new(here, afforded):
            if ask.criterion == "elbo":
                train_rivals(here, found.found, goal.first_seeds)
                found = answer(run, ask.criterion, ask.rule, limit=goal.limit)
            seconds = step.networks * seconds_a_network(here) if step and not afforded else None
            return dataclasses.replace(found, ending=Ending(found.found, asked, seconds))
        _decide(here, afforded, ask)


def _as_wide_as_used(goal: Goal, found: Answer) -> Goal:
    """The goal, with no size beyond the largest tried if that leaves a dimension or more idle.

    Idle dimensions carry nothing, yet may help the training a little: a search would follow that.
    """
    largest = found.found.sizes[-1]
    used = found.active[largest] > largest - 1
    return goal if used else dataclasses.replace(goal, limit=largest)


def check_examples(experiment: Experiment) -> None:
    """Refuse data of which too little is held out to compare sizes on."""
    data = experiment.dataset
    held_out = len(experiment.held_out(0)) * max(experiment.study.validation_folds, 1)
    if held_out < LEAST_EXAMPLES:
        needed = LEAST_EXAMPLES if data.groups is None else 2 * LEAST_EXAMPLES
        raise DataError(
            f"{data.name}: at least {LEAST_EXAMPLES} examples have to be held out to compare "
            f"sizes on, got {held_out}; give {needed} training examples or more, and leave "
            "validation_fraction and validation_folds as they are"
        )


def _decide(here: Local, step: Step, ask: Ask) -> None:
    """Write a step down, before anything is trained for it."""
    here.observer.say(
        f"{step.action:8}{step.networks} networks: sizes {', '.join(map(str, step.latent_sizes))}, "
        f"seeds {', '.join(map(str, step.seeds))} ({why(step.reason)})"
    )
    spent = {"spent_seconds": round(_spent(here.run), 1), "budget_seconds": ask.budget}
    here.run.decide({**step._asdict(), "why": why(step.reason), **spent})


def _spent(run: RunFolder, stages: Collection[str] = ("pilot", *_COUNTED)) -> float:
    seconds = run.manifest()["seconds"]
    return sum(seconds.get(stage, 0.0) for stage in stages)


def seconds_a_network(here: Local) -> float:
    """What one more network costs here: as measured, or before the first as estimated."""
    run, experiment = here.run, here.experiment
    members = members_in(run, experiment.study)
    if run.decisions() and (spent := _spent(run, _COUNTED)):
        return spent / len(members)
    width = max(member.latent_size for member in members)
    supply = supply_of(experiment, len({member.seed for member in members}), width)
    held_out = len(experiment.held_out(0))
    one = price_of_network(experiment.study, experiment.recipe(width), held_out)
    return one + (0 if supply is None else seconds_to_read(experiment, width, supply, 1))


def _affordable(here: Local, ask: Ask) -> int:
    """How many more networks the budget allows."""
    return int(max(ask.budget - _spent(here.run), 0) / seconds_a_network(here))


def _has_new(here: Local, step: Step) -> bool:
    """Whether some of a step's networks were never trained: one that failed is not tried again."""
    members = members_in(here.run, here.experiment.study)
    there = {(member.latent_size, member.seed) for member in members}
    return any((size, seed) not in there for size in step.latent_sizes for seed in step.seeds)


def _finished(here: Local, ask: Ask, ending: Ending | None) -> Answer:
    """Measure all networks on the test split, and write answer, report and the rest."""
    run, experiment = here.run, here.experiment
    keep_members(run)
    tasks = missing(run, experiment, BASIC)
    measure_all(here, tasks, "measuring", account="finish")  # no part of the budget
    here.all(project.missing(run, of=project.NONE))
    tell_results(here)
    here.all([ALARMS])
    limit = goal_of(experiment.study, experiment.dataset, ask).limit
    found = answer(run, ask.criterion, ask.rule, limit=limit)
    found = dataclasses.replace(found, ending=ending)
    run.write_answers({"recommendation": found.json, "claims": []})
    here.all(DRAWN)
    run.write_manifest({**run.manifest(), "status": "complete"})
    return found
