"""The files of a run's members: weights, curve, and block by block what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentsweep.record import atomic, reading, schema
from latentsweep.record.arrays import content_of, read_arrays, read_hashed, write_arrays
from latentsweep.record.tables import read_table, write_table


@dataclass(frozen=True)
class MemberFiles:
    """A run folder as the place of its members' files."""

    path: Path

    @property
    def manifest_path(self) -> Path:
        """What was run; it says that the folder holds a run."""
        return self.path / "manifest.json"

    def manifest(self) -> dict[str, Any]:
        """What was run."""
        raise NotImplementedError

    def member_path(self, member: str) -> Path:
        """Folder of one trained network."""
        return self.path / "members" / member

    def weights(self, member: str) -> dict[str, np.ndarray]:
        """A member's parameters, unpadded; their bytes are those that were written."""
        path = self.member_path(member) / "weights.safetensors"
        told = path.with_name("member.json").exists()
        return read_hashed(path, self.facts(member).get("weights_sha256") if told else None)

    def write_trained(
        self,
        member: str,
        facts: Mapping[str, Any],
        history: pd.DataFrame,
        weights: Mapping[str, np.ndarray],
    ) -> None:
        """Write what a member became; its weights come last, since they say that it is trained."""
        folder, content = self.member_path(member), content_of(weights)
        hashed = {**facts, "weights_sha256": sha256(content).hexdigest()}
        atomic.write_json(folder / "member.json", hashed)
        write_table(folder / "history.parquet", history)
        atomic.write_bytes(folder / "weights.safetensors", content)

    def arrays(self, member: str) -> dict[str, np.ndarray]:
        """A member's measurements: per-example terms, codes, KL per dimension, decodes, grid."""
        return self.block(member, "arrays")

    def block(self, member: str, name: str) -> dict[str, np.ndarray]:
        """A member's arrays of one block of the evaluation, such as "structure"."""
        sizes = self._sizes() | {"K": int(member.rpartition("-s")[0].rpartition("-k")[2])}
        return self._arrays(self.member_path(member) / f"{name}.safetensors", name, sizes)

    def columns(self, member: str, block: str) -> dict[str, Any]:
        """A member's columns of the results that one block gave."""
        path = self._columns_path(member, block)
        content = reading.read_json(path, dict[str, schema.Column])
        numbers = {name: float(v) if isinstance(v, str) else v for name, v in content.items()}
        return reading.Named(path, numbers)

    def has_block(self, member: str, block: str) -> bool:
        """Whether a block of a member is made: its columns are written last."""
        return self._columns_path(member, block).exists()

    def write_block(
        self, member: str, block: str, columns: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> None:
        """Write what a block gave, its columns last."""
        path = self._columns_path(member, block)
        if arrays:
            write_arrays(path.with_suffix(".safetensors"), arrays)
        plain = {name: np.asarray(value).item() for name, value in columns.items()}
        atomic.write_json(path, {n: v if np.isfinite(v) else str(v) for n, v in plain.items()})

    def _columns_path(self, member: str, block: str) -> Path:
        return self.member_path(member) / f"{block}.json"

    def _arrays(self, path: Path, layout: str, sizes: Mapping[str, Any]) -> dict[str, np.ndarray]:
        arrays = read_arrays(path)
        reading.check_arrays(path, arrays, schema.LAYOUT.get(layout, {}), sizes)
        return arrays

    def _sizes(self) -> dict[str, Any]:
        """The axes of arrays that the manifest knows: N test examples, of an item's shape."""
        if not self.manifest_path.exists():
            return {}
        data = self.manifest()["data"]
        tested = {**data["splits"], **data.get("measured", {})}["test"]
        names = data.get("label_names")
        classes = {} if names is None else {"classes": len(names)}
        return {"N": tested, "*": data["item_shape"], **classes}

    def facts(self, member: str) -> dict[str, Any]:
        """What became of a member's training, as in its `member.json`."""
        return reading.read_json(self.member_path(member) / "member.json", schema.Facts)

    def history(self, member: str) -> pd.DataFrame:
        """A member's learning curve, one row an epoch."""
        return read_table(self.member_path(member) / "history.parquet", schema.HISTORY)
