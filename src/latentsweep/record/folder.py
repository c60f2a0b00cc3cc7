"""The run folder: where everything stands, and how it is read and written.

It is the seam between computing and showing: `show` reads it and nothing else. `docs/formats.md`
describes each file, field by field.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentsweep.errors import RunFolderError
from latentsweep.language import spoken
from latentsweep.record import atomic
from latentsweep.record.arrays import read_arrays, write_arrays
from latentsweep.record.tables import read_table, write_table
from latentsweep.study import Study, load_study

FORMAT = 1


@dataclass(frozen=True)
class Examples:
    """The examples that pictures show, and the labels of the whole test split.

    `values` [E, *item] are the shown originals (uint8 for images of 8-bit greys or colours,
    otherwise float32 in the data's own unit, or scaled where each column has its own scale);
    `indices` [E] their places in the test split; `labels` [N] the class number of every test
    example, None without labels.
    """

    values: np.ndarray
    indices: np.ndarray
    labels: np.ndarray | None


@dataclass(frozen=True)
class RunFolder:
    """The files of one run; reading raises RunFolderError if a file is missing or damaged."""

    path: Path

    @classmethod
    def opened(cls, path: str | Path) -> "RunFolder":
        """A folder that holds a run.

        Raises:
            RunFolderError: there is none.
        """
        folder = cls(Path(path))
        if not folder.manifest_path.exists():
            raise RunFolderError(
                f"{path}: holds no run (no manifest.json); make one: latentsweep run -o {path}"
            )
        return folder

    @property
    def study_path(self) -> Path:
        """The complete study."""
        return self.path / "study.toml"

    @property
    def manifest_path(self) -> Path:
        """What was run; it says that the folder holds a run."""
        return self.path / "manifest.json"

    @property
    def results_path(self) -> Path:
        """The table of results."""
        return self.path / "results.parquet"

    @property
    def projections_path(self) -> Path:
        """The coordinates of every latent space."""
        return self.path / "projections.parquet"

    @property
    def ids_path(self) -> Path:
        """The examples' own names."""
        return self.path / "ids.parquet"

    @property
    def alarms_path(self) -> Path:
        """What may be wrong with the networks."""
        return self.path / "alarms.json"

    @property
    def yardsticks_path(self) -> Path:
        """What was measured of the data itself."""
        return self.path / "yardsticks.json"

    @property
    def baselines_path(self) -> Path:
        """The structure of representations that nothing was trained for."""
        return self.path / "baselines.parquet"

    @property
    def similarities_path(self) -> Path:
        """How alike the spaces of two latent sizes are."""
        return self.path / "similarities.parquet"

    @property
    def decisions_path(self) -> Path:
        """What a search decided to train, step by step."""
        return self.path / "decisions.jsonl"

    @property
    def answers_path(self) -> Path:
        """The recommended latent size and the judged claims."""
        return self.path / "answers.json"

    @property
    def report_path(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def explorer_path(self) -> Path:
        """The page to play with."""
        return self.path / "explorer.html"

    @property
    def figures_path(self) -> Path:
        """The folder of pictures."""
        return self.path / "figures"

    def pass_path(self, number: int) -> Path:
        """Folder of one pass: its plan and its two alternating checkpoints."""
        return self.path / "passes" / f"p{number:02d}"

    def member_path(self, member: str) -> Path:
        """Folder of one trained network."""
        return self.path / "members" / member

    def study(self) -> Study:
        """The complete study."""
        if not self.study_path.exists():
            raise RunFolderError(f"{self.study_path}: missing; run the study again with --force")
        return load_study(str(self.study_path))

    def manifest(self) -> dict[str, Any]:
        """What was run, with what, on what; `docs/formats.md` lists the keys."""
        try:
            manifest = json.loads(self.manifest_path.read_text())
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{self.manifest_path}: cannot be read ({error}); run the study again with --force"
            ) from None
        if manifest.get("format") != FORMAT:
            raise RunFolderError(
                f"{self.manifest_path}: format {FORMAT} is needed, got {manifest.get('format')}; "
                "use the version of latentsweep that made it, or run the study again"
            )
        return manifest

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, with this version's format number."""
        atomic.write_json(self.manifest_path, {"format": FORMAT, **manifest})

    def results(self) -> pd.DataFrame:
        """One row a member; nats per example unless the name says otherwise."""
        return read_table(self.results_path)

    def write_results(self, results: pd.DataFrame) -> None:
        """Write the table of results."""
        write_table(self.results_path, results)

    def weights(self, member: str) -> dict[str, np.ndarray]:
        """A member's parameters, unpadded."""
        return read_arrays(self.member_path(member) / "weights.safetensors")

    def arrays(self, member: str) -> dict[str, np.ndarray]:
        """A member's measurements: per-example terms, codes, KL per dimension, decodes, grid."""
        return read_arrays(self.member_path(member) / "arrays.safetensors")

    def block(self, member: str, name: str) -> dict[str, np.ndarray]:
        """A member's arrays of one block of the evaluation, such as "structure"."""
        return read_arrays(self.member_path(member) / f"{name}.safetensors")

    def alarms(self) -> list[dict[str, str]]:
        """The alarms of all members, each with `member`, `alarm`, `seen`, `remedy`.

        In the language of the moment, or in English where the folder has no others.
        """
        path = _there(self.alarms_path)
        return self._json(path) if path.exists() else []

    def write_alarms(self, alarms: Sequence[Mapping[str, str]]) -> None:
        """Write the alarms of all members, told in the language of the moment."""
        atomic.write_json(in_language(self.alarms_path), list(alarms))

    def yardsticks(self) -> dict[str, Any]:
        """What was measured of the data itself."""
        return self._json(self.yardsticks_path)

    def write_yardsticks(self, yardsticks: Mapping[str, Any]) -> None:
        """Write what was measured of the data itself."""
        atomic.write_json(self.yardsticks_path, yardsticks)

    def baselines(self) -> pd.DataFrame:
        """One row a representation that nothing was trained for."""
        return read_table(self.baselines_path)

    def baseline_arrays(self) -> dict[str, np.ndarray]:
        """Per-example hits of those representations, named `pca-k02/test/knn_hits` and so on."""
        path = self.path / "baselines.safetensors"
        return read_arrays(path) if path.exists() else {}  # there are none without labels

    def write_baselines(self, baselines: pd.DataFrame, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the structure of representations that nothing was trained for."""
        if arrays:
            write_arrays(self.path / "baselines.safetensors", arrays)
        write_table(self.baselines_path, baselines)

    def similarities(self) -> pd.DataFrame:
        """One row two latent sizes of an objective and seed."""
        return read_table(self.similarities_path)

    def write_similarities(self, similarities: pd.DataFrame) -> None:
        """Write how alike the spaces of two latent sizes are."""
        write_table(self.similarities_path, similarities)

    def decisions(self) -> list[dict[str, Any]]:
        """The steps of a search so far, in order; empty where the run is no search."""
        if not self.decisions_path.exists():
            return []
        try:
            return [json.loads(line) for line in self.decisions_path.read_text().splitlines()]
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{self.decisions_path}: cannot be read ({error}); start anew with --force"
            ) from None

    def decide(self, decision: Mapping[str, Any]) -> None:
        """Add a step to the search, before anything is done for it."""
        lines = [json.dumps(each, allow_nan=False) for each in [*self.decisions(), decision]]
        atomic.write_text(self.decisions_path, "\n".join(lines) + "\n")

    def answers(self) -> dict[str, Any] | None:
        """The content of `answers.json`, None if nothing was answered yet.

        In the language of the moment, or in English where the folder has no others.
        """
        path = _there(self.answers_path)
        return self._json(path) if path.exists() else None

    def write_answers(self, answers: Mapping[str, Any]) -> None:
        """Write the recommended latent size and the judged claims, told in that language."""
        atomic.write_json(in_language(self.answers_path), answers)

    def dimension(self) -> dict[str, Any] | None:
        """What the data's nearest neighbours say of its dimension, None if nobody asked."""
        path = self.path / "dimension.json"
        if path.exists():
            return self._json(path)
        return self.yardsticks()["dimension"] if self.yardsticks_path.exists() else None

    def write_dimension(self, profile: Mapping[str, Any]) -> None:
        """Write what the data's nearest neighbours say of its dimension."""
        atomic.write_json(self.path / "dimension.json", profile)

    def no_latent(self, split: str) -> np.ndarray | None:
        """The losses [N] of a split without a latent, None in a folder of an earlier version."""
        path = self.path / "no_latent.safetensors"
        return read_arrays(path).get(split) if path.exists() else None

    def write_no_latent(self, losses: Mapping[str, np.ndarray]) -> None:
        """Write the losses [N] of each held-out split without a latent."""
        write_arrays(self.path / "no_latent.safetensors", losses)

    def facts(self, member: str) -> dict[str, Any]:
        """What became of a member's training, as in its `member.json`."""
        return self._json(self.member_path(member) / "member.json")

    def history(self, member: str) -> pd.DataFrame:
        """A member's learning curve, one row an epoch."""
        return read_table(self.member_path(member) / "history.parquet")

    def examples(self) -> Examples:
        """The examples that pictures show."""
        arrays = read_arrays(self.path / "examples.safetensors")
        return Examples(arrays["values"], arrays["indices"], arrays.get("test/labels"))

    def write_examples(self, examples: Examples) -> None:
        """Write the examples that pictures show."""
        arrays = {"values": examples.values, "indices": examples.indices}
        if examples.labels is not None:
            arrays["test/labels"] = examples.labels
        write_arrays(self.path / "examples.safetensors", arrays)

    def projections(self) -> pd.DataFrame:
        """2-D coordinates of every latent space, one row a member and example."""
        return read_table(self.projections_path)

    def write_projections(self, projections: pd.DataFrame) -> None:
        """Write the 2-D coordinates of every latent space."""
        write_table(self.projections_path, projections)

    def ids(self) -> pd.DataFrame | None:
        """Where each example stands in the source, by split and place in it, and its own name.

        None in a folder of an earlier version; no `id` where the examples have no names.
        """
        return read_table(self.ids_path) if self.ids_path.exists() else None

    def write_ids(self, ids: pd.DataFrame) -> None:
        """Write where the examples stand in the source, and their own names."""
        write_table(self.ids_path, ids)

    def _json(self, path: Path) -> Any:
        try:
            return json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{path}: cannot be read ({error}); remove it, and 'latentsweep evaluate "
                f"{self.path}' makes it anew"
            ) from None

    def clear(self) -> None:
        """Remove the run and nothing else that may lie in the folder."""
        for name in ("passes", "members", "linear", "figures", "export"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in _FILES:
            (self.path / name).unlink(missing_ok=True)


def in_language(path: Path) -> Path:
    """The file of the language of the moment: `answers.json` in English, `answers.pt.json`."""
    return path if spoken() == "en" else path.with_suffix(f".{spoken()}{path.suffix}")


def _there(path: Path) -> Path:
    """The file of the language of the moment if there is one, else the English one."""
    own = in_language(path)
    return own if own.exists() else path


_FILES = (
    "study.toml",
    "manifest.json",
    "decisions.jsonl",
    "examples.safetensors",
    "results.parquet",
    "projections.parquet",
    "ids.parquet",
    "alarms.json",
    "alarms.pt.json",
    "yardsticks.json",
    "baselines.parquet",
    "baselines.safetensors",
    "similarities.parquet",
    "answers.json",
    "answers.pt.json",
    "no_latent.safetensors",
    "dimension.json",
    "report.html",
    "explorer.html",
)
