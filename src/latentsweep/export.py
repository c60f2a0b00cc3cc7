"""A network of a run for other tools: ONNX files that run it, or a table of its codes.

    encoder:  x [N, *item_shape]  ->  mean [N, K], sigma [N, K]
    decoder:  z [N, K]            ->  x [N, *item_shape], parameters [N, P, D]

x is in the data's own unit: the scaling stands in the graphs, so that nothing has to be known
beside the files. The codes are those that the run measured on its test split.
"""

import importlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentsweep import __version__
from latentsweep.errors import LatentsweepError, RunFolderError
from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.record.tables import write_table

# The oldest that have what is needed, so that older runtimes open the files too.
OPERATORS, FILE_VERSION = 17, 8
# How the encoder's second head s becomes a standard deviation: sigma = noise * exp(slope * s).
SIGMAS = {"elbo": (0.5, 1.0), "keras-blog": (1.0, 0.1)}
# The operator that makes the expected data of the decoder's outputs, one a data feature.
MEANS = {"bernoulli": "Sigmoid", "gaussian": "Identity"}

_MOST_BYTES = 2**31 - 2**20  # what one protocol buffer holds, with room for all but the weights
_OPTIONS = {
    "objective": ("objective", "the run's objectives"),
    "latent_size": ("latent", "the run's latent sizes"),
    "seed": ("seed", "the network's seeds"),
}

Member = Mapping[str, Any]
Step = tuple[str, list[str], str]


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

    def linear(self, layer: str) -> dict[str, np.ndarray]:
        """A layer's weight and bias, named by it."""
        return {f"{layer}/{kind}": self.arrays[f"{layer}/{kind}"] for kind in ("weight", "bias")}

    def scale(self) -> dict[str, np.ndarray]:
        """What scales the data: the network sees (x - offset) / factor."""
        scale = self.data["scale"]
        return {name: np.array(scale[name], np.float32) for name in ("offset", "factor")}


@dataclass(frozen=True)
class Part:
    """A graph: its inputs and outputs with their shapes but for N, its steps and constants.

    A step is an operator, what it takes, and the name of what it gives.
    """

    name: str
    inputs: Mapping[str, Sequence[int]]
    outputs: Mapping[str, Sequence[int]]
    steps: Sequence[Step]
    constants: Mapping[str, np.ndarray]

    def __str__(self) -> str:
        return f"{_signature(self.inputs)} -> {_signature(self.outputs)}"


def chosen(
    folder: RunFolder,
    latent_size: int | None = None,
    objective: str | None = None,
    seed: int | None = None,
) -> Member:
    """The manifest's entry of the network that is asked for.

    Args:
        latent_size: may be None where the run has one.
        objective: None for elbo, if the run has it.
        seed: None for the first.

    Raises:
        RunFolderError: the run has no such network, or several sizes and none was named.
    """
    members = folder.manifest()["members"]
    if not members:
        raise RunFolderError(f"{folder.path}: has no network yet; wait until it is trained")
    if objective is None and any(member["objective"] == "elbo" for member in members):
        objective = "elbo"
    members = _narrowed(members, "objective", objective)
    members = _narrowed(members, "latent_size", latent_size)
    return _narrowed(members, "seed", members[0]["seed"] if seed is None else seed)[0]


def write_onnx(folder: RunFolder, member: Member, output: Path | None = None) -> dict[Path, Part]:
    """The files of a network's encoder and decoder, newly written, with what is in them.

    Args:
        output: the folder of the files; `export` in the run if not given.

    Raises:
        RunFolderError: the network is not one that is known here, or a file can't be written.
        LatentsweepError: onnx is not installed.
    """
    onnx = _onnx()
    network = read_network(folder, member)
    parts = {
        _path(folder, member, output, f"{part.name}.onnx"): part
        for part in (encoder(network), decoder(network))
    }
    for path, part in parts.items():
        content = _model(onnx, part, _notes(network)).SerializeToString(deterministic=True)
        with _writing(path):
            atomic.write_bytes(path, content)
    return parts


def write_codes(
    folder: RunFolder, member: Member, output: Path | None = None
) -> tuple[Path, pd.DataFrame]:
    """The file of a network's codes, newly written, and its table.

    Args:
        output: the folder of the file; `export` in the run if not given.

    Raises:
        RunFolderError: the network was not measured yet, or the file can't be written.
    """
    path, table = _path(folder, member, output, "codes.parquet"), codes(folder, member)
    with _writing(path):
        write_table(path, table)
    return path, table


def codes(folder: RunFolder, member: Member) -> pd.DataFrame:
    """One row a test example: index, label, z1 to zK, x, y, neg_elbo.

    There is no label where the data has none, and no x and y where the run did not project this
    network; examples that it left out of the projection have none.
    """
    arrays = folder.arrays(member["name"])
    means = arrays["test/codes"]
    columns: dict[str, Any] = {"index": np.arange(len(means), dtype=np.int32)}
    columns |= _labels(folder)
    columns |= {f"z{k}": column for k, column in enumerate(means.T, start=1)}
    columns |= _places(folder, member, len(means))
    return pd.DataFrame({**columns, "neg_elbo": arrays["test/neg_elbo"]})


def read_network(folder: RunFolder, member: Member) -> Network:
    """A member's weights, checked to be of the one kind of network that is known here.

    Raises:
        RunFolderError: they are missing, damaged or others.
    """
    manifest = folder.manifest()
    arrays = folder.weights(member["name"])
    network = Network(member, manifest["data"], manifest["versions"], arrays)
    _refuse_unknown("likelihood", network.data["likelihood"], MEANS)
    _refuse_unknown("objective", member["objective"], SIGMAS)
    if odd := _odd_array(network):
        raise RunFolderError(
            f"{member['name']}: the arrays of one hidden layer each way are needed, got {odd}; "
            "load such a network with the code that defines it (--to parquet takes any)"
        )
    if sum(array.nbytes for array in arrays.values()) > _MOST_BYTES:
        raise RunFolderError(
            f"{member['name']}: at most 2 GiB of weights are needed for ONNX, got more; read its "
            "weights.safetensors instead"
        )
    return network


def encoder(network: Network) -> Part:
    """From data to the mean and the standard deviation of its code's posterior."""
    slope, noise = SIGMAS[network.member["objective"]]
    latent = {"mean": [network.member["latent_size"]], "sigma": [network.member["latent_size"]]}
    weight, bias = network.linear("encoder/heads").values()
    heads = {"mean/weight": weight[:, 0], "mean/bias": bias[0]}
    heads |= {"log-scale/weight": weight[:, 1], "log-scale/bias": bias[1]}
    sigma = {"slope": np.array(slope, np.float32), "noise": np.array(noise, np.float32)}
    steps: list[Step] = [
        ("Sub", ["x", "offset"], "from offset"),
        ("Div", ["from offset", "factor"], "scaled"),
        ("Flatten", ["scaled"], "row"),
        *_hidden("row", "encoder/hidden"),
        ("Gemm", ["hidden", "mean/weight", "mean/bias"], "mean"),
        ("Gemm", ["hidden", "log-scale/weight", "log-scale/bias"], "log-scale"),
        ("Mul", ["log-scale", "slope"], "sloped"),
        ("Exp", ["sloped"], "spread"),
        ("Mul", ["spread", "noise"], "sigma"),
    ]
    constants = network.scale() | network.linear("encoder/hidden") | heads | sigma
    return Part("encoder", {"x": network.item_shape}, latent, steps, constants)


def decoder(network: Network) -> Part:
    """From a code to the expected data and the likelihood's parameters."""
    outputs = {"x": network.item_shape, "parameters": (1, network.features)}
    shapes = {
        f"shape of {name}": np.array([0, *shape], np.int64) for name, shape in outputs.items()
    }
    steps: list[Step] = [
        *_hidden("z", "decoder/hidden"),
        ("Gemm", ["hidden", "decoder/output/weight", "decoder/output/bias"], "outputs"),
        ("Reshape", ["outputs", "shape of parameters"], "parameters"),
        (MEANS[network.data["likelihood"]], ["outputs"], "scaled"),
        ("Mul", ["scaled", "factor"], "from offset"),
        ("Add", ["from offset", "offset"], "row"),
        ("Reshape", ["row", "shape of x"], "x"),
    ]
    layers = network.linear("decoder/hidden") | network.linear("decoder/output")
    inputs = {"z": [network.member["latent_size"]]}
    return Part("decoder", inputs, outputs, steps, network.scale() | layers | shapes)


def _hidden(source: str, layer: str) -> list[Step]:
    return [
        ("Gemm", [source, f"{layer}/weight", f"{layer}/bias"], "before"),
        ("Relu", ["before"], "hidden"),
    ]


def _model(onnx: Any, part: Part, notes: Mapping[str, str]) -> Any:
    make = onnx.helper

    def rows(shapes: Mapping[str, Sequence[int]]) -> list[Any]:
        number = onnx.TensorProto.FLOAT
        return [make.make_tensor_value_info(n, number, ["N", *s]) for n, s in shapes.items()]

    graph = make.make_graph(
        [make.make_node(operator, taken, [given]) for operator, taken, given in part.steps],
        part.name,
        rows(part.inputs),
        rows(part.outputs),
        [onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in part.constants.items()],
    )
    model = make.make_model(
        graph,
        producer_name="latentsweep",
        producer_version=__version__,
        ir_version=FILE_VERSION,
        opset_imports=[make.make_opsetid("", OPERATORS)],
    )
    make.set_model_props(model, {**notes, "made_by": f"latentsweep {__version__}"})
    return model


def _notes(network: Network) -> dict[str, str]:
    """What a file says of its network."""
    kept = ("objective", "latent_size", "seed")
    return {
        "network": network.member["name"],
        **{name: str(network.member[name]) for name in kept},
        "data": network.data["name"],
        "data_sha256": network.data["hash"],
        "likelihood": network.data["likelihood"],
        "shared": repr(float(network.arrays["shared"])),
        "trained_with": ", ".join(f"{name} {what}" for name, what in network.versions.items()),
    }


def _narrowed(members: Sequence[Member], field: str, wanted: object) -> Sequence[Member]:
    """The members that have this value; with None all, if they have but one."""
    known = sorted({member[field] for member in members})
    if wanted is None and len(known) == 1:
        return members
    found = [member for member in members if member[field] == wanted]
    if not found:
        option, needed = _OPTIONS[field]
        raise RunFolderError(
            f"{option}: one of {needed} is needed ({', '.join(map(str, known))}), "
            f"got {'none' if wanted is None else wanted}; write e.g. --{option} {known[0]}"
        )
    return found


def _refuse_unknown(what: str, got: str, known: Mapping[str, object]) -> None:
    if got not in known:
        raise RunFolderError(
            f"{what}: one that ONNX files are made for is needed ({', '.join(known)}), "
            f"got '{got}'; load such a network with the code that defines it (--to parquet takes "
            "any)"
        )


def _odd_array(network: Network) -> str | None:
    """The first array that is not as docs/formats.md says, in words; None if all are."""
    hidden, size = network.member["hidden_size"], network.member["latent_size"]
    wanted = {
        "encoder/hidden/weight": (network.features, hidden),
        "encoder/hidden/bias": (hidden,),
        "encoder/heads/weight": (hidden, 2, size),
        "encoder/heads/bias": (2, size),
        "decoder/hidden/weight": (size, hidden),
        "decoder/hidden/bias": (hidden,),
        "decoder/output/weight": (hidden, network.features),
        "decoder/output/bias": (network.features,),
        "shared": (),
    }
    there = {name: array.shape for name, array in network.arrays.items()}
    for name in [*there, *wanted]:
        if name not in there:
            return f"no {name}"
        if there[name] != wanted.get(name):
            return f"{name} {list(there[name])}"
    return None


def _labels(folder: RunFolder) -> dict[str, np.ndarray]:
    """The name of each test example's class, as a column."""
    labels, names = folder.examples().labels, folder.manifest()["data"]["label_names"]
    if labels is None or names is None:
        return {}
    return {"label": np.array([str(name) for name in names], dtype=object)[labels]}


def _places(folder: RunFolder, member: Member, count: int) -> dict[str, pd.Series]:
    """The two columns of a projection, empty where an example is not in it."""
    if not folder.projections_path.exists():
        return {}
    table = folder.projections()
    panel = table[table["member"] == member["name"]].set_index("example")
    if panel.empty:
        return {}
    return {axis: panel[axis].reindex(range(count)) for axis in ("x", "y")}


def _path(folder: RunFolder, member: Member, output: Path | None, what: str) -> Path:
    return (output or folder.path / "export") / f"{member['name']}-{what}"


def _signature(shapes: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"{name} {list(shape)}".replace("[", "[N, ") for name, shape in shapes.items())


def _onnx() -> Any:
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise LatentsweepError(
            "--to onnx: the package onnx is needed, got none; pip install 'latentsweep[onnx]'"
        ) from None


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turns the system's refusal to write a file into a user's mistake."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be written ({error.strerror}); choose another folder with -o"
        ) from None
