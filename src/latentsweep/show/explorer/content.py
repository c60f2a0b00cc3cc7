"""What the explorer holds of a run: some examples, every space, and the networks it can run.

Arrays are base64 text with their type beside them. A network that the page cannot run, because it
is too large or has layers that the page does not know, brings what was decoded beforehand.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from latentsweep.errors import RunFolderError
from latentsweep.record.folder import Examples, RunFolder
from latentsweep.show import style
from latentsweep.show.explorer.drawing import drawing
from latentsweep.show.figures.items import are_images, value_limits
from latentsweep.show.members import (
    class_names,
    few,
    first_seeds,
    objectives,
    recommended_size,
)
from latentsweep.study import FACTS

MOST_SIZES = 10
MOST_WEIGHT_BYTES = 17_000_000  # as float16: base64 makes them a third longer
MOST_PICTURE_BYTES = 12_000_000
_LARGEST = float(np.finfo(np.float16).max)

Member = Mapping[Any, Any]


def content(run: RunFolder) -> dict[str, Any]:
    """Everything that the page holds of a run but its words; see the keys below.

    Raises:
        RunFolderError: no network of the run finished.
    """
    manifest, examples = run.manifest(), run.examples()
    members = first_seeds(run, MOST_SIZES)
    if members.empty:
        raise RunFolderError(
            f"{run.path}: a network whose loss stayed finite is needed to explore, got none; "
            "train with a smaller learning rate: latentsweep run --help"
        )
    running = runnable(run, members)
    rows = shown_rows(run, members, examples, len(members) - len(running))
    values = examples.values[rows]
    image = are_images(manifest, values)
    shape = _shape(values) if image else [int(np.prod(values.shape[1:]))]
    offset, factor = _scale(manifest, values)
    return {
        "image": image,
        "shape": shape,
        "likelihood": manifest["data"]["likelihood"],
        "offset": offset,
        "factor": factor,
        "limits": value_limits(manifest, examples.values),
        "values": packed(values),
        "indices": examples.indices[rows].tolist(),
        "drawing": drawing(values.reshape(-1, *shape)) if image else None,
        "classes": _classes(manifest, examples),
        "labels": _labels(examples, rows),
        "objectives": objectives(members),
        "recommended": recommended_size(run),
        "networks": [
            _network(run, member, examples.indices, rows, member["member"] in running)
            for member in members.to_dict("records")
        ],
    }


def runnable(run: RunFolder, members: pd.DataFrame) -> list[str]:
    """The members whose weights the page can hold: the recommended size first, then by size."""
    if FACTS[run.manifest()["data"]["likelihood"]].mean is None:
        return []
    first = members["latent_size"] != recommended_size(run)
    chosen, left = [], MOST_WEIGHT_BYTES
    for name in members.assign(later=first).sort_values("later", kind="stable")["member"]:
        weights = network_weights(run, name)
        needed = sum(np.float16().nbytes * array.size for array in weights.values())
        if weights and needed <= left:
            chosen.append(name)
            left -= needed
    return chosen


def network_weights(run: RunFolder, member: str) -> dict[str, np.ndarray]:
    """The arrays of a dense network of any depth, with a linear path or not; empty for any other.

    The encoder's second head is not among them: the page encodes to the mean.
    """
    arrays = run.weights(member)
    deeper = {name: array for name, array in arrays.items() if _DEEPER.fullmatch(name)}
    path = {name: array for name, array in arrays.items() if name in _PATH}
    if set(arrays) - set(deeper) != _ARRAYS | (_PATH if path else set()):
        return {}
    return {
        **deeper,
        **path,
        "encoder/hidden/weight": arrays["encoder/hidden/weight"],
        "encoder/hidden/bias": arrays["encoder/hidden/bias"],
        "encoder/mean/weight": arrays["encoder/heads/weight"][:, 0],
        "encoder/mean/bias": arrays["encoder/heads/bias"][0],
        "decoder/hidden/weight": arrays["decoder/hidden/weight"],
        "decoder/hidden/bias": arrays["decoder/hidden/bias"],
        "decoder/output/weight": arrays["decoder/output/weight"],
        "decoder/output/bias": arrays["decoder/output/bias"],
    }


_DEEPER = re.compile(r"(encoder|decoder)/deeper/\d+/(weight|bias)")
_ARRAYS = {
    f"{layer}/{kind}"
    for layer in ("encoder/hidden", "encoder/heads", "decoder/hidden", "decoder/output")
    for kind in ("weight", "bias")
} | {"shared"}
_PATH = {f"{part}/path/{kind}" for part in ("encoder", "decoder") for kind in ("weight", "bias")}


def shown_rows(
    run: RunFolder, members: pd.DataFrame, examples: Examples, beforehand: int
) -> np.ndarray:
    """Rows of the shown examples that are in every map, as many as the page may weigh.

    Args:
        beforehand: how many networks bring their reconstructions of each of them.
    """
    projections = run.projections()
    mapped = projections[projections["member"].isin(members["member"])]
    there = np.full(len(examples.indices), fill_value=True)
    for _name, panel in mapped.groupby("member"):
        there &= np.isin(examples.indices, panel["example"])
    rows = np.flatnonzero(there)
    most = MOST_PICTURE_BYTES // (examples.values[0].nbytes * (1 + beforehand))
    return rows[few(range(len(rows)), max(int(most), 1))]


def packed(values: np.ndarray, kind: str = "") -> dict[str, str]:
    """An array as text: as uint8 if it is that, else as `kind`, float32 if nothing is said."""
    kind = "uint8" if values.dtype == np.uint8 else kind or "float32"
    if kind == "float16":
        values = np.clip(values, -_LARGEST, _LARGEST)
    little = np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<"))
    return {"type": kind, "base64": base64.b64encode(little.tobytes()).decode("ascii")}


def _shape(values: np.ndarray) -> list[int]:
    """Height, width and channels."""
    return [int(side) for side in (*values.shape[1:], 1)[:3]]


def _scale(manifest: Mapping[str, Any], values: np.ndarray) -> tuple[float, float]:
    """From shown values to the network's, (value - offset) / factor.

    Images are shown in 8 bits whatever they were, and columns with a scale each are shown scaled.
    """
    scale = manifest["data"].get("scale") or {"offset": 0.0, "factor": 1.0}
    if values.dtype == np.uint8:
        if (white := manifest["data"].get("white")) is None:  # of an earlier version: in [0, 1]
            return 0.0, 255.0
        return 255.0 / white * scale["offset"], 255.0 / white * scale["factor"]
    return (0.0, 1.0) if isinstance(scale["factor"], list) else (scale["offset"], scale["factor"])


def _classes(manifest: Mapping[str, Any], examples: Examples) -> list[dict[str, Any]]:
    """Name and colours of each class of the test split, empty without labels."""
    if examples.labels is None:
        return []
    numbers = np.unique(examples.labels)
    names = class_names(manifest["data"]["label_names"], numbers)
    colours = style.class_colours(numbers)
    return [
        {"name": str(name), "light": colour, "dark": style.on_dark(colour)}
        for name, colour in zip(names, colours.tolist(), strict=True)
    ]


def _labels(examples: Examples, rows: np.ndarray) -> list[int] | None:
    """Each example's place among the classes."""
    if examples.labels is None:
        return None
    labels = examples.labels[examples.indices[rows]]
    return np.searchsorted(np.unique(examples.labels), labels).tolist()


def _network(
    run: RunFolder, member: Member, indices: np.ndarray, rows: np.ndarray, runs: bool
) -> dict[str, Any]:
    """One network: what was measured of it, its map, and its weights or what it decoded before."""
    arrays, size = run.arrays(member["member"]), int(member["latent_size"])
    examples = indices[rows]
    kl = arrays["kl_per_dimension"]
    order = np.argsort(-kl, kind="stable")
    places, dimensions = _map(run, member, arrays, examples, order)
    return {
        "member": member["member"],
        "objective": member["objective"],
        "size": size,
        "seed": int(member["seed"]),
        "kl": kl.astype(float).tolist(),
        "order": order.tolist(),
        "active": [int(k) for k in order if arrays["rho"][k] > ACTIVE],
        "codes": packed(arrays["test/codes"][examples], "float16"),
        "losses": packed(arrays["test/neg_elbo"][examples]),
        "places": packed(places),
        "dimensions": dimensions,
        "weights": _weights(run, member["member"]) if runs else None,
        "shared": float(run.weights(member["member"])["shared"]) if runs else None,
        "beforehand": None if runs else _beforehand(arrays, rows),
    }


ACTIVE = 0.01  # a dimension with a greater rho is active (docs/science.md)


def _map(
    run: RunFolder,
    member: Member,
    arrays: Mapping[str, np.ndarray],
    examples: np.ndarray,
    order: np.ndarray,
) -> tuple[np.ndarray, list[int] | None]:
    """Where a network's map has the examples [E, 2], and the dimensions that it shows.

    These are None for a t-SNE. A run without projections has the two dimensions of greatest KL.
    """
    panel = run.projections()
    panel = panel[panel["member"] == member["member"]].set_index("example")
    if len(panel) and panel["method"].iloc[0] == "t-SNE":
        return panel.loc[examples, ["x", "y"]].to_numpy("float32"), None
    dimensions = sorted(order[:2].tolist())
    places = np.zeros((len(examples), 2), np.float32)
    places[:, : len(dimensions)] = arrays["test/codes"][examples][:, dimensions]
    return places, dimensions


def _weights(run: RunFolder, member: str) -> dict[str, dict[str, str]]:
    return {name: packed(w, "float16") for name, w in network_weights(run, member).items()}


def _beforehand(arrays: Mapping[str, np.ndarray], rows: Sequence[int] | np.ndarray) -> dict:
    """Reconstructions of the examples, and a lattice of decoded codes if the run has one."""
    lattice = None
    if "grid/decodes" in arrays:
        decodes = arrays["grid/decodes"]
        dimensions = arrays.get("grid/dimensions", np.arange(2))
        lattice = {
            "decodes": packed(decodes),
            "side": len(decodes),
            "dimensions": [int(k) for k in dimensions],
        }
    return {"decodes": packed(arrays["shown/decodes"][rows]), "lattice": lattice}
