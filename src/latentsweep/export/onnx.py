"""A network of a run as two ONNX files, which run it without this package.

    encoder:  x [N, *item_shape]  ->  mean [N, K], sigma [N, K]
    decoder:  z [N, K]            ->  x [N, *item_shape], parameters [N, P, D]

x is in the data's own unit: the scaling stands in the graphs, so that nothing has to be known
beside the files.

A picture is [N, channels, height, width] in ONNX and [height, width, channels] in the weights'
own order. Halving is Conv, doubling ConvTranspose, both with a stride of 2: one pixel is padded, or
cut off, where a side begins, and at its end one if the larger side is even and two if it is odd.
"""

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from latentsweep import __version__
from latentsweep.errors import LatentsweepError, RunFolderError
from latentsweep.export.member import Member, written
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import BUILT_IN, NetworkShape
from latentsweep.model.vae import initial_vae
from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.study import FACTS, objective_of
from latentsweep.training.checkpoint import named_arrays

# The oldest that have what is needed, so that older runtimes open the files too.
OPERATORS, FILE_VERSION = 17, 8
_MOST_BYTES = 2**31 - 2**20  # what one protocol buffer holds, with room for all but the weights
_CHANNELS_FIRST, _CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True)
class Network:
    """One network with what its files say of it; `arrays` are named as in its weights' file."""

    member: Member
    data: Mapping[str, Any]
    versions: Mapping[str, str]
    arrays: Mapping[str, np.ndarray]
    shape: NetworkShape

    def numbered(self, group: str) -> list[str]:
        """The layers of a group, in order: GROUP/0, GROUP/1, ..."""
        names = (f"{group}/{place}" for place in count())
        return list(takewhile(lambda layer: f"{layer}/bias" in self.arrays, names))


@dataclass
class Graph:
    """A graph: its inputs and outputs with their shapes but for N, its steps and constants.

    A step is an operator, what it takes, the name of what it gives, and its attributes.
    """

    name: str
    inputs: Mapping[str, Sequence[int]]
    outputs: Mapping[str, Sequence[int]]
    steps: list[tuple[str, Sequence[str], str, Mapping[str, Any]]] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def __str__(self) -> str:
        sides = (
            ", ".join(f"{name} {[*shape]}".replace("[", "[N, ") for name, shape in shapes.items())
            for shapes in (self.inputs, self.outputs)
        )
        return " -> ".join(sides)

    def add(self, operator: str, *taken: str, given: str | None = None, **attributes: Any) -> str:
        """The name of what a step more gives."""
        name = given or f"{operator} {len(self.steps)}"
        self.steps.append((operator, taken, name, attributes))
        return name

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        """The name of a constant more."""
        self.constants[name] = np.asarray(value, dtype, order="C")
        return name

    def number(self, value: Any) -> str:
        """The name of a number."""
        return self.constant(f"{float(value)!r}", value)

    def reshaped(self, source: str, *shape: int, given: str | None = None) -> str:
        """Rows [N, ...] brought to another shape."""
        wanted = self.constant(f"shape {shape}", [0, *shape], np.int64)
        return self.add("Reshape", source, wanted, given=given)

    def linear(self, source: str, layer: str, weight: Any, bias: Any, given: str = "") -> str:
        """A product with a weight [in, out], and a bias."""
        arrays = self.constant(f"{layer}/weight", weight), self.constant(f"{layer}/bias", bias)
        return self.add("Gemm", source, *arrays, given=given or layer)

    def layer(self, network: Network, source: str, layer: str) -> str:
        """What a layer gives, before its ReLU."""
        weight, bias = (network.arrays[f"{layer}/{kind}"] for kind in ("weight", "bias"))
        return self.linear(source, layer, weight, bias)

    def hidden(self, network: Network, source: str, layers: Sequence[str]) -> str:
        """What layers of ReLU units give, one after the other."""
        for layer in layers:
            source = self.add("Relu", self.layer(network, source, layer))
        return source

    def convolution(self, network: Network, source: str, layer: str, larger: Sequence[int]) -> str:
        """A step between a picture of these sides and one of half of them."""
        halves = layer.startswith("encoder")
        operator, axes = ("Conv", (3, 2, 0, 1)) if halves else ("ConvTranspose", (2, 3, 0, 1))
        kernel, bias = (network.arrays[f"{layer}/{kind}"] for kind in ("kernel", "bias"))
        arrays = (
            self.constant(f"{layer}/kernel", kernel.transpose(axes)),
            self.constant(f"{layer}/bias", bias),
        )
        pads = [1, 1, *(1 + side % 2 for side in larger)]
        return self.add(operator, source, *arrays, given=layer, strides=[2, 2], pads=pads)


def write_onnx(folder: RunFolder, member: Member, output: Path | None = None) -> dict[Path, Graph]:
    """The files of a network's encoder and decoder, newly written, with what is in them.

    Args:
        output: the folder of the files; `export` in the run if not given.

    Raises:
        RunFolderError: the network is not a built-in one, or a file can't be written.
        LatentsweepError: onnx is not installed.
    """
    try:
        onnx = importlib.import_module("onnx")
    except ImportError:
        raise LatentsweepError(
            "--to onnx: the package onnx is needed, got none; pip install 'latentsweep[onnx]'"
        ) from None
    network = _read(folder, member)
    if network.data.get("origin", 0) != 0:
        raise RunFolderError(
            f"{folder.path}: values that float32 holds are needed for ONNX, got some that lie far "
            "from 0 for how little they vary; subtract their means from the data and train anew"
        )
    files = {}
    for graph in (_encoder(network), _decoder(network)):
        content = _model(onnx, graph, network).SerializeToString(deterministic=True)
        with written(folder, member, output, f"{graph.name}.onnx") as path:
            atomic.write_bytes(path, content)
        files[path] = graph
    return files


def _read(folder: RunFolder, member: Member) -> Network:
    """A member's weights, checked to be those of a built-in network.

    Raises:
        RunFolderError: they are missing, damaged or others.
    """
    manifest, arrays = folder.manifest(), folder.weights(member["name"])
    data = manifest["data"]
    kind = member.get("network", "dense")  # runs from before there was a choice have dense ones
    runnable = [name for name, facts in FACTS.items() if facts.mean is not None]
    for what, got, known in (
        ("network", kind, BUILT_IN),
        ("likelihood", data["likelihood"], runnable),
        ("objective", objective_of(member["objective"]), OBJECTIVES),
    ):
        if got not in known:
            raise RunFolderError(
                f"{what}: one that ONNX files are made for is needed ({', '.join(known)}), "
                f"got '{got}'; load such a network with the code that defines it (--to parquet "
                "takes any)"
            )
    shape = NetworkShape(
        item_shape=tuple(data["item_shape"]),
        parameters_per_feature=FACTS[data["likelihood"]].parameters,
        hidden=tuple(int(units) for units in np.ravel(member["hidden_size"])),  # or a bare number
        width=member["latent_size"],
        network=kind,
        path=any("/path/" in name for name in arrays),
    )
    if odd := _odd_array(arrays, shape):
        raise RunFolderError(
            f"{member['name']}: the arrays of a {kind} network of hidden_size "
            f"{list(shape.hidden)} are needed, got {odd}; load such a network with the code that "
            "defines it (--to parquet takes any)"
        )
    if sum(array.nbytes for array in arrays.values()) > _MOST_BYTES:
        raise RunFolderError(
            f"{member['name']}: at most 2 GiB of weights are needed for ONNX, got more; read its "
            "weights.safetensors instead"
        )
    return Network(member, data, manifest["versions"], arrays, shape)


def _odd_array(arrays: Mapping[str, np.ndarray], shape: NetworkShape) -> str | None:
    """The first array that is not as in a network of this shape, in words; None if all are."""
    fresh = jax.eval_shape(lambda: initial_vae(jax.random.key(0), shape, jnp.ones(())))
    sizes = named_arrays(jax.tree.map(lambda leaf: np.array(leaf.shape, int), fresh))
    wanted = {name: tuple(size.tolist()) for name, size in sizes.items()} | {"shared": ()}
    for name in [*arrays, *wanted]:
        if name not in arrays:
            return f"no {name}"
        if arrays[name].shape != wanted.get(name):
            return f"{name} {list(arrays[name].shape)}"
    return None


def _encoder(network: Network) -> Graph:
    """From data to the mean and the standard deviation of its code's posterior."""
    shape, path = network.shape, network.shape.path
    latent = {"mean": [shape.width], "sigma": [shape.width]}
    graph = Graph("encoder", {"x": shape.item_shape}, latent)
    offset, factor = (graph.constant(n, network.data["scale"][n]) for n in ("offset", "factor"))
    seen = graph.add("Flatten", graph.add("Div", graph.add("Sub", "x", offset), factor))
    if FACTS[network.data["likelihood"]].counts:
        seen = graph.add("Log", graph.add("Add", seen, graph.number(1)))
    hidden = _encoder_layers(graph, network, seen)
    weight, bias = (network.arrays[f"encoder/heads/{kind}"] for kind in ("weight", "bias"))
    layers = "mean of the layers" if path else "mean"
    mean = graph.linear(hidden, "mean", weight[:, 0], bias[0], given=layers)
    if path:
        graph.add("Add", mean, graph.layer(network, seen, "encoder/path"), given="mean")
    log_scale = graph.linear(hidden, "log-scale", weight[:, 1], bias[1])
    objective = OBJECTIVES[objective_of(network.member["objective"])]
    if objective.most < math.inf:
        ends = graph.number(objective.least), graph.number(objective.most)
        inside = graph.add("Clip", log_scale, *ends)
        beyond = graph.add("Softsign", graph.add("Sub", log_scale, inside))
        log_scale = graph.add("Add", inside, beyond)
    slope, noise = graph.number(objective.slope), graph.number(np.exp(objective.offset))
    graph.add("Mul", graph.add("Exp", graph.add("Mul", log_scale, slope)), noise, given="sigma")
    return graph


def _encoder_layers(graph: Graph, network: Network, seen: str) -> str:
    """From what the encoder sees to its last hidden layer."""
    shape = network.shape
    if shape.network != "convolutional":
        layers = ["encoder/hidden", *network.numbered("encoder/deeper")]
        return graph.hidden(network, seen, layers)
    picture = graph.reshaped(seen, *shape.image)
    picture = graph.add("Transpose", picture, perm=_CHANNELS_FIRST)
    layers = network.numbered("encoder/convolutions")
    for layer, larger in zip(layers, shape.sides[:0:-1], strict=True):
        picture = graph.add("Relu", graph.convolution(network, picture, layer, larger))
    pixels = graph.add("Flatten", graph.add("Transpose", picture, perm=_CHANNELS_LAST))
    return graph.hidden(network, pixels, network.numbered("encoder/hidden"))


def _decoder(network: Network) -> Graph:
    """From a code to the expected data and the likelihood's parameters."""
    shape = network.shape
    several, features = shape.parameters_per_feature, shape.features
    given = {"x": shape.item_shape, "parameters": (several, features)}
    graph = Graph("decoder", {"z": [shape.width]}, given)
    outputs = _decoder_layers(graph, network)
    if shape.path:
        outputs = graph.add("Add", outputs, graph.layer(network, "z", "decoder/path"))
    graph.reshaped(outputs, several, features, given="parameters")
    if several > 1:  # the first of them tell the mean
        ends = {"start": 0, "end": features, "axis": 1}
        bounds = [graph.constant(name, [end], np.int64) for name, end in ends.items()]
        outputs = graph.add("Slice", outputs, *bounds)
    scaled = MEANS[str(FACTS[network.data["likelihood"]].mean)](graph, outputs)
    offset, factor = (graph.constant(n, network.data["scale"][n]) for n in ("offset", "factor"))
    row = graph.add("Add", graph.add("Mul", scaled, factor), offset)
    graph.reshaped(row, *shape.item_shape, given="x")
    return graph


def _decoder_layers(graph: Graph, network: Network) -> str:
    """From "z" to the decoder's outputs, one parameter of all features first."""
    shape = network.shape
    if shape.network == "linear-decoder":
        return graph.layer(network, "z", "decoder/output")
    if shape.network == "dense":
        layers = ["decoder/hidden", *network.numbered("decoder/deeper")]
        return graph.layer(network, graph.hidden(network, "z", layers), "decoder/output")
    sides, several = shape.sides, shape.parameters_per_feature
    smallest = graph.hidden(network, "z", network.numbered("decoder/hidden"))
    picture = graph.reshaped(smallest, *sides[0], shape.channels[-1])
    picture = graph.add("Transpose", picture, perm=_CHANNELS_FIRST)
    for place, layer in enumerate(network.numbered("decoder/convolutions")):
        source = graph.add("Relu", picture) if place else picture
        picture = graph.convolution(network, source, layer, sides[place + 1])
    pixels = math.prod(sides[-1])
    split = graph.reshaped(picture, several, shape.features // pixels, pixels)
    return graph.add("Flatten", graph.add("Transpose", split, perm=[0, 1, 3, 2]))


def _rate(graph: Graph, outputs: str) -> str:
    return graph.add("Exp", graph.add("Clip", outputs, graph.number(-20.0), graph.number(20.0)))


def _continuous(graph: Graph, outputs: str) -> str:
    """For |l| = t >= 1/2 1 / t - 1 / (e^t - 1), for l > 0 one less that; below it a series.

    1 / 2 + l / 12 - l^3 / 720 + l^5 / 30240
    """
    add, number = graph.add, graph.number
    size = add("Abs", outputs)
    t = add("Max", size, number(0.5))
    vanishing = add("Exp", add("Neg", t))
    rest = add("Div", vanishing, add("Sub", number(1.0), vanishing))
    least = add("Sub", add("Reciprocal", t), rest)
    greatest = add("Sub", number(1.0), least)
    far = add("Where", add("Less", outputs, number(0.0)), least, greatest)
    square = add("Mul", outputs, outputs)
    above = add("Add", add("Mul", square, number(1 / 30240)), number(-1 / 720))
    slope = add("Add", add("Mul", square, above), number(1 / 12))
    series = add("Add", add("Mul", outputs, slope), number(0.5))
    return add("Where", add("Less", size, number(0.5)), series, far)


# The expected data, scaled, by what a likelihood's facts say of its mean.
MEANS = {
    "itself": lambda graph, outputs: graph.add("Identity", outputs),
    "sigmoid": lambda graph, outputs: graph.add("Sigmoid", outputs),
    "rate": _rate,
    "continuous": _continuous,
}


def _model(onnx: Any, graph: Graph, network: Network) -> Any:
    """The content of a file, and what it says of its network."""
    make, member, data = onnx.helper, network.member, network.data
    rows = [
        [
            make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *shape])
            for name, shape in shapes.items()
        ]
        for shapes in (graph.inputs, graph.outputs)
    ]
    nodes = [
        make.make_node(kind, taken, [given], **more) for kind, taken, given, more in graph.steps
    ]
    constants = [onnx.numpy_helper.from_array(a, name) for name, a in graph.constants.items()]
    model = make.make_model(
        make.make_graph(nodes, graph.name, *rows, constants),
        producer_name="latentsweep",
        producer_version=__version__,
        ir_version=FILE_VERSION,
        opset_imports=[make.make_opsetid("", OPERATORS)],
    )
    notes = {
        "network": member["name"],
        **{name: str(member[name]) for name in ("objective", "latent_size", "seed")},
        "data": data["name"],
        "data_sha256": data["hash"],
        "likelihood": data["likelihood"],
        "shared": repr(float(network.arrays["shared"])),
        "trained_with": ", ".join(f"{name} {what}" for name, what in network.versions.items()),
        "made_by": f"latentsweep {__version__}",
    }
    make.set_model_props(model, notes)
    return model
