"""A network of a run for other tools: ONNX files that run it, or a table of its codes.

    encoder:  x [N, *item_shape]  ->  mean [N, K], sigma [N, K]
    decoder:  z [N, K]            ->  x [N, *item_shape], parameters [N, P, D]

x is in the data's own unit: the scaling stands in the graphs, so that nothing has to be known
beside the files. The codes are those that the run measured on its test split.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentsweep import __version__
from latentsweep.errors import LatentsweepError, RunFolderError
from latentsweep.onnx_layers import beside, decoder_layers, encoder_layers
from latentsweep.onnx_mean import Piece, Step, mean, seen
from latentsweep.onnx_network import BOUNDS, SIGMAS, Member, Network, read_network
from latentsweep.record import atomic
from latentsweep.record.folder import RunFolder
from latentsweep.record.tables import write_table
from latentsweep.study import objective_of

# The oldest that have what is needed, so that older runtimes open the files too.
OPERATORS, FILE_VERSION = 17, 8
_OPTIONS = {
    "objective": ("objective", "the run's objectives"),
    "latent_size": ("latent", "the run's latent sizes"),
    "seed": ("seed", "the network's seeds"),
}


@dataclass(frozen=True)
class Part:
    """A graph: its inputs and outputs with their shapes but for N, its steps and constants."""

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
        RunFolderError: the network is not a built-in one, or a file can't be written.
        LatentsweepError: onnx is not installed.
    """
    onnx = _onnx()
    network = read_network(folder, member)
    if network.data.get("origin", 0) != 0:
        raise RunFolderError(
            f"{folder.path}: values that float32 holds are needed for ONNX, got some that lie far "
            "from 0 for how little they vary; subtract their means from the data and train anew"
        )
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
    """One row a test example: index, split, row, id, label, z1 to zK, x, y, neg_elbo.

    `row` is its place in the source, from 0. There is no id and no label where the data has none,
    and no x and y where the run did not project this network; examples that it left out of the
    projection have none.
    """
    arrays = folder.arrays(member["name"])
    means = arrays["test/codes"]
    columns: dict[str, Any] = {"index": np.arange(len(means), dtype=np.int32)}
    columns |= _places_in_source(folder, len(means))
    columns |= _labels(folder)
    columns |= {f"z{k}": column for k, column in enumerate(means.T, start=1)}
    columns |= _places(folder, member, len(means))
    return pd.DataFrame({**columns, "neg_elbo": arrays["test/neg_elbo"]})


def _places_in_source(folder: RunFolder, count: int) -> dict[str, Any]:
    """The split, the row in the source and the id of the test examples, as far as known."""
    stand = folder.ids()
    if stand is None:
        return {"split": ["test"] * count}
    tested = stand[stand["split"] == "test"].sort_values("example").head(count)
    return {name: tested[name].to_numpy() for name in ("split", "row", "id") if name in tested}


def encoder(network: Network) -> Part:
    """From data to the mean and the standard deviation of its code's posterior."""
    slope, noise = SIGMAS[objective_of(network.member["objective"])]
    latent = {"mean": [network.member["latent_size"]], "sigma": [network.member["latent_size"]]}
    weight, bias = network.linear("encoder/heads").values()
    heads = {"mean/weight": weight[:, 0], "mean/bias": bias[0]}
    heads |= {"log-scale/weight": weight[:, 1], "log-scale/bias": bias[1]}
    sigma = {"slope": np.array(slope, np.float32), "noise": np.array(noise, np.float32)}
    scaled = [
        Step("Sub", ["x", "offset"], "from offset"),
        Step("Div", ["from offset", "factor"], "scaled"),
        Step("Flatten", ["scaled"], "row"),
    ]
    hidden = seen(network.data["likelihood"]).then(encoder_layers(network))
    to_mean = Step("Gemm", [hidden.given, "mean/weight", "mean/bias"], "mean")
    layers = hidden.then(beside(network, "encoder", "seen", Piece([to_mean], heads)))
    log_scale = _log_scale(objective_of(network.member["objective"]))
    steps = [
        *scaled,
        *layers.steps,
        Step("Gemm", [hidden.given, "log-scale/weight", "log-scale/bias"], "head"),
        *log_scale.steps,
        Step("Mul", [log_scale.given, "slope"], "sloped"),
        Step("Exp", ["sloped"], "spread"),
        Step("Mul", ["spread", "noise"], "sigma"),
    ]
    constants = {**network.scale(), **layers.constants, **log_scale.constants, **sigma}
    return Part("encoder", {"x": network.item_shape}, latent, steps, constants)


def _log_scale(objective: str) -> Piece:
    """From "head", the encoder's second, to the log-scale s, bounded as the objective bounds it."""
    ends = dict(zip(("least log-scale", "most log-scale"), BOUNDS[objective], strict=False))
    if not ends:
        return Piece([Step("Identity", ["head"], "log-scale")], {})
    steps = [
        Step("Clip", ["head", *ends], "inside"),
        Step("Sub", ["head", "inside"], "excess"),
        Step("Softsign", ["excess"], "beyond"),
        Step("Add", ["inside", "beyond"], "log-scale"),
    ]
    return Piece(steps, {name: np.array(end, np.float32) for name, end in ends.items()})


def decoder(network: Network) -> Part:
    """From a code to the expected data and the likelihood's parameters."""
    outputs = {"x": network.item_shape, "parameters": (network.parameters, network.features)}
    shapes = {
        f"shape of {name}": np.array([0, *shape], np.int64) for name, shape in outputs.items()
    }
    layers, expected = decoder_layers(network), mean(network.data["likelihood"], network.features)
    steps = [
        *layers.steps,
        Step("Reshape", ["outputs", "shape of parameters"], "parameters"),
        *expected.steps,
        Step("Mul", ["scaled", "factor"], "from offset"),
        Step("Add", ["from offset", "offset"], "row"),
        Step("Reshape", ["row", "shape of x"], "x"),
    ]
    inputs = {"z": [network.member["latent_size"]]}
    constants = {**network.scale(), **layers.constants, **shapes, **expected.constants}
    return Part("decoder", inputs, outputs, steps, constants)


def _model(onnx: Any, part: Part, notes: Mapping[str, str]) -> Any:
    make = onnx.helper

    def rows(shapes: Mapping[str, Sequence[int]]) -> list[Any]:
        number = onnx.TensorProto.FLOAT
        return [make.make_tensor_value_info(n, number, ["N", *s]) for n, s in shapes.items()]

    graph = make.make_graph(
        [
            make.make_node(operator, taken, [given], **attributes)
            for operator, taken, given, attributes in part.steps
        ],
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
