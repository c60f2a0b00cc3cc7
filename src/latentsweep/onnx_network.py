"""A network of a run, read and checked to be one that ONNX files are made for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from latentsweep.errors import RunFolderError
from latentsweep.model.shape import BUILT_IN, NetworkShape
from latentsweep.model.vae import VAE, initial_vae
from latentsweep.onnx_mean import PARAMETERS
from latentsweep.record.folder import RunFolder
from latentsweep.study import objective_of
from latentsweep.training.checkpoint import named_arrays

# How the encoder's second head s becomes a standard deviation: sigma = noise * exp(slope * s).
SIGMAS = {"elbo": (0.5, 1.0), "keras-blog": (1.0, 0.1)}

_MOST_BYTES = 2**31 - 2**20  # what one protocol buffer holds, with room for all but the weights

Member = Mapping[str, Any]


@dataclass(frozen=True)
class Network:
    """One network with what its files say of it; `arrays` are named as in its weights' file."""

    member: Member
    data: Mapping[str, Any]
    versions: Mapping[str, str]
    arrays: Mapping[str, np.ndarray]

    @property
    def item_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.data["item_shape"])

    @property
    def features(self) -> int:
        """D, the values in one example."""
        return math.prod(self.item_shape)

    @property
    def parameters(self) -> int:
        """P, the decoder's outputs for each of them."""
        return PARAMETERS[self.data["likelihood"]]

    @property
    def kind(self) -> str:
        """The study's `network`; runs from before there was a choice have dense ones."""
        return self.member.get("network", "dense")

    @property
    def hidden(self) -> tuple[int, ...]:
        """The dense layers' sizes; one layer is a bare number in older runs."""
        return tuple(int(units) for units in np.ravel(self.member["hidden_size"]))

    @cached_property
    def template(self) -> VAE:
        """The network with the shapes of its weights instead of them."""
        width = self.member["latent_size"]
        shape = NetworkShape(self.item_shape, self.parameters, self.hidden, width, self.kind)
        return jax.eval_shape(lambda: initial_vae(jax.random.key(0), shape, jnp.ones(())))

    def linear(self, layer: str) -> dict[str, np.ndarray]:
        """A layer's weight and bias, named by it."""
        return {f"{layer}/{kind}": self.arrays[f"{layer}/{kind}"] for kind in ("weight", "bias")}

    def scale(self) -> dict[str, np.ndarray]:
        """What scales the data: the network sees (x - offset) / factor."""
        scale = self.data["scale"]
        return {name: np.array(scale[name], np.float32) for name in ("offset", "factor")}


def read_network(folder: RunFolder, member: Member) -> Network:
    """A member's weights, checked to be those of a built-in network.

    Raises:
        RunFolderError: they are missing, damaged or others.
    """
    manifest = folder.manifest()
    arrays = folder.weights(member["name"])
    network = Network(member, manifest["data"], manifest["versions"], arrays)
    _refuse_unknown("network", network.kind, BUILT_IN)
    _refuse_unknown("likelihood", network.data["likelihood"], PARAMETERS)
    _refuse_unknown("objective", objective_of(member["objective"]), SIGMAS)
    if odd := _odd_array(network):
        raise RunFolderError(
            f"{member['name']}: the arrays of a {network.kind} network of hidden_size "
            f"{list(network.hidden)} are needed, got {odd}; load such a network with the code that "
            "defines it (--to parquet takes any)"
        )
    if sum(array.nbytes for array in arrays.values()) > _MOST_BYTES:
        raise RunFolderError(
            f"{member['name']}: at most 2 GiB of weights are needed for ONNX, got more; read its "
            "weights.safetensors instead"
        )
    return network


def _refuse_unknown(what: str, got: str, known: Mapping[str, object] | tuple[str, ...]) -> None:
    if got not in known:
        raise RunFolderError(
            f"{what}: one that ONNX files are made for is needed ({', '.join(known)}), "
            f"got '{got}'; load such a network with the code that defines it (--to parquet takes "
            "any)"
        )


def _odd_array(network: Network) -> str | None:
    """The first array that is not as docs/formats.md says, in words; None if all are."""
    shapes = jax.tree.map(lambda leaf: np.array(leaf.shape), network.template)
    wanted = {name: tuple(shape) for name, shape in named_arrays(shapes).items()} | {"shared": ()}
    there = {name: array.shape for name, array in network.arrays.items()}
    for name in [*there, *wanted]:
        if name not in there:
            return f"no {name}"
        if there[name] != wanted.get(name):
            return f"{name} {list(there[name])}"
    return None
