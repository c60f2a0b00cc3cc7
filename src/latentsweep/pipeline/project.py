"""The projecting stage: two-dimensional coordinates of every latent space."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentsweep.evaluation import projection
from latentsweep.evaluation.evaluate import SPLIT
from latentsweep.pipeline.measure import results_so_far
from latentsweep.pipeline.work import Work
from latentsweep.training.placement import cores


def project(work: Work) -> None:
    """Project the latent spaces that pictures show, and write their faithfulness and coordinates.

    Of each objective and latent size that is the first seed's member that did not fail.
    """
    results = results_so_far(work)
    finished = results[results["status"] == "ok"]
    project_members(work, list(finished.drop_duplicates(["objective", "latent_size"])["member"]))


def project_members(work: Work, members: Sequence[str]) -> None:
    """Write the faithfulness columns of the results and, last of all, the coordinates."""
    results = results_so_far(work)
    work.observer.stage("t-SNE", len(members))
    panels = _panels(work, members)
    tables = [_table(name, work.chosen, panel) for name, panel in zip(members, panels, strict=True)]
    for column in ("kl", "preservation", "trustworthiness"):
        values = {name: getattr(panel, column) for name, panel in zip(members, panels, strict=True)}
        results[f"tsne_{column}"] = results["member"].map(values).astype(float)
    work.folder.write_results(results)
    work.folder.write_projections(pd.concat([_empty(), *tables], ignore_index=True))


def _panels(work: Work, members: Sequence[str]) -> list[projection.Panel]:
    codes = [work.folder.arrays(name)[f"{SPLIT}/codes"][work.chosen] for name in members]
    if not codes:
        return []
    data = work.dataset.scale(work.values(SPLIT)[work.chosen], np.float32)
    panels = []
    for panel in projection.panels(codes, projection.common_start(data), threads=cores()):
        panels.append(panel)
        work.observer.advance(len(panels))
    return projection.aligned(panels)


def _table(member: str, examples: np.ndarray, panel: projection.Panel) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "member": member,
            "example": examples,
            "x": panel.coordinates[:, 0],
            "y": panel.coordinates[:, 1],
            "method": panel.method,
        }
    )


def _empty() -> pd.DataFrame:
    types = {"member": str, "example": np.int32, "x": float, "y": float, "method": str}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
