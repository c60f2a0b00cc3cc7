"""The loop between epochs: run one, look at its losses, write a checkpoint, go on or stop."""

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import jax
import numpy as np

from latentsweep.model import family
from latentsweep.model.family import Settings
from latentsweep.model.vae import VAE
from latentsweep.training.checkpoint import Checkpoint, Writer, last_checkpoint
from latentsweep.training.placement import over_members
from latentsweep.training.programs import Programs
from latentsweep.training.steps import State, Terms


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A member after training, padded, with its curve [T] and what became of it."""

    vae: VAE
    shared: np.ndarray
    reconstruction: np.ndarray
    penalty: np.ndarray
    failed_epoch: int
    seconds: float


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
    at, writer = _resumed(programs, settings, folder), Writer(folder)
    on_epoch(at.epoch, at.epoch > 0)
    state, alive = over_members(at.state, programs.mesh), at.state.alive
    numbers = range(at.epoch, epochs)
    coming = _epochs(programs, settings, state, numbers, lambda done: on_epoch(done, False))
    started = time.perf_counter()
    while np.any(alive) and (made := next(coming, None)):
        state, terms = made
        alive, terms = jax.device_get((state.alive, terms))
        seconds = time.perf_counter() - started
        started += seconds
        at = Checkpoint(
            state,
            np.vstack([at.reconstruction, terms.reconstruction]),
            np.vstack([at.penalty, terms.penalty]),
            at.seconds + seconds,
        )
        writer.write(at)
        on_epoch(at.epoch, False)
    shared = programs.closed_form(state, settings, at.epoch)
    at = dataclasses.replace(at, state=jax.device_get(state))
    return [_outcome(at, shared, index) for index in range(len(shared))]


def _epochs(
    programs: Programs,
    settings: Settings,
    state: State,
    numbers: Iterable[int],
    told: Callable[[float], None],
) -> Iterator[tuple[State, Terms]]:
    """Epoch after epoch, each begun before the one before it is looked at where that can be."""
    made: deque[tuple[State, Terms]] = deque()
    for number in numbers:
        state, terms = programs.epoch(state, settings, number, told)
        made.append((state, terms))
        if len(made) > programs.ahead:
            yield made.popleft()
    yield from made


def _resumed(programs: Programs, settings: Settings, folder: Path) -> Checkpoint:
    state = programs.fresh(settings)
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
