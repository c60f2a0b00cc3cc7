"""A network of a run, read and checked to be one that ONNX files are made for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from latentsweep.errors import RunFolderError
from latentsweep.model.shape import BUILT_IN, NetworkShape
from latentsweep.onnx_mean import PARAMETERS
from latentsweep.record.folder import RunFolder
from latentsweep.study import objective_of

# How the encoder's second head s becomes a standard deviation: sigma = noise * exp(slope * s).
SIGMAS = {"elbo": (0.5, 1.0), "keras-blog": (1.0, 0.1)}
BOUNDS: dict[str, tuple[float, ...]] = {"elbo": (-30.0, 1.0), "keras-blog": ()}  # of s

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

    @property
    def shape(self) -> NetworkShape:
        """Its kind and its sizes."""
        width, path = self.member["latent_size"], any("/path/" in name for name in self.arrays)
        return NetworkShape(self.item_shape, self.parameters, self.hidden, width, self.kind, path)

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
    kind = _KINDS[network.kind]
    shape = network.shape
    wanted = kind(shape) | _heads(shape) | _path(shape) | {"shared": ()}
    there = {name: array.shape for name, array in network.arrays.items()}
    for name in [*there, *wanted]:
        if name not in there:
            return f"no {name}"
        if there[name] != wanted.get(name):
            return f"{name} {list(there[name])}"
    return None


def _dense(shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    """The shape of every array of a dense network but its heads' and path's."""
    first, last = shape.hidden[0], shape.hidden[-1]
    return {
        **_dense_encoder(shape),
        **_linear("decoder/hidden", shape.width, last),
        **_chain("decoder/deeper", shape.hidden[::-1]),
        **_linear("decoder/output", first, _outputs(shape)),
    }


def _linear_decoder(shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    """The shape of every array of a network with a linear decoder but its heads'."""
    return {**_dense_encoder(shape), **_linear("decoder/output", shape.width, _outputs(shape))}


def _dense_encoder(shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    hidden = _linear("encoder/hidden", shape.features, shape.hidden[0])
    return hidden | _chain("encoder/deeper", shape.hidden)


def _outputs(shape: NetworkShape) -> int:
    return shape.parameters_per_feature * shape.features


def _convolutional(shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    """The shape of every array of a convolutional network but its heads' and path's."""
    (height, width), colours, depths = shape.sides[0], shape.image[2], shape.channels
    smallest = height * width * depths[-1]
    outputs = shape.parameters_per_feature * colours
    return {
        **_kernels("encoder/convolutions", (colours, *depths)),
        **_chain("encoder/hidden", (smallest, *shape.hidden)),
        **_chain("decoder/hidden", (shape.width, *shape.hidden[::-1], smallest)),
        **_kernels("decoder/convolutions", (*depths[::-1], outputs)),
    }


_KINDS = {"dense": _dense, "linear-decoder": _linear_decoder, "convolutional": _convolutional}


def _heads(shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    weight, bias = (shape.hidden[-1], 2, shape.width), (2, shape.width)
    return {"encoder/heads/weight": weight, "encoder/heads/bias": bias}


def _path(shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    if not shape.path:
        return {}
    outputs = shape.parameters_per_feature * shape.features
    return {
        **_linear("encoder/path", shape.features, shape.width),
        **_linear("decoder/path", shape.width, outputs),
    }


def _linear(layer: str, fan_in: int, fan_out: int) -> dict[str, tuple[int, ...]]:
    return {f"{layer}/weight": (fan_in, fan_out), f"{layer}/bias": (fan_out,)}


def _chain(group: str, sizes: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The layers GROUP/0, GROUP/1, ... between layers of these sizes."""
    layers = (_linear(f"{group}/{place}", *fans) for place, fans in enumerate(pairwise(sizes)))
    return {name: shape for layer in layers for name, shape in layer.items()}


def _kernels(group: str, channels: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """The convolutions GROUP/0, GROUP/1, ... between pictures of so many channels."""
    return {
        name: shape
        for place, fans in enumerate(pairwise(channels))
        for name, shape in (
            (f"{group}/{place}/kernel", (4, 4, *fans)),
            (f"{group}/{place}/bias", fans[1:]),
        )
    }
