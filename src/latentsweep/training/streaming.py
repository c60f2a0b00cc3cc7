"""An epoch in chunks, of data that does not fit into memory: the same steps, the same numbers.

What `steps.train_epoch` does in one program is several here: the order of the epoch, chunk after
chunk of its steps, and its end. They have the state between them, and one copy of the state before
the epoch, to which a member whose training fails goes back.
"""

import dataclasses
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from latentsweep.model import family
from latentsweep.model.family import Mapping, Settings
from latentsweep.model.likelihoods import Likelihood
from latentsweep.training.placement import on_all, over_family, over_members
from latentsweep.training.steps import (
    Recipe,
    State,
    Terms,
    closed_form_chunk,
    ended,
    order_at,
    orders_alike,
    train_chunk,
)
from latentsweep.training.supply import Supply, chunk_sizes

_Program = Callable[..., Any]
_NOISE_COPIES = 4  # that the compiler keeps while it is drawn


@dataclasses.dataclass(frozen=True)
class Streamed:
    """The compiled programs of epochs that are supplied in chunks of these sizes, in steps.

    `order` is of one member, the others are of a family. Those of chunks are kept by their size.
    """

    recipe: Recipe
    mesh: Mesh
    sizes: list[int]
    order: _Program
    chunk: dict[int, _Program]
    closed: dict[int, _Program]
    end: _Program
    mean: _Program

    def epoch(self, state: State, settings: Settings, supply: Supply) -> tuple[State, Terms]:
        """A family after one more epoch, and the epoch's mean terms: `steps.train_epoch`."""
        running, terms = jax.tree.map(jnp.copy, state), []
        for order, start, values in self._chunks(state, settings, supply):
            program = self.chunk[order.shape[1]]
            running, some = program(running, settings, order, start, values)
            terms.append(jax.device_get(some))  # no more chunks at once than are counted
        return self.end(state, running, self._joined(terms))

    def closed_form(self, state: State, settings: Settings, supply: Supply) -> Float[Array, " M"]:
        """What the likelihood shares between examples: `steps.closed_form`."""
        if not self.closed:
            return jnp.zeros(len(state.epoch))
        parts = [
            jax.device_get(self.closed[order.shape[1]](state, settings, order, start, values))
            for order, start, values in self._chunks(state, settings, supply)
        ]
        return self.mean(self._joined(parts))

    def _joined(self, parts: list[Any]) -> Any:
        """What chunks gave of each step [M, T], as one array of all of the epoch's steps."""
        joined = jax.tree.map(lambda *each: np.concatenate(each, axis=1), *parts)
        return over_members(joined, self.mesh)

    def _chunks(
        self, state: State, settings: Settings, supply: Supply
    ) -> Iterator[tuple[jax.Array, np.int32, jax.Array]]:
        """An epoch's chunks on the devices: each member's batches, their first step, the rows."""
        orders, of_members = self._orders(state, settings)
        for chunk in supply.chunks(orders, of_members, self.sizes):
            yield (
                over_members(chunk.order, self.mesh),
                np.int32(chunk.start),
                on_all(chunk.values, self.mesh),
            )
            done = chunk.start + chunk.order.shape[1]
            supply.told(done / self.recipe.steps_per_epoch)

    def _orders(self, state: State, settings: Settings) -> tuple[list[np.ndarray], list[int]]:
        """The orders that there are, and which of them each member has.

        A dead member's numbers are thrown away, so it takes what another one takes.
        """
        epochs, alive, settings = jax.device_get((state.epoch, state.alive, settings))
        living = [index for index in range(len(alive)) if alive[index]] or [0]
        kinds = {index: _kind(epochs, settings, index) for index in living}
        first = {kind: index for index, kind in reversed(kinds.items())}
        chosen = sorted(first.values())
        orders = [
            np.asarray(self.order(epochs[index], family.member(settings, index)))
            for index in chosen
        ]
        own = [chosen.index(first[kinds[i]]) if i in kinds else 0 for i in range(len(alive))]
        return orders, own


def _kind(epochs: np.ndarray, settings: Settings, index: int) -> tuple[Any, ...]:
    """What a member's order is a function of, as plain numbers."""
    alike = orders_alike(family.member(settings, index))
    return tuple(np.asarray(each).item() for each in (epochs[index], *alike))


def compiled(
    recipe: Recipe, mapping: Mapping, kind: tuple[State, Settings, Supply, Mesh], pool: Executor
) -> Streamed:
    """The programs of a kind of pass, still being compiled; a call waits for its program.

    Args:
        recipe: with as many threads as a device of the mesh has.
        kind: the stacked state and settings, of which only the shapes matter, the supply, and the
            mesh.
    """
    state, settings, supply, mesh = kind
    (members,), sizes = np.shape(settings.seed), sizes_of_chunks(recipe, supply)

    def chunked(function: _Program, size: int, *donated: int) -> _Program:
        spread = over_family(lambda *one: function(*one, recipe), mapping, mesh, 2)
        like = _chunk_like(recipe, supply, mesh, (members, size))
        return _ahead(pool, jax.jit(spread, donate_argnums=donated), state, settings, *like)

    def of_family(function: _Program, *like: Any) -> _Program:
        return _ahead(pool, jax.jit(over_family(function, mapping, mesh, 0)), *like)

    per_step = jax.eval_shape(lambda: jnp.zeros((members, sum(sizes))))
    terms = jax.eval_shape(lambda each: Terms(each, each), per_step)
    drawn = jax.jit(lambda epoch, settings: order_at(epoch, settings, recipe))
    one = jax.eval_shape(lambda *each: family.member(each, 0), state.epoch, settings)
    shares = has_closed_form(recipe.likelihood)
    return Streamed(
        recipe=recipe,
        mesh=mesh,
        sizes=sizes,
        order=_ahead(pool, drawn, *one),
        chunk={size: chunked(train_chunk, size, 0) for size in set(sizes)},
        closed={size: chunked(closed_form_chunk, size) for size in set(sizes) if shares},
        end=of_family(ended, state, state, terms),
        mean=of_family(jnp.mean, per_step),
    )


def has_closed_form(likelihood: Likelihood) -> bool:
    """Whether a likelihood shares anything between examples, for which an epoch is read again."""
    return type(likelihood).closed_form is not Likelihood.closed_form


def sizes_of_chunks(recipe: Recipe, supply: Supply) -> list[int]:
    """The steps of each chunk, so that neither examples nor noise take more than is counted."""
    examples = supply.row_bytes * supply.orders
    noise = 4 * _NOISE_COPIES * recipe.shape.width
    return chunk_sizes(recipe.batch_size * max(examples, noise), recipe.steps_per_epoch)


def _chunk_like(
    recipe: Recipe, supply: Supply, mesh: Mesh, sizes: tuple[int, int]
) -> tuple[jax.ShapeDtypeStruct, ...]:
    """The shapes of a chunk's order, start and values, for so many members and steps."""
    members, steps = sizes
    rows = supply.orders * steps * recipe.batch_size
    over, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("M",), ()))
    return (
        jax.ShapeDtypeStruct((members, steps, recipe.batch_size), np.int32, sharding=over),
        jax.ShapeDtypeStruct((), np.int32, sharding=whole),
        jax.ShapeDtypeStruct((rows, recipe.shape.features), supply.values.dtype, sharding=whole),
    )


def _ahead(pool: Executor, program: Any, *like: Any) -> _Program:
    """A program that is compiled in the meantime, for arguments like these."""
    compiling = pool.submit(program.lower(*like).compile)
    return lambda *arguments: compiling.result()(*arguments)
