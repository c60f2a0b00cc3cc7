"""Where a family trains: which devices, how members are mapped, how many fit at once.

On a CPU every core is a device of its own that takes its members in turn, so that a member's
weights stay in that core's cache; on an accelerator members are mapped side by side. A member's
numbers do not depend on how many CPU devices there are, or on which of them it trains.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from latentsweep.model.family import Mapping

_MEMBERS = PartitionSpec("M")
_SHARE_OF_MEMORY = 0.7  # the rest is for data, noise and what the compiler needs between steps
_COPIES = 5  # parameters, two moments, gradient, and a copy in flight


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
    """All devices of JAX's default backend; on a CPU, one a core where that can still be set."""
    with contextlib.suppress(RuntimeError):  # JAX already runs, with the devices it has
        jax.config.update("jax_num_cpu_devices", cores())
    devices = tuple(jax.devices())
    return Placement(devices, "map" if devices[0].platform == "cpu" else "vmap")


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def capacity(placement: Placement, parameters: int) -> int:
    """Members that train at once on one device: 1 on a CPU, else as many as its memory holds.

    Args:
        parameters: numbers in one padded member.
    """
    if placement.mapping == "map":
        return 1
    memory = (placement.devices[0].memory_stats() or {}).get("bytes_limit", 8 * 2**30)
    return max(1, int(_SHARE_OF_MEMORY * memory / (_COPIES * 4 * parameters)))


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


def sharded(function: Callable[..., Any], mesh: Mesh, replicated: int) -> Callable[..., Any]:
    """`function` of a family, with the members spread over the mesh.

    Args:
        replicated: how many of its last arguments every device holds whole.
    """

    def spread(*arguments: Any) -> Any:
        families = len(arguments) - replicated
        specs = (_MEMBERS,) * families + (PartitionSpec(),) * replicated
        return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=_MEMBERS)(*arguments)

    return spread


def on_all(array: Any, mesh: Mesh) -> jax.Array:
    """An array that every device of the mesh holds whole."""
    return jax.device_put(array, NamedSharding(mesh, PartitionSpec()))


def over_members(tree: Any, mesh: Mesh) -> Any:
    """A stacked tree, its members spread over the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, _MEMBERS))
