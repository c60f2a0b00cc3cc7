"""The training stage: a task is a pass that is not done, from its last checkpoint.

A member's folder appears when its pass ends; a pass whose members are all there is done.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.sharding import Mesh

from latentsweep.data.kind import spread
from latentsweep.evaluation.evaluate import no_latent_losses
from latentsweep.model import family
from latentsweep.model.family import Settings
from latentsweep.record.folder import RunFolder
from latentsweep.training import fit
from latentsweep.training.checkpoint import named_arrays, remove_checkpoints
from latentsweep.training.cost import supply_of, training_footprint
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import Member, members_in
from latentsweep.training.placement import available, fitting, on_all, on_some
from latentsweep.training.plan import Kind, Pass, passes_of, plan_more, planned_passes
from latentsweep.training.programs import Programs, compiled
from latentsweep.training.supply import Held, Supply
from latentsweep.training.update import complaint, is_here, rule_of
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.tasks import Task

LOOKED_AT = 5_000  # examples, when a training is judged


def missing(run: RunFolder, experiment: Experiment) -> list[Task]:
    """The passes to train; those of members that are in none are planned first.

    What a killed process left of a pass that is done goes.
    """
    members, kept = members_in(run, experiment.study), passes_of(run)
    there = {name for each in kept for name in each.members}
    if lacking := [member for member in members if member.name not in there]:
        width = max(member.latent_size for member in members)
        supply = supply_of(experiment, len({member.seed for member in members}), width)
        need = training_footprint(experiment, width, supply)
        placement, at_once = fitting(available(), need)
        planned = [
            each
            for own, names in _by_width(experiment, lacking, width).items()
            for each in planned_passes(
                names, experiment.study, experiment.recipe(own), placement, at_once
            )
        ]
        plan_more(run, planned, len(kept))
        kept += planned
    for number, each in enumerate(kept):
        if _is_done(run, each):
            remove_checkpoints(run.pass_path(number))
    return [Task("train", str(n)) for n, each in enumerate(kept) if not _is_done(run, each)]


def is_trained(run: RunFolder, member: str) -> bool:
    """Whether a member's weights are written."""
    return (run.member_path(member) / "weights.safetensors").exists()


def _is_done(run: RunFolder, plan: Pass) -> bool:
    return all(is_trained(run, name) for name in plan.members)


def _by_width(
    experiment: Experiment, members: Sequence[Member], width: int
) -> dict[int, list[str]]:
    """Names of members by the latent width at which they train."""
    padded, found = experiment.shape(width).is_padded, {}
    for member in members:
        found.setdefault(width if padded else member.latent_size, []).append(member.name)
    return found


class Training:
    """Trains passes of a run; passes of one kind share their compiled programs."""

    def __init__(self, run: RunFolder, experiment: Experiment, observer: Observer) -> None:
        self.run, self.experiment, self.observer = run, experiment, observer
        self.passes: dict[str, Pass] = {}
        self.programs: dict[Kind, Programs] = {}
        self._without_latent: dict[int, np.ndarray] = {}
        self._done = 0

    def prepare(self, names: Sequence[str]) -> None:
        """Compile the programs of these passes, and bring the data to the devices."""
        passes = passes_of(self.run)
        planned = {name: passes[int(name)] for name in names}
        by_rule = any(plan.mapping == "map" for plan in planned.values())
        if by_rule and not self.passes and (slower := complaint()):
            self.observer.say(slower)
        self.passes = {name: self._possible(plan) for name, plan in planned.items()}
        self._members = members_in(self.run, self.experiment.study)
        self._width = max(member.latent_size for member in self._members)
        self.programs = self._compiled(list(self.passes.values()))
        total = sum(plan.epochs * len(plan.members) for plan in self.passes.values())
        self.observer.stage("training", total)
        self._done = 0

    def perform(self, name: str, tick: Callable[[], None]) -> None:
        """Train a pass, and write what its members became."""
        plan, folder = self.passes[name], self.run.pass_path(int(name))
        members = self._of(plan)
        outcomes = fit.fit_soundly(
            self.programs[plan.kind],
            self.settings(plan),
            plan.epochs,
            folder,
            partial(self._tell, name, tick),
            np.array([self._nothing_learned(member.seed) for member in members]),
            lambda place, outcome: self._say_bad(members[place], outcome),
        )
        for member, outcome in zip(members, outcomes, strict=True):
            self._write(member, outcome)
        remove_checkpoints(folder)
        self._done += plan.epochs * len(members)
        self.observer.advance(self._done)

    def settings(self, plan: Pass) -> Settings:
        """The stacked settings of a pass's members."""
        data = self.experiment.dataset
        own = (self.experiment.study, data.features, data.rounding)
        return family.stacked([member.settings(*own) for member in self._of(plan)])

    def _of(self, plan: Pass) -> list[Member]:
        return [member for member in self._members if member.name in plan.members]

    def _possible(self, plan: Pass) -> Pass:
        """The pass with a rule that there is on this machine, which may not be where it began."""
        if is_here(rule_of(fused=plan.fused)):
            return plan
        self.observer.say(
            f"{', '.join(plan.members)}: begun with a kernel that this machine has not; "
            "numbers may differ in the last digits"
        )
        return dataclasses.replace(plan, fused=False)

    def _compiled(self, passes: list[Pass]) -> dict[Kind, Programs]:
        """The programs of each kind of pass."""
        experiment, recipe = self.experiment, self.experiment.recipe(self._width)
        seeds = len({member.seed for member in self._members})
        supply = supply_of(experiment, seeds, self._width)
        placement, _ = fitting(available(), training_footprint(experiment, self._width, supply))
        kinds = {plan.kind: plan for plan in passes}
        meshes = [placement.mesh(kind.members) for kind in kinds]
        data = dict(zip(kinds, zip(self._data(meshes, supply), meshes, strict=True), strict=True))
        found: dict[Kind, Programs] = {}
        for one in dict.fromkeys(kind._replace(members=0) for kind in kinds):
            here = {kind: p for kind, p in kinds.items() if kind._replace(members=0) == one}
            first = next(iter(here.values()))
            needed = [(self.settings(plan), *data[kind]) for kind, plan in here.items()]
            made = compiled(first.recipe(recipe), first.mapping, needed)
            if recipe.shape.path:
                begun = experiment.principal
                made = [dataclasses.replace(each, principals=begun) for each in made]
            found |= dict(zip(here, made, strict=True))
        return found

    def _data(self, meshes: Sequence[Mesh], supply: Supply | None) -> Sequence[Held | Supply]:
        """The training examples on the devices of each mesh, held once, or the supply of them."""
        if supply is not None:
            return [supply for _ in meshes]
        stored = self.experiment.stored(self.experiment.dataset.splits["train"])
        data = on_all(stored, max(meshes, key=lambda mesh: mesh.size))
        return [Held(on_some(data, mesh)) for mesh in meshes]

    def _nothing_learned(self, seed: int) -> np.ndarray:
        """Losses without a latent on some of the examples that a seed's networks train on."""
        fold = seed % max(self.experiment.study.validation_folds, 1)
        if fold not in self._without_latent:
            indices = self.experiment.trained_on(fold)
            train = self.experiment.scaled(indices[spread(len(indices), LOOKED_AT)])
            likelihood = self.experiment.likelihood
            self._without_latent[fold] = no_latent_losses(likelihood, train, train)
        return self._without_latent[fold]

    def _say_bad(self, member: Member, outcome: fit.Outcome) -> None:
        what = f"failed in epoch {outcome.failed_epoch}"
        if not outcome.failed_epoch:
            what = f"is trained badly, to a loss of {outcome.loss:.3g} from {outcome.first:.3g}"
        self.observer.say(f"{member.name} {what}; it is trained again from another start")

    def _tell(self, name: str, tick: Callable[[], None], epoch: float, resumed: bool) -> None:
        tick()
        plan = self.passes[name]
        if resumed:
            names = ", ".join(plan.members)
            self.observer.say(f"pass {name} ({names}) goes on after epoch {epoch} of {plan.epochs}")
        self.observer.advance(self._done + epoch * len(plan.members))

    def _write(self, member: Member, outcome: fit.Outcome) -> None:
        """Write what a member became."""
        facts = {
            **dataclasses.asdict(member),
            "failed_epoch": outcome.failed_epoch,
            "kept_epoch": outcome.kept_epoch,
            "apart_loss": outcome.apart if np.isfinite(outcome.apart) else None,
            "start": outcome.start,
            "least_loss": outcome.least if np.isfinite(outcome.least) else None,
            "train_seconds": outcome.seconds,
        }
        study, features = self.experiment.study, self.experiment.dataset.features
        objective = member.settings(study, features).objective
        terms = {"reconstruction": outcome.reconstruction, "penalty": outcome.penalty}
        curve = pd.DataFrame(
            {
                "epoch": np.arange(1, len(outcome.penalty) + 1),
                "loss": np.asarray(objective.loss(*map(jnp.asarray, terms.values()))),
                **terms,
            }
        )
        shape = self.experiment.shape(self._width)
        vae = family.unpadded(outcome.vae, member.latent_size, shape)
        arrays = named_arrays(vae) | {"shared": np.asarray(outcome.shared)}
        self.run.write_trained(member.name, facts, curve, arrays)
