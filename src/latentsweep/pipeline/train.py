"""The training stage: every pass that is not done, from its last checkpoint.

A member's folder appears when its pass ends; a pass whose members are all there is left as it is.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.sharding import Mesh

from latentsweep.data.kind import spread
from latentsweep.evaluation.evaluate import no_latent_losses
from latentsweep.model import family
from latentsweep.model.family import Settings
from latentsweep.model.objective import Objective
from latentsweep.pipeline.measure import measure_missing
from latentsweep.pipeline.plan import (
    Kind,
    Member,
    Pass,
    passes_of,
    plan_more,
    planned_passes,
)
from latentsweep.pipeline.reading import supply_of, training_footprint
from latentsweep.pipeline.work import Work, is_trained
from latentsweep.training import fit
from latentsweep.training.checkpoint import named_arrays, remove_checkpoints
from latentsweep.training.kernel import dense_adam
from latentsweep.training.placement import Placement, available, fitting, on_all, on_some
from latentsweep.training.programs import Programs, compiled
from latentsweep.training.supply import Held, Supply

LOOKED_AT = 5_000  # examples, when a training is judged
Measure = Callable[[Work, Iterable[str]], None]


def train(work: Work, measure: Measure | None = None) -> None:
    """Train and measure what is not yet, on the devices for which there is memory.

    Args:
        measure: what is done with the members of a pass once they are trained, if not the usual.
    """
    recipe, supply = work.recipe(), supply_of(work)
    placement, at_once = fitting(available(), training_footprint(work, supply))
    kept = passes_of(work.folder)
    there = {name for each in kept for name in each.members}
    missing = [member.name for member in work.members if member.name not in there]
    planned = [
        each
        for width, names in _by_width(work, missing).items()
        for each in planned_passes(names, work.study, recipe.wide(width), placement, at_once)
    ]
    plan_more(work.folder, planned, len(kept))
    TrainingStage(work, placement, measure, supply).run([*kept, *planned])


def _by_width(work: Work, names: Sequence[str]) -> dict[int, list[str]]:
    """The named members by the latent width at which they train."""
    if work.shape(work.width).is_padded:
        return {work.width: list(names)}
    found: dict[int, list[str]] = {}
    for member in work.members:
        if member.name in names:
            found.setdefault(member.latent_size, []).append(member.name)
    return found


class TrainingStage:
    """Trains passes one after another; passes of one size share their compiled programs."""

    def __init__(
        self,
        work: Work,
        placement: Placement,
        measure: Measure | None = None,
        supply: Supply | None = None,
    ):
        self.work = work
        self.supply = supply
        self.placement = placement
        self.measure = measure
        self._without_latent: dict[int, np.ndarray] = {}
        self.recipe = work.recipe()

    def run(self, passes: list[Pass]) -> None:
        """Train and measure all passes, telling the observer in units of one member's epoch."""
        observer, done = self.work.observer, 0
        passes = [self._possible(plan) for plan in passes]
        with self.work.timed("compile"):
            programs = self.compiled([plan for plan in passes if not self._is_done(plan)])
        observer.stage("training", sum(p.epochs * len(p.members) for p in passes))
        for number, plan in enumerate(passes):
            if self._is_done(plan):  # a killed process may not have come to this
                remove_checkpoints(self.work.folder.pass_path(number))
            else:
                self._train(number, plan, programs[plan.kind], done)
            with self.work.timed("evaluate"):
                (self.measure or measure_missing)(self.work, plan.members)
            done += plan.epochs * len(plan.members)
            observer.advance(done)

    def _is_done(self, plan: Pass) -> bool:
        return all(is_trained(self.work, name) for name in plan.members)

    def _possible(self, plan: Pass) -> Pass:
        """The pass with kernels that there are on this machine, which may not be where it began."""
        if not plan.fused or dense_adam.supported():
            return plan
        if not self._is_done(plan):
            self.work.observer.say(
                f"{', '.join(plan.members)}: begun with a kernel that this machine has not; "
                "numbers may differ in the last digits"
            )
        return dataclasses.replace(plan, fused=False)

    def compiled(self, passes: list[Pass]) -> dict[Kind, Programs]:
        """The programs of each kind of pass."""
        kinds = {plan.kind: plan for plan in passes}
        meshes = [self.placement.mesh(kind.members) for kind in kinds]
        data = dict(zip(kinds, zip(self._data(meshes), meshes, strict=True), strict=True))
        found: dict[Kind, Programs] = {}
        for one in dict.fromkeys(kind._replace(members=0) for kind in kinds):
            here = {kind: p for kind, p in kinds.items() if kind._replace(members=0) == one}
            first = next(iter(here.values()))
            needed = [(self.settings(plan), *data[kind]) for kind, plan in here.items()]
            made = compiled(first.recipe(self.recipe), first.mapping, needed)
            if self.recipe.shape.path:
                begun = self.work.principal
                made = [dataclasses.replace(each, principals=begun) for each in made]
            found |= dict(zip(here, made, strict=True))
        return found

    def _data(self, meshes: Sequence[Mesh]) -> Sequence[Held | Supply]:
        """The training examples on the devices of each mesh, held once, or the supply of them."""
        if self.supply is not None or not meshes:
            return [self.supply for _ in meshes if self.supply]
        data = on_all(self.work.stored("train"), max(meshes, key=lambda mesh: mesh.size))
        return [Held(on_some(data, mesh)) for mesh in meshes]

    def settings(self, plan: Pass) -> Settings:
        """The stacked settings of a pass's members."""
        study, features = self.work.study, self.recipe.shape.features
        rounding = self.work.dataset.rounding
        return family.stacked(
            [member.settings(study, features, rounding) for member in self._members(plan)]
        )

    def _members(self, plan: Pass) -> list[Member]:
        return [m for m in self.work.members if m.name in plan.members]

    def _train(self, number: int, plan: Pass, programs: Programs, done: int) -> None:
        folder = self.work.folder.pass_path(number)
        members = self._members(plan)
        with self.work.timed("train") as account:
            tell = partial(self._tell, number, plan, done, account)
            nothing = np.array([self._nothing_learned(member.seed) for member in members])
            outcomes = fit.fit_soundly(
                programs,
                self.settings(plan),
                plan.epochs,
                folder,
                tell,
                nothing,
                lambda place, outcome: self._say_bad(members[place], outcome),
            )
        for member, outcome in zip(members, outcomes, strict=True):
            self._write(member, outcome)
        remove_checkpoints(folder)

    def _nothing_learned(self, seed: int) -> np.ndarray:
        """Losses without a latent on some of the examples that a seed's networks train on."""
        fold = seed % max(self.recipe.folds, 1)
        if fold not in self._without_latent:
            indices = self.work.trained_on(fold)
            train = self.work.scaled_at(indices[spread(len(indices), LOOKED_AT)])
            self._without_latent[fold] = no_latent_losses(self.work.likelihood, train, train)
        return self._without_latent[fold]

    def _say_bad(self, member: Member, outcome: fit.Outcome) -> None:
        what = f"failed in epoch {outcome.failed_epoch}"
        if not outcome.failed_epoch:
            what = f"is trained badly, to a loss of {outcome.loss:.3g} from {outcome.first:.3g}"
        self.work.observer.say(f"{member.name} {what}; it is trained again from another start")

    def _tell(
        self,
        number: int,
        plan: Pass,
        done: int,
        account: Callable[[], None],
        epoch: float,
        resumed: bool,
    ) -> None:
        account()
        if resumed:
            names = ", ".join(plan.members)
            self.work.observer.say(
                f"pass {number} ({names}) goes on after epoch {epoch} of {plan.epochs}"
            )
        self.work.observer.advance(done + epoch * len(plan.members))

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
        objective = member.settings(self.work.study, self.recipe.shape.features).objective
        vae = family.unpadded(outcome.vae, member.latent_size, self.recipe.shape)
        arrays = named_arrays(vae) | {"shared": np.asarray(outcome.shared)}
        curve = _curve(outcome, objective)
        self.work.folder.write_trained(member.name, facts, curve, arrays)


def _loss(outcome: fit.Outcome, objective: Objective) -> np.ndarray:
    terms = jnp.asarray(outcome.reconstruction), jnp.asarray(outcome.penalty)
    return np.asarray(objective.loss(*terms))


def _curve(outcome: fit.Outcome, objective: Objective) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "epoch": np.arange(1, len(outcome.penalty) + 1),
            "loss": _loss(outcome, objective),
            "reconstruction": outcome.reconstruction,
            "penalty": outcome.penalty,
        }
    )
