"""The loop between epochs: run one, look at its losses, write a checkpoint, go on or stop."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from latentsweep.model import family
from latentsweep.model.family import Mapping, Settings
from latentsweep.model.vae import VAE
from latentsweep.training.checkpoint import (
    Checkpoint,
    last_checkpoint,
    write_checkpoint,
)
from latentsweep.training.placement import cores, over_members, sharded
from latentsweep.training.steps import Recipe, State, closed_form, initial_state, train_epoch


@dataclasses.dataclass(frozen=True)
class Programs:
    """The compiled programs of a kind of pass, and the training values [N, D] on its devices.

    `initial` makes the state of one member, the others are of a whole family.
    """

    mesh: Mesh
    data: jax.Array
    initial: Callable[[Settings], State]
    epoch: Callable[..., Any]
    closed_form: Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A member after training, padded, with its curve [T] and what became of it."""

    vae: VAE
    shared: np.ndarray
    reconstruction: np.ndarray
    penalty: np.ndarray
    failed_epoch: int
    seconds: float


_UNOPTIMISED: dict[str, str | bool] = {
    "xla_backend_optimization_level": "0"
}  # for what runs once: compiling costs more


def compiled(
    recipe: Recipe, mapping: Mapping, kinds: Sequence[tuple[Settings, jax.Array, Mesh]]
) -> list[Programs]:
    """The programs of each kind of pass, compiled side by side; compiling runs nothing.

    Args:
        kinds: the stacked settings of such a pass, of which only the shapes matter, the training
            values [N, D] as stored, on every device of a mesh, and that mesh.
    """

    def over_family(function: Callable[..., Any], mesh: Mesh) -> Callable[..., Any]:
        """A function of one member, data and recipe, spread over a family and its devices."""
        here = dataclasses.replace(recipe, threads=max(cores() // mesh.size, 1))

        def each(state: State, settings: Settings, data: jax.Array) -> Any:
            return family.each(lambda *one: function(*one, data, here), mapping)(state, settings)

        return sharded(each, mesh, 1)

    initial = jax.jit(lambda settings: initial_state(settings, recipe))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(initial.lower(family.member(kinds[0][0], 0)).compile, _UNOPTIMISED)
        others = []
        for settings, data, mesh in kinds:
            state = jax.eval_shape(family.each(initial, mapping), settings)
            epoch = jax.jit(over_family(train_epoch, mesh), donate_argnums=0)
            last = jax.jit(over_family(closed_form, mesh))
            lowered = [program.lower(state, settings, data) for program in (epoch, last)]
            others.append([pool.submit(program.compile) for program in lowered])
    return [
        Programs(mesh, data, first.result(), epoch.result(), last.result())
        for (_, data, mesh), (epoch, last) in zip(kinds, others, strict=True)
    ]


def fit(
    programs: Programs,
    settings: Settings,
    epochs: int,
    folder: Path,
    on_epoch: Callable[[int, bool], None],
) -> list[Outcome]:
    """Train a family for so many epochs, from the folder's last checkpoint if there is one.

    Args:
        on_epoch: told the number of epochs done, at the start and after each checkpoint, and
            whether that is where an interrupted training goes on.
    """
    at = _resumed(programs, settings, folder)
    on_epoch(at.epoch, at.epoch > 0)
    state = over_members(at.state, programs.mesh)
    while at.epoch < epochs and np.any(at.state.alive):
        started = time.perf_counter()
        state, terms = programs.epoch(state, settings, programs.data)
        state_here, terms_here = jax.device_get((state, terms))  # the one host sync of an epoch
        at = Checkpoint(
            state_here,
            np.vstack([at.reconstruction, terms_here.reconstruction]),
            np.vstack([at.penalty, terms_here.penalty]),
            at.seconds + time.perf_counter() - started,
        )
        write_checkpoint(folder, at)
        on_epoch(at.epoch, False)
    shared = jax.device_get(programs.closed_form(state, settings, programs.data))
    return [_outcome(at, shared, index) for index in range(len(shared))]


def fresh(programs: Programs, settings: Settings) -> State:
    """The state of a family before its first step, on the host."""
    here = jax.device_get(settings)
    members = [family.member(here, index) for index in range(len(here.seed))]
    states = jax.device_get([programs.initial(member) for member in members])
    return jax.tree.map(lambda *leaves: np.stack(leaves), *states)


def _resumed(programs: Programs, settings: Settings, folder: Path) -> Checkpoint:
    state = fresh(programs, settings)
    checkpoint = last_checkpoint(folder, state)
    if checkpoint is not None:
        return checkpoint
    none = np.zeros((0, len(state.alive)), np.float32)
    return Checkpoint(state, none, none, 0.0)


def _outcome(at: Checkpoint, shared: np.ndarray, index: int) -> Outcome:
    alive, epoch = bool(at.state.alive[index]), int(at.state.epoch[index])
    return Outcome(
        vae=family.member(at.state.vae, index),
        shared=np.asarray(shared[index]),
        reconstruction=at.reconstruction[:epoch, index],
        penalty=at.penalty[:epoch, index],
        failed_epoch=0 if alive else epoch + 1,
        seconds=at.seconds / len(shared),
    )
