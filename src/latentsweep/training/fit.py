"""The loop between epochs: run one, look at its losses, write a checkpoint, go on or stop."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from latentsweep.model import family
from latentsweep.model.family import Mapping, Settings
from latentsweep.model.vae import VAE
from latentsweep.training import streaming
from latentsweep.training.checkpoint import (
    Checkpoint,
    Writer,
    last_checkpoint,
)
from latentsweep.training.placement import cores, over_family, over_members
from latentsweep.training.steps import Recipe, State, closed_form, initial_state, train_epoch
from latentsweep.training.streaming import Streamed
from latentsweep.training.supply import Supply


@dataclasses.dataclass(frozen=True)
class Programs:
    """The compiled programs of a kind of pass, and the training values [N, D] on its devices.

    Of values that do not fit there, it has the supply.
    `initial` makes the state of one member, the others are of a whole family.
    """

    mesh: Mesh
    data: jax.Array | Supply
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
    recipe: Recipe,
    mapping: Mapping,
    kinds: Sequence[tuple[Settings, jax.Array | Supply, Mesh]],
) -> list[Programs]:
    """The programs of each kind of pass, compiled side by side; compiling runs nothing.

    Args:
        kinds: the stacked settings of such a pass, of which only the shapes matter, the training
            values [N, D] as stored, on every device of a mesh, or the supply of them, and that
            mesh.
    """
    one = family.member(kinds[0][0], 0)
    initial = jax.jit(lambda settings: initial_state(settings, recipe)).lower(one)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(initial.compile, _UNOPTIMISED)
        made = []
        for settings, data, mesh in kinds:
            here = dataclasses.replace(recipe, threads=max(cores() // mesh.size, 1))
            (members,) = np.shape(settings.seed)
            state = family.stacked_like(initial.out_info, members)
            if isinstance(data, Supply):
                made.append(streaming.compiled(here, mapping, (state, settings, data, mesh), pool))
            else:
                made.append(_resident(here, mapping, (state, settings, data, mesh), pool))
    return [
        Programs(mesh, data, first.result(), *_epoch_and_closed_form(each))
        for (_, data, mesh), each in zip(kinds, made, strict=True)
    ]


def _resident(
    recipe: Recipe, mapping: Mapping, kind: tuple[State, Settings, jax.Array, Mesh], pool: Executor
) -> list[Future]:
    """The programs of an epoch and of the closed form, of data on the devices."""
    state, settings, data, mesh = kind

    def lowered(function: Callable[..., Any], *donated: int) -> Any:
        spread = over_family(lambda *one: function(*one, recipe), mapping, mesh, 1)
        return jax.jit(spread, donate_argnums=donated).lower(state, settings, data)

    programs = lowered(train_epoch, 0), lowered(closed_form)
    return [pool.submit(program.compile) for program in programs]


def _epoch_and_closed_form(
    made: Streamed | list[Future],
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    if isinstance(made, Streamed):
        return made.epoch, made.closed_form
    epoch, last = (each.result() for each in made)
    return epoch, last


def fit(
    programs: Programs,
    settings: Settings,
    epochs: int,
    folder: Path,
    on_epoch: Callable[[float, bool], None],
) -> list[Outcome]:
    """Train a family for so many epochs, from the folder's last checkpoint if there is one.

    Args:
        on_epoch: told the number of epochs done, at the start, after each epoch, and of data
            that is supplied in chunks after each chunk; and whether that is where an interrupted
            training goes on.
    """
    at, data = _resumed(programs, settings, folder), programs.data
    if isinstance(data, Supply):
        data = dataclasses.replace(data, told=lambda share: on_epoch(at.epoch + share, False))
    on_epoch(at.epoch, at.epoch > 0)
    state, writer = over_members(at.state, programs.mesh), Writer(folder)
    while at.epoch < epochs and np.any(at.state.alive):
        started = time.perf_counter()
        state, terms = programs.epoch(state, settings, data)
        state_here, terms_here = jax.device_get((state, terms))  # the one host sync of an epoch
        at = Checkpoint(
            state_here,
            np.vstack([at.reconstruction, terms_here.reconstruction]),
            np.vstack([at.penalty, terms_here.penalty]),
            at.seconds + time.perf_counter() - started,
        )
        writer.write(at)
        on_epoch(at.epoch, False)
    shared = jax.device_get(programs.closed_form(state, settings, data))
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
