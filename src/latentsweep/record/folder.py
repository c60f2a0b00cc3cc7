"""The run folder: where everything stands, and how it is read and written.

It is the seam between computing and showing: `show` reads it and nothing else. `docs/formats.md`
describes each file, field by field.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentsweep.errors import RunFolderError, StudyError
from latentsweep.record import atomic, contents, reading, schema
from latentsweep.record.arrays import read_arrays, write_arrays
from latentsweep.record.columns import PROJECTED
from latentsweep.record.member import MemberFiles
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
class RunFolder(MemberFiles):
    """The files of one run; reading raises RunFolderError if a file is missing or damaged.

    Pages and pictures stand in it too, or in another folder, `shown`.
    """

    shown: Path | None = None

    @classmethod
    def opened(cls, path: str | Path) -> "RunFolder":
        """A folder that holds a run, its manifest and its folders checked.

        Raises:
            RunFolderError: there is none, or it is not as it was written.
        """
        folder = cls(Path(path))
        if not folder.manifest_path.exists():
            raise RunFolderError(
                f"{path}: holds no run (no manifest.json); make one: latentsweep run -o {path}"
            )
        contents.refuse_links(folder.path)
        folder.manifest()
        return folder

    @property
    def study_path(self) -> Path:
        """The complete study."""
        return self.path / "study.toml"

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
        return (self.shown or self.path) / "report.html"

    @property
    def explorer_path(self) -> Path:
        """The page to play with."""
        return (self.shown or self.path) / "explorer.html"

    @property
    def figures_path(self) -> Path:
        """The folder of pictures."""
        return (self.shown or self.path) / "figures"

    def pass_path(self, number: int) -> Path:
        """Folder of one pass: its plan and its two alternating checkpoints."""
        return self.path / "passes" / f"p{number:02d}"

    def study(self) -> Study:
        """The complete study."""
        path = self.study_path
        with reading.reading(path):
            if "\nname = " not in "\n" + path.read_text("utf-8"):
                raise reading.damaged(path, "no name")
            try:
                return load_study(str(path))
            except StudyError as error:
                raise reading.damaged(path, str(error).removeprefix(f"{path}: ")) from None

    @property
    def is_begun(self) -> bool:
        """Whether the folder holds a run that has more than its first mark."""
        return self.manifest_path.exists() and not self._is_beginning(self._manifest())

    def manifest(self) -> dict[str, Any]:
        """What was run, with what, on what; `docs/formats.md` lists the keys."""
        manifest = self._manifest()
        if self._is_beginning(manifest):
            raise RunFolderError(
                f"{self.path}: its run was stopped before its first step; the command that began "
                "it begins it again"
            )
        return manifest

    def _manifest(self) -> dict[str, Any]:
        path = self.manifest_path
        manifest = reading.read_json(path, dict[str, Any])
        if manifest.get("format") != FORMAT:
            raise RunFolderError(
                f"{path}: format {FORMAT} is needed, got {str(manifest.get('format'))[:20]}; use "
                "the version of latentsweep that made it, or run the study again"
            )
        reading.check(path, manifest, schema.Manifest)
        reading.check_members(path, manifest.get("members", ()))
        return manifest

    @staticmethod
    def _is_beginning(manifest: Mapping[str, Any]) -> bool:
        return manifest.get("status") == "beginning"

    def mark(self) -> None:
        """Say that a run begins here, before anything else of it is written or removed."""
        self.write_manifest({"status": "beginning"})

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, with this version's format number."""
        atomic.write_json(self.manifest_path, {"format": FORMAT, **manifest})

    def results(self) -> pd.DataFrame:
        """One row a member; nats per example unless the name says otherwise."""
        projected = PROJECTED if self.projections_path.exists() else []
        table = read_table(self.results_path, [*schema.RESULTS, *projected])
        reading.check_results(self.results_path, table)
        return table

    def write_results(self, results: pd.DataFrame) -> None:
        """Write the table of results."""
        write_table(self.results_path, results)

    def alarms(self) -> list[dict[str, Any]]:
        """The alarms of all members: `member`, `alarm`, `reason`, `numbers`, and English words."""
        path = self.alarms_path
        return reading.read_json(path, list[schema.Alarm]) if path.exists() else []

    def write_alarms(self, alarms: Sequence[Mapping[str, Any]]) -> None:
        """Write the alarms of all members."""
        atomic.write_json(self.alarms_path, list(alarms))

    def yardsticks(self) -> dict[str, Any]:
        """What was measured of the data itself."""
        return reading.read_json(self.yardsticks_path, schema.Yardsticks)

    def write_yardsticks(self, yardsticks: Mapping[str, Any]) -> None:
        """Write what was measured of the data itself."""
        atomic.write_json(self.yardsticks_path, yardsticks)

    def baselines(self) -> pd.DataFrame:
        """One row a representation that nothing was trained for."""
        return read_table(self.baselines_path, schema.BASELINES)

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
        return read_table(self.similarities_path, schema.SIMILARITIES)

    def write_similarities(self, similarities: pd.DataFrame) -> None:
        """Write how alike the spaces of two latent sizes are."""
        write_table(self.similarities_path, similarities)

    def decisions(self) -> list[dict[str, Any]]:
        """The steps of a search so far, in order; empty where the run is no search."""
        if not self.decisions_path.exists():
            return []
        path = self.decisions_path
        with reading.reading(path):
            lines = path.read_text("utf-8").splitlines()
            return [reading.parsed(path, line, schema.Decision) for line in lines]

    def decide(self, decision: Mapping[str, Any]) -> None:
        """Add a step to the search, before anything is done for it."""
        lines = [json.dumps(each, allow_nan=False) for each in [*self.decisions(), decision]]
        atomic.write_text(self.decisions_path, "\n".join(lines) + "\n")

    def answers(self) -> dict[str, Any] | None:
        """The content of `answers.json`, its words English; None if nothing was answered yet."""
        path = self.answers_path
        return reading.read_json(path, schema.Answers) if path.exists() else None

    def write_answers(self, answers: Mapping[str, Any]) -> None:
        """Write the recommended latent size and the judged claims."""
        atomic.write_json(self.answers_path, answers)

    def dimension(self) -> dict[str, Any] | None:
        """What the data's nearest neighbours say of its dimension, None if nobody asked."""
        path = self.path / "dimension.json"
        if path.exists():
            return reading.read_json(path, schema.Dimension)
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

    def examples(self) -> Examples:
        """The examples that pictures show."""
        path = self.path / "examples.safetensors"
        arrays = self._arrays(path, "examples", self._sizes())
        return Examples(arrays["values"], arrays["indices"], arrays.get("test/labels"))

    def write_examples(self, examples: Examples) -> None:
        """Write the examples that pictures show."""
        arrays = {"values": examples.values, "indices": examples.indices}
        if examples.labels is not None:
            arrays["test/labels"] = examples.labels
        write_arrays(self.path / "examples.safetensors", arrays)

    def projections(self) -> pd.DataFrame:
        """2-D coordinates of every latent space, one row a member and example."""
        table = read_table(self.projections_path, schema.PROJECTIONS)
        if (table["example"] >= self._sizes().get("N", np.inf)).any():
            raise reading.damaged(self.projections_path, "example: more than there are")
        return table

    def write_projections(self, projections: pd.DataFrame) -> None:
        """Write the 2-D coordinates of every latent space."""
        write_table(self.projections_path, projections)

    def ids(self) -> pd.DataFrame | None:
        """Where each example stands in the source, by split and place in it, and its own name.

        None in a folder of an earlier version; no `id` where the examples have no names.
        """
        return read_table(self.ids_path, schema.IDS) if self.ids_path.exists() else None

    def write_ids(self, ids: pd.DataFrame) -> None:
        """Write where the examples stand in the source, and their own names."""
        write_table(self.ids_path, ids)

    def clear(self) -> None:
        """Remove the run, but for the mark that one begins, and nothing else in the folder."""
        if self.manifest_path.exists():
            self.mark()
            contents.remove(self.path)
