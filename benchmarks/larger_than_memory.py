"""Trains on an array that is larger than memory, under a limit of memory, and says what it took.

    python benchmarks/larger_than_memory.py FOLDER [--gigabytes 20] [--limit 4]

writes an array of MNIST's test images in FOLDER, over and over, each copy rolled and with noise of
its own, so that no two rows are equal. `latentsweep run` trains two networks on it in a process of
its own. The limit is the operating system's (RLIMIT_DATA): of what a process may allocate, thread
stacks included, while pages of a mapped file, which it can drop at any time, do not count. What the
process really held of such memory (RssAnon) is asked for twice a second. The array is removed at
the end.
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tables import table

from latentsweep.data import memory
from latentsweep.data.sources import mnist
from latentsweep.training.placement import cores

FEATURES = 784
_STUDY = (
    *("--latents", "2,16", "--objective", "elbo", "--epochs", "1"),
    *("--set", "batch_size=1024", "--set", "hidden_size=64"),
)
_NOISE = 16  # grey values of 256
_CHILD = """
import sys
from latentsweep.data import memory
if float(sys.argv[1]):
    memory.free_memory = lambda: int(float(sys.argv[1]) * 2**30)
from latentsweep.commands.main import main
sys.exit(main(sys.argv[2:]))
"""


def write_array(path: Path, rows: int) -> None:
    """Write so many rows of 784 grey values, none equal to another."""
    found = mnist.read()
    images = found.values[found.split == "test"].reshape(-1, 28, 28)
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (rows, FEATURES))
    draws = np.random.default_rng(0)
    for copy, start in enumerate(range(0, rows, len(images))):
        rolled = np.roll(images, (copy % 28, copy // 28 % 28), axis=(1, 2))
        noise = draws.integers(0, _NOISE, rolled.shape, np.uint8)
        changed = np.where(rolled < 256 - _NOISE, rolled + noise, rolled - noise)
        array[start : start + len(images)] = changed.reshape(-1, FEATURES)[: rows - start]
    array.flush()


def run(array: Path, folder: Path, limit: float, free: float) -> dict[str, Any]:
    """Train on the array under a limit in GiB; what it took, and the most memory it held, in GiB.

    Args:
        free: GiB that the process is made to believe are free; 0 for the truth.
    """
    command = ["run", "--data", str(array), "-o", str(folder), *_STUDY]
    limited = int(limit * 2**30)
    started, most = time.perf_counter(), {"RssAnon": 0.0, "VmData": 0.0}
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(free), *command],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limited, limited)),
    )
    while child.poll() is None:
        for name, held in _held(child.pid).items():
            most[name] = max(most.get(name, 0.0), held)
        time.sleep(0.5)
    if child.returncode:
        sys.exit(f"the run failed with code {child.returncode}")
    return {"seconds": time.perf_counter() - started, **most}


def _held(process: int) -> dict[str, float]:
    """Memory of a process in GiB: RssAnon is its own, VmData what it may write to at most."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return {}
    return {
        name: int(kilobytes) / 2**20
        for name, kilobytes in re.findall(r"(RssAnon|VmData):\s+(\d+) kB", status)
    }


def report(array: Path, folder: Path, limit: float, took: dict[str, Any]) -> str:
    """What it took, as a table."""
    manifest = json.loads((folder / "manifest.json").read_text())
    data, seconds = manifest["data"], manifest["seconds"]
    read = data["splits"]["train"] * FEATURES / 1e9
    stages = ", ".join(f"{name} {each:.0f} s" for name, each in seconds.items())
    rows = [
        ["array", f"{array.stat().st_size / 1e9:.1f} GB, hash of {data['hash_of']}"],
        ["trained on, and measured", f"{_counts(data['splits'])}; {_counts(data['measured'])}"],
        ["memory free afterwards", f"{memory.free_memory() / 2**30:.1f} GiB, {cores()} cores"],
        ["limit (RLIMIT_DATA)", f"{limit:g} GiB"],
        ["most that it counted (VmData)", f"{took['VmData']:.2f} GiB"],
        ["most held, page cache left out (RssAnon)", f"{took['RssAnon']:.2f} GiB"],
        ["from nothing to the report", f"{took['seconds']:.0f} s ({stages})"],
        ["read in training", f"{read / seconds['train']:.3f} GB/s ({read:.1f} GB)"],
    ]
    return table(["", ""], rows)


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in numbers.items())


def main() -> None:
    """Write the array, run, report, and remove all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--limit", type=float, default=4, help="GiB that the process may allocate")
    parser.add_argument("--free", type=float, default=0, help="GiB to believe free, for a trial")
    asked = parser.parse_args()
    rows = int(asked.gigabytes * 1e9 / FEATURES)
    if shutil.disk_usage(asked.folder).free < 1.2e9 * asked.gigabytes:
        sys.exit(f"{asked.folder}: has no room for {asked.gigabytes:g} GB")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        array = Path(folder) / "tiled.npy"
        write_array(array, rows)
        took = run(array, Path(folder) / "run", asked.limit, asked.free)
        print(report(array, Path(folder) / "run", asked.limit, took))


if __name__ == "__main__":
    main()
