"""The loop between epochs: run one, look at its losses, write a checkpoint, go on or stop."""

import dataclasses
import time
from collections.abc import Callable
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
from latentsweep.training.placement import over_members, sharded
from latentsweep.training.steps import Recipe, State, closed_form, initial_state, train_epoch


@dataclasses.dataclass(frozen=True)
class Programs:
    """The compiled programs of a pass, for families of one size on one mesh."""

    mesh: Mesh
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


def compiled(
    recipe: Recipe, settings: Settings, data: jax.Array, mesh: Mesh, mapping: Mapping
) -> Programs:
    """The programs that train a family of these settings' size; compiling runs nothing.

    Args:
        settings: stacked; only their shapes matter.
        data: the training values [N, D] as stored, on every device of the mesh.
    """

    def over_family(function: Callable[..., Any], resident: int = 0) -> Callable[..., Any]:
        """A function of one member, resident data and the recipe, spread over family and mesh."""

        def each(*arguments: Any) -> Any:
            members, rest = arguments[: -resident or None], arguments[len(arguments) - resident :]
            return family.each(lambda *one: function(*one, *rest, recipe), mapping)(*members)

        return sharded(each, mesh, resident)

    initial = over_family(initial_state)
    state = jax.eval_shape(initial, settings)
    epoch = jax.jit(over_family(train_epoch, resident=1), donate_argnums=0)
    last = jax.jit(over_family(closed_form, resident=1))
    return Programs(
        mesh=mesh,
        initial=jax.jit(initial).lower(settings).compile(),
        epoch=epoch.lower(state, settings, data).compile(),
        closed_form=last.lower(state, settings, data).compile(),
    )


def fit(
    programs: Programs,
    settings: Settings,
    data: jax.Array,
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
        state, terms = programs.epoch(state, settings, data)
        state_here, terms_here = jax.device_get((state, terms))  # the one host sync of an epoch
        at = Checkpoint(
            state_here,
            np.vstack([at.reconstruction, terms_here.reconstruction]),
            np.vstack([at.penalty, terms_here.penalty]),
            at.seconds + time.perf_counter() - started,
        )
        write_checkpoint(folder, at)
        on_epoch(at.epoch, False)
    shared = jax.device_get(programs.closed_form(state, settings, data))
    return [_outcome(at, shared, index) for index in range(len(shared))]


def _resumed(programs: Programs, settings: Settings, folder: Path) -> Checkpoint:
    state = programs.initial(settings)
    checkpoint = last_checkpoint(folder, state)
    if checkpoint is not None:
        return checkpoint
    none = np.zeros((0, len(state.alive)), np.float32)
    return Checkpoint(jax.device_get(state), none, none, 0.0)


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
