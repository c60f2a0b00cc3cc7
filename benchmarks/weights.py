"""Run the PyTorch lines of docs/weights.md on every network of a run.

    python benchmarks/weights.py runs/mnist     # one run or more

Where PyTorch is, and latentsweep is not, the lines as they stand on the page encode the run's shown
examples and decode the codes. Means, standard deviations and decoded data are held to the package's
own: no difference may be more than 1e-5 of the greatest number.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import environments
import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "docs" / "weights.md"
TOLERANCE = 1e-5
_CODE = re.compile(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```py\n(.*?)^```", re.M | re.S)
_WHICH = re.compile(r"^run, member = .*$", re.M)


def code(title: str, run: str, member: str) -> str:
    """The lines under a heading of the page, on this network."""
    found = dict(_CODE.findall(PAGE.read_text("utf-8")))[title]
    changed, count = _WHICH.subn(lambda _: f"run, member = {run!r}, {member!r}", found)
    assert count == 1, f"{title}: the line that says which network is not there"
    return changed


def write_expected(run: Path, folder: Path) -> None:
    """A file a network: shown examples in the data's unit, and what the package makes of them."""
    import jax
    import jax.numpy as jnp

    from latentsweep import Run
    from latentsweep.model.objective import OBJECTIVES

    opened = Run.opened(run)
    manifest, values = opened.folder.manifest(), opened.folder.examples().values
    scale = manifest["data"]["scale"]
    if values.dtype == np.uint8:  # greys and colours, whatever the unit of the data
        values = values / 255 * scale["factor"] + scale["offset"]
    x = values.astype(np.float32)
    for each in manifest["members"]:
        model = opened.model(each["objective"], each["latent_size"], each["seed"])
        trained, mean = model.trained, model.encode(x)
        rows = trained.scaled(jnp.asarray(x.reshape(len(x), -1)))
        _, log_scale = jax.jit(jax.vmap(trained.encoded))(rows)
        sigma = np.exp(OBJECTIVES[each["objective"]].log_sigma(log_scale))
        arrays = {"x": x, "mean": mean, "sigma": sigma, "decoded": model.decode(mean)}
        np.savez(folder / f"{each['name']}.npz", **arrays)


def compare(run: Path, folder: Path) -> None:
    """Hold the lines of the page to these files, in this environment."""
    import torch

    torch.set_num_threads(1)
    files = sorted(folder.glob("*.npz"))
    off = [differences(run, file) for file in files]
    worst = {name: max(each[name] for each in off) for name in off[0]}
    told = ", ".join(f"{name} {share:.1e}" for name, share in worst.items())
    print(f"{run}: {len(files)} networks in torch {torch.__version__}; largest difference: {told}")
    if not max(worst.values()) <= TOLERANCE:
        sys.exit(f"{run}: more than {TOLERANCE:.0e} of the greatest number")


def differences(run: Path, file: Path) -> dict[str, float]:
    """How far what the lines give for a network is from what its file expects."""
    import torch

    lines: dict[str, Any] = {}
    exec(compile(code("PyTorch", str(run), file.stem), PAGE.name, "exec"), lines)
    with np.load(file) as expected, torch.no_grad():
        mean, sigma = lines["encode"](torch.tensor(expected["x"]))
        decoded = lines["decode"](torch.tensor(expected["mean"]))
        got = {"mean": mean, "sigma": sigma, "decoded": decoded}
        return {name: difference(each.numpy(), expected[name]) for name, each in got.items()}


def difference(got: np.ndarray, expected: np.ndarray) -> float:
    """The greatest difference as a share of the greatest number."""
    assert got.shape == expected.shape, (got.shape, expected.shape)
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def main() -> None:
    """Check the runs that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--inside", type=Path, help="used by the program itself")
    asked = parser.parse_args()
    if asked.inside:
        compare(asked.runs[0], asked.inside)
        return
    python = environments.python_of("weights")
    for run in asked.runs:
        with tempfile.TemporaryDirectory() as folder:
            write_expected(run, Path(folder))
            environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
            inside = [python, Path(__file__).resolve(), run, "--inside", folder]
            subprocess.run(inside, check=True, env=environment)


if __name__ == "__main__":
    main()
