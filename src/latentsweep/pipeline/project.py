"""The projecting stage: two-dimensional coordinates of every latent space."""

import numpy as np
import pandas as pd

from latentsweep.evaluation import projection
from latentsweep.evaluation.evaluate import SPLIT
from latentsweep.pipeline.measure import results_so_far
from latentsweep.pipeline.work import Work
from latentsweep.training.placement import cores


def project(work: Work) -> None:
    """Write the faithfulness columns of the results and, last of all, the coordinates.

    Of each objective and latent size, the first seed's member that did not fail: pictures show no
    other.
    """
    results = results_so_far(work)
    finished = results[results["status"] == "ok"]
    members = list(finished.drop_duplicates(["objective", "latent_size"])["member"])
    work.observer.stage("t-SNE", len(members))
    codes = [work.folder.arrays(name)[f"{SPLIT}/codes"][work.chosen] for name in members]
    data = work.dataset.scale(work.values(SPLIT)[work.chosen], np.float32)
    start = projection.common_start(data)
    panels = []
    for panel in projection.panels(codes, start, threads=cores()):
        panels.append(panel)
        work.observer.advance(len(panels))
    panels = projection.aligned(panels)
    tables = [_table(name, work.chosen, panel) for name, panel in zip(members, panels, strict=True)]
    for column in ("kl", "preservation", "trustworthiness"):
        values = {name: getattr(panel, column) for name, panel in zip(members, panels, strict=True)}
        results[f"tsne_{column}"] = results["member"].map(values).astype(float)
    work.folder.write_results(results)
    work.folder.write_projections(pd.concat([_empty(), *tables], ignore_index=True))


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
