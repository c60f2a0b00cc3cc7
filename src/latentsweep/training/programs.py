"""The compiled programs of a pass, and an epoch of a family as they make it.

An epoch is its order, chunk after chunk of its steps, and its end. Data that devices hold is one
chunk, data that is larger than memory several. The state before the epoch is kept until its end,
since a member whose training fails goes back to it.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from latentsweep.model import family
from latentsweep.model.family import Mapping, Settings
from latentsweep.model.principal import Principal
from latentsweep.training.orders import Recipe, looked_at, order_apart, order_of
from latentsweep.training.placement import on_all, over_family, over_members
from latentsweep.training.steps import (
    State,
    Terms,
    closed_form_chunk,
    initial_state,
    kept_best,
    train_and_look,
    train_chunk,
    train_last_chunk,
)
from latentsweep.training.supply import Held, Supply

_Program = Callable[..., Any]
_Chunk = tuple[jax.Array, np.int32, jax.Array]  # order, start, values
_UNOPTIMISED: dict[str, str | bool] = {
    "xla_backend_optimization_level": "0"
}  # for what runs once: compiling costs more


@dataclasses.dataclass(frozen=True)
class Programs:
    """The compiled programs of a kind of pass, and the training values of its devices.

    `initial` makes the state of one member, the others are of a whole family: `chunk` and `closed`
    by the number of their steps, and `last` for the chunk that ends an epoch. There is no `chunk`
    where one chunk is an epoch, no `closed` where the likelihood shares nothing, and no `look`
    where training is not stopped. `principals` are of each seed's training examples, where networks
    begin as these.
    """

    recipe: Recipe
    mesh: Mesh
    data: Held | Supply
    initial: _Program
    no_terms: Terms
    chunk: dict[int, _Program]
    last: _Program
    closed: dict[int, _Program]
    look: _Program | None = None
    principals: Callable[[int], Principal] | None = None
    kept: dict[tuple[int, ...], _Chunk] = dataclasses.field(default_factory=dict)

    def fresh(self, settings: Settings) -> State:
        """The state of a family before its first step, on the host."""
        here, states = jax.device_get(settings), []
        for index in range(len(here.seed)):
            member = family.member(here, index)
            state = jax.device_get(self.initial(member))
            if self.principals is not None:
                principal = self.principals(int(member.seed))
                vae = principal.begun(state.vae, int(member.latent_size))
                state = eqx.tree_at(lambda s: s.vae, state, vae)
            states.append(state)
        return jax.tree.map(lambda *leaves: np.stack(leaves), *states)

    def looked(self, state: State, settings: Settings) -> State:
        """A family that has looked at the examples apart, if there are any."""
        if self.look is None:
            return state
        return self.look(state, settings, *self._chunk_of_look(settings))

    def epoch(
        self,
        state: State,
        settings: Settings,
        number: int,
        told: Callable[[float], None] = lambda _: None,
    ) -> tuple[State, Terms, Float[Array, " M"]]:
        """A family after one more epoch, its mean terms [M], and its first step's losses.

        A member whose loss or weights are no longer finite keeps the state it had before the epoch,
        and is dead from then on; one that rests keeps it too.

        Args:
            number: of the epochs done.
            told: hears how many are done amid the epoch, where it is more than one chunk.
        """
        amid = state, self.no_terms
        *others, _ = self._sizes
        chunks = self._chunks(settings, number)
        for size, chunk in zip(others, chunks, strict=False):
            amid = jax.block_until_ready(self.chunk[size](amid, settings, *chunk))
            told(number + (chunk[1] + size) / self.recipe.steps_per_epoch)
        chunk = next(chunks)
        if self.look is not None:
            chunk = _with_look(chunk, self._chunk_of_look(settings))
        ended = self.last(state, amid, settings, *chunk)
        return jax.block_until_ready(ended) if others else ended

    def closed_form(self, state: State, settings: Settings, number: int) -> Float[np.ndarray, " M"]:
        """What the likelihood shares between examples, the mean over one more epoch's batches.

        Members that are principal components still have that of these.
        """
        if not self.closed:
            return np.zeros(len(state.alive), np.float32)
        chunks = zip(self._sizes, self._chunks(settings, number), strict=True)
        parts = [
            jax.device_get(self.closed[size](state, settings, *chunk)) for size, chunk in chunks
        ]
        shared = np.mean(np.concatenate(parts, axis=1), axis=1)
        if state.best is None or self.principals is None:
            return shared
        seeds, sizes = (np.asarray(each).tolist() for each in (settings.seed, settings.latent_size))
        begun = [self.principals(seed).noise(size) for seed, size in zip(seeds, sizes, strict=True)]
        return np.where(np.asarray(state.best.epoch) == 0, begun, shared).astype(shared.dtype)

    @property
    def ahead(self) -> int:
        """How many epochs may be begun beside the one that runs: of several chunks none."""
        return int(len(self._sizes) == 1)

    @property
    def _sizes(self) -> list[int]:
        """The steps of each chunk of an epoch."""
        return self.data.sizes(self.recipe.batch_size, self.recipe.steps_per_epoch)

    def _chunk_of_look(self, settings: Settings) -> _Chunk:
        """The examples that are looked at: the same each time, so kept where devices hold them."""
        seeds = tuple(np.asarray(settings.seed).tolist())
        if seeds in self.kept:
            return self.kept[seeds]
        sizes = [looked_at(self.recipe) + self.recipe.batches_apart]
        (chunk,) = self._placed(settings, lambda seed: order_apart(seed, self.recipe), sizes)
        self.kept.clear()
        if isinstance(self.data, Held):
            self.kept[seeds] = chunk
        return chunk

    def _chunks(self, settings: Settings, number: int) -> Iterator[_Chunk]:
        """An epoch's chunks on the devices: each member's batches, their first step, the rows."""
        of_seed = partial(order_of, epoch=number, recipe=self.recipe)
        return self._placed(settings, of_seed, self._sizes)

    def _placed(
        self, settings: Settings, of_seed: Callable[[int], np.ndarray], sizes: list[int]
    ) -> Iterator[_Chunk]:
        """Chunks of so many steps on the devices, by the order of each seed."""
        seeds = np.asarray(settings.seed).tolist()
        there = list(dict.fromkeys(seeds))
        orders, of_members = [of_seed(seed) for seed in there], [there.index(s) for s in seeds]
        for chunk in self.data.chunks(orders, of_members, sizes):
            values = chunk.values
            if not isinstance(values, jax.Array):
                values = on_all(values, self.mesh)
            yield over_members(chunk.order, self.mesh), np.int32(chunk.start), values


def compiled(
    recipe: Recipe,
    mapping: Mapping,
    kinds: Sequence[tuple[Settings, Held | Supply, Mesh]],
) -> list[Programs]:
    """The programs of each kind of pass, compiled side by side; compiling runs nothing.

    Args:
        kinds: the stacked settings of such a pass, of which only the shapes matter, its training
            values, and its mesh.
    """
    one = family.member(kinds[0][0], 0)
    initial = jax.jit(lambda settings: initial_state(settings, recipe)).lower(one)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(initial.compile, _UNOPTIMISED)
        coming = [
            {
                name: jax.tree.map(lambda program: pool.submit(program.compile), lowered)
                for name, lowered in _lowered(recipe, mapping, initial.out_info, kind)
            }
            for kind in kinds
        ]
        made = jax.tree.map(lambda compiling: compiling.result(), coming)
    return [
        Programs(
            recipe=recipe,
            mesh=mesh,
            data=data,
            initial=first.result(),
            no_terms=over_members(_no_terms(settings, recipe), mesh),
            **each,
        )
        for (settings, data, mesh), each in zip(kinds, made, strict=True)
    ]


def _lowered(
    recipe: Recipe, mapping: Mapping, one: State, kind: tuple[Settings, Held | Supply, Mesh]
) -> Iterator[tuple[str, Any]]:
    """The programs of a kind of pass by their names in `Programs`, ready to be compiled."""
    settings, data, mesh = kind
    (members,) = np.shape(settings.seed)
    state = family.stacked_like(one, members)
    amid = state, jax.eval_shape(lambda: _no_terms(settings, recipe))
    sizes = data.sizes(recipe.batch_size, recipe.steps_per_epoch)
    over, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("M",), ()))

    def chunk_like(steps: int) -> tuple[Any, Any, Any]:
        rows = data.rows(steps * recipe.batch_size), recipe.shape.features
        return (
            jax.ShapeDtypeStruct((members, steps, recipe.batch_size), np.int32, sharding=over),
            jax.ShapeDtypeStruct((), np.int32, sharding=whole),
            jax.ShapeDtypeStruct(rows, data.values.dtype, sharding=whole),
        )

    def of(function: _Program, chunk: tuple[Any, ...], *like: Any, replicated: int = 2) -> Any:
        spread = over_family(lambda *one: function(*one, recipe), mapping, mesh, replicated)
        return jax.jit(spread).lower(*like, settings, *chunk)

    yield "chunk", {size: of(train_chunk, chunk_like(size), amid) for size in set(sizes[:-1])}
    closed = set(sizes) if recipe.likelihood.shares else ()
    yield "closed", {size: of(closed_form_chunk, chunk_like(size), state) for size in closed}
    if not recipe.apart:
        yield "last", of(train_last_chunk, chunk_like(sizes[-1]), state, amid)
        return
    look = chunk_like(looked_at(recipe) + recipe.batches_apart)
    yield "look", of(kept_best, look, state)
    last = _with_look(chunk_like(sizes[-1]), look)
    yield "last", of(train_and_look, last, state, amid, replicated=3)


def _with_look(chunk: tuple[Any, Any, Any], look: tuple[Any, Any, Any]) -> tuple[Any, ...]:
    """An epoch's last chunk and what is looked at after it, as `train_and_look` takes them."""
    (order, start, values), (order_of_look, _, values_of_look) = chunk, look
    return order, order_of_look, start, values, values_of_look


def _no_terms(settings: Settings, recipe: Recipe) -> Terms:
    """Room for the terms [M, T] of an epoch's steps."""
    none = jnp.zeros((*np.shape(settings.seed), recipe.steps_per_epoch))
    return Terms(none, none)
