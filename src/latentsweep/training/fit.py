"""The loop between epochs: run one, look at its losses, write a checkpoint, go on or stop."""

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from latentsweep.model import family
from latentsweep.model.family import Settings
from latentsweep.model.vae import VAE
from latentsweep.training.checkpoint import Checkpoint, Writer, last_checkpoint
from latentsweep.training.placement import over_members
from latentsweep.training.programs import Programs
from latentsweep.training.steps import State, Terms

STARTS = 3


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A member after training, padded, with its curve [T] and what became of it.

    Its weights are those after `kept_epoch` epochs, of a loss of `apart` on the examples apart, NaN
    where there are none. `first` is the loss of its first step,
    `failed_epoch` is 0 for a sound training, and `start` says which beginning of its seed it had.
    """

    vae: VAE
    shared: np.ndarray
    reconstruction: np.ndarray
    penalty: np.ndarray
    kept_epoch: int
    apart: float
    first: float
    failed_epoch: int
    seconds: float
    start: int = 0

    @property
    def least(self) -> float:
        """The least training loss of its epochs in nats, and of its first step."""
        return float(np.min(self.reconstruction + self.penalty, initial=self.first))

    @property
    def loss(self) -> float:
        """The training loss of its weights' epoch in nats, infinite for a failed training."""
        if self.failed_epoch or not len(self.penalty):
            return np.inf
        if not self.kept_epoch:
            return self.first
        return float(self.reconstruction[self.kept_epoch - 1] + self.penalty[self.kept_epoch - 1])


def fit_soundly(
    programs: Programs,
    settings: Settings,
    epochs: int,
    folder: Path,
    on_epoch: Callable[[float, bool], None],
    nothing: Float[np.ndarray, "M N"],
    told: Callable[[int, Outcome], None] = lambda *_: None,
) -> list[Outcome]:
    """`fit`, and again from other starts for members that end badly trained.

    That is, with a training loss that is not finite, or by more than such losses vary beyond that
    of the model without a latent and that of the fresh network. A member that is badly trained from
    each of three starts keeps the least bad of them, as failed; nothing but the examples that it
    trains on has a say in this.

    Args:
        nothing: losses of the model without a latent on some of the examples that each trains on.
        told: hears the place of a member that is badly trained, and what came of it.
    """
    none, spread = nothing.mean(axis=1), nothing.std(axis=1)

    def worst(place: int) -> float:
        return float(max(none[place], outcomes[place].first) + spread[place])

    outcomes = fit(programs, settings, epochs, folder, on_epoch)
    for start in range(1, STARTS):
        bad = [i for i, outcome in enumerate(outcomes) if not outcome.loss <= worst(i)]
        if not bad:
            return outcomes
        for i in bad:
            told(i, outcomes[i])
        again = dataclasses.replace(settings, start=jnp.full_like(settings.start, start))
        others = fit(programs, again, epochs, folder / f"start{start}", on_epoch)
        for i in bad:
            outcomes[i] = min(outcomes[i], others[i], key=lambda outcome: outcome.loss)
    for i, outcome in enumerate(outcomes):
        if not outcome.loss <= worst(i):  # one that did not fail in an epoch failed in the last
            failed = outcome.failed_epoch or len(outcome.penalty)
            outcomes[i] = dataclasses.replace(outcome, failed_epoch=failed)
    return outcomes


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
    fresh, none = programs.fresh(settings), np.zeros((0, np.size(settings.seed)), np.float32)
    begun = Checkpoint(fresh, none, none, np.full(none.shape[1], np.inf, np.float32), 0.0)
    at, writer = last_checkpoint(folder, fresh) or begun, Writer(folder)
    on_epoch(at.epoch, at.epoch > 0)
    state, patience = over_members(at.state, programs.mesh), programs.recipe.patience
    if not at.epoch and programs.recipe.apart:
        state = programs.looked(state, settings)
    going = jax.device_get(state.progress).goes_on(patience)
    numbers = range(at.epoch, epochs)
    coming = _epochs(programs, settings, state, numbers, lambda done: on_epoch(done, False))
    started = time.perf_counter()
    while np.any(going) and (made := next(coming, None)):
        state, *told = made
        # Read, not computed: a computation would wait behind the epoch that is begun beside it.
        progress, terms, first = jax.device_get((state.progress, *told))
        going = progress.goes_on(patience)
        seconds = time.perf_counter() - started
        started += seconds
        at = Checkpoint(
            state,
            np.vstack([at.reconstruction, terms.reconstruction]),
            np.vstack([at.penalty, terms.penalty]),
            at.first if at.epoch else first,
            at.seconds + seconds,
        )
        writer.write(at)
        on_epoch(at.epoch, False)
    if state.best is not None:
        state = dataclasses.replace(state, vae=state.best.vae)
    shared = programs.closed_form(state, settings, at.epoch)
    at = dataclasses.replace(at, state=jax.device_get(state))
    starts = np.asarray(settings.start).tolist()
    return [_outcome(at, shared, start, index) for index, start in enumerate(starts)]


def _epochs(
    programs: Programs,
    settings: Settings,
    state: State,
    numbers: Iterable[int],
    told: Callable[[float], None],
) -> Iterator[tuple[State, Terms, Float[Array, " M"]]]:
    """Epoch after epoch, each begun before the one before it is looked at where that can be."""
    made: deque[tuple[State, Terms, Float[Array, " M"]]] = deque()
    for number in numbers:
        made.append(programs.epoch(state, settings, number, told))
        state = made[-1][0]
        if len(made) > programs.ahead:
            yield made.popleft()
    yield from made


def _outcome(at: Checkpoint, shared: np.ndarray, start: int, index: int) -> Outcome:
    alive, epoch = bool(at.state.alive[index]), int(at.state.epoch[index])
    return Outcome(
        vae=family.member(at.state.vae, index),
        shared=np.asarray(shared[index]),
        reconstruction=at.reconstruction[:epoch, index],
        penalty=at.penalty[:epoch, index],
        kept_epoch=epoch if at.state.best is None else int(at.state.best.epoch[index]),
        apart=np.nan if at.state.best is None else float(at.state.best.loss[index]),
        first=float(at.first[index]),
        failed_epoch=0 if alive else epoch + 1,
        seconds=at.seconds / len(shared),
        start=start,
    )
