"""Where a family trains: which devices, how members are mapped, how many fit at once.

On a CPU every core is a device of its own that takes its members in turn, so that a member's
weights stay in that core's cache; on an accelerator members are mapped side by side. A member's
numbers do not depend on how many CPU devices there are, or on which of them it trains. JAX's own
setting for their number, the environment variable JAX_NUM_CPU_DEVICES, is kept.

Every device holds the data whole, or a chunk of data that is larger than memory. What else it holds
is counted before training, so that there are never more members, or devices, than memory for them.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from latentsweep.data import memory
from latentsweep.errors import DataError
from latentsweep.model import family
from latentsweep.model.family import Mapping

_MEMBERS = PartitionSpec("M")
_SHARE_OF_MEMORY = 0.8  # of what is free; the rest is for measuring and for what else runs


@dataclasses.dataclass(frozen=True)
class Footprint:
    """Bytes that training needs on a device: once for all, and for each member there at once."""

    data: int
    member: int


@dataclasses.dataclass(frozen=True)
class Placement:
    """Devices, and how each maps the members it holds."""

    devices: tuple[jax.Device, ...]  # pyright: ignore[reportInvalidTypeForm]
    mapping: Mapping

    def mesh(self, members: int) -> Mesh:
        """The devices that share so many members evenly: as many as divide them."""
        count = max(d for d in range(1, len(self.devices) + 1) if members % d == 0)
        return Mesh(np.array(self.devices[:count]), ("M",))


def available() -> Placement:
    """All devices of JAX's default backend; on a CPU, one a core unless JAX was told otherwise."""
    if jax.config.jax_num_cpu_devices < 1:  # pyright: ignore[reportAttributeAccessIssue]
        with contextlib.suppress(RuntimeError):  # JAX already runs, with the devices it has
            jax.config.update("jax_num_cpu_devices", cores())
    devices = tuple(jax.devices())
    return Placement(devices, "map" if devices[0].platform == "cpu" else "vmap")


def fitting(placement: Placement, footprint: Footprint) -> tuple[Placement, int]:
    """The devices for which there is memory, and how many members train at once on each.

    On a CPU, whose devices share one memory, that is one member each; else as many as it holds.

    Raises:
        DataError: not even one member fits.
    """
    free = _SHARE_OF_MEMORY * free_memory(placement)
    one = footprint.data + footprint.member
    if free < one:
        raise DataError(
            f"memory: training one model takes about {_gib(one)} GiB, {_gib(footprint.data)} of "
            f"them for the data, and {_gib(free)} are free; take fewer examples, or a smaller "
            "hidden_size"
        )
    if placement.mapping == "map":
        devices = placement.devices[: int(free / one)]
        return dataclasses.replace(placement, devices=devices), 1
    return placement, int((free - footprint.data) / footprint.member)


def holds(placement: Placement, footprint: Footprint) -> bool:
    """Whether there is memory for one member beside the whole data, and to bring that there.

    What is brought to a device is gathered first, so that a CPU has it twice for a while.
    """
    free = _SHARE_OF_MEMORY * free_memory(placement)
    if placement.devices[0].platform == "cpu":
        return 2 * footprint.data + footprint.member <= free
    gathered = _SHARE_OF_MEMORY * memory.free_memory()
    return footprint.data + footprint.member <= free and footprint.data <= gathered


def free_memory(placement: Placement) -> int:
    """Bytes that are free on one accelerator, or on this machine for all of its CPU devices."""
    statistics = placement.devices[0].memory_stats() or {}
    if "bytes_limit" in statistics:
        return statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)
    return memory.free_memory()


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pass_sizes(members: int, devices: int, per_device: int) -> list[int]:
    """How many members each pass takes: few passes, evenly filled, each a multiple of the devices.

    >>> pass_sizes(10, devices=8, per_device=1), pass_sizes(5, devices=2, per_device=64)
    ([5, 5], [4, 1])
    """
    if members == 0:
        return []
    passes = -(-members // (devices * per_device))
    even = -(-members // passes)
    size = even if even <= devices else even - even % devices
    whole, rest = divmod(members, size)
    return [size] * whole + pass_sizes(rest, devices, per_device)


def over_family(
    function: Callable[..., Any], mapping: Mapping, mesh: Mesh, replicated: int
) -> Callable[..., Any]:
    """`function` of one member, as that of a family whose members are spread over the mesh.

    Args:
        replicated: how many of its last arguments are the same for all members, so that every
            device holds them whole.
    """

    def each(*arguments: Any) -> Any:
        own, whole = arguments[:-replicated], arguments[-replicated:]
        return family.each(lambda *one: function(*one, *whole), mapping)(*own)

    def spread(*arguments: Any) -> Any:
        specs = (_MEMBERS,) * (len(arguments) - replicated) + (PartitionSpec(),) * replicated
        # Unchecked: an update rule's kernels can't say that they vary with members.
        on_mesh = jax.shard_map(
            each, mesh=mesh, in_specs=specs, out_specs=_MEMBERS, check_vma=False
        )
        return on_mesh(*arguments)

    return spread


def on_all(array: Any, mesh: Mesh) -> jax.Array:
    """An array that every device of the mesh holds whole."""
    return jax.device_put(array, NamedSharding(mesh, PartitionSpec()))


def on_some(array: jax.Array, mesh: Mesh) -> jax.Array:
    """The same array, and the same memory, as one that only the devices of this mesh hold."""
    parts = [s.data for s in array.addressable_shards if s.device in mesh.devices.ravel()]
    sharding = NamedSharding(mesh, PartitionSpec())
    return jax.make_array_from_single_device_arrays(array.shape, sharding, parts)


def over_members(tree: Any, mesh: Mesh) -> Any:
    """A stacked tree, its members spread over the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, _MEMBERS))


def _gib(count: float | int) -> str:
    return f"{count / 2**30:.2g}"
