"""A finished run: its table, its networks, its figures, and how a notebook shows it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from latentsweep.data.dataset import hashable
from latentsweep.errors import RunFolderError, nearest
from latentsweep.model.consent import consent
from latentsweep.record.folder import RunFolder
from latentsweep.show.figures import figure
from latentsweep.show.notebook import notebook
from latentsweep.study import Study
from latentsweep.training.members import Member, load_trained, members_in
from latentsweep.workflow.model import Model


@dataclass(frozen=True)
class Run:
    """A finished run's folder, and what is in it."""

    folder: RunFolder

    @classmethod
    def opened(cls, path: str | Path) -> "Run":
        """The run in a folder.

        Raises:
            RunFolderError: it holds none.
        """
        return cls(RunFolder.opened(path))

    @property
    def study(self) -> Study:
        """The complete study."""
        return self.folder.study()

    @property
    def results(self) -> pd.DataFrame:
        """One row a model; nats per example unless the name says otherwise (docs/formats.md)."""
        return self.folder.results()

    @property
    def recommendation(self) -> dict[str, Any]:
        """The recommended latent size with its evidence; `sentence` says it in words.

        Raises:
            RunFolderError: the run is unfinished.
        """
        answers = self.folder.answers()
        if answers is None:
            raise RunFolderError(f"{self.folder.path}: has no answer yet; finish the run")
        return answers["recommendation"]

    def model(
        self, objective: str, latent_size: int, seed: int = 0, *, trust: bool = False
    ) -> Model:
        """A trained network.

        Args:
            objective: and so on: the name of the model.
            trust: you know the code of the network that the run names, if it is not a built-in one.

        Raises:
            RunFolderError: the study has no such model.
            StudyError: its network is code that you were not asked about.
        """
        known = {m.name: m for m in members_in(self.folder, self.study)}
        member = Member(objective, latent_size, seed)  # type: ignore[arg-type]
        if member.name not in known:
            raise RunFolderError(
                f"model: one of the study's is needed ({', '.join(known)}), "
                f"got '{member.name}'{nearest(member.name, known)}"
            )
        consent(self.study.network, trust=trust)
        data = self.folder.manifest()["data"]
        return Model(
            member,
            tuple(data["item_shape"]),
            load_trained(self.folder, member),
            data.get("columns") and tuple(data["columns"]),
            hashable(data.get("origin", 0.0)),
        )

    def figure(self, name: str) -> Figure:
        """A figure of the report as matplotlib's, drawn anew: "headline", "tsne" and others.

        Raises:
            RunFolderError: this run has no figure of that name; the error names those it has.
        """
        return figure(self.folder, name)

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer, the first figure and the table of results."""
        return notebook(self.folder)

    def __repr__(self) -> str:
        return f"Run({self.folder.path}, {len(self.results)} models)"
