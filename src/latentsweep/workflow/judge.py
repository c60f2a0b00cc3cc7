"""The judging stage: recommendation and claims of a run, from its folder into `answers.json`."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from latentsweep.answers.claim_verdict import Verdict
from latentsweep.answers.claims import Grounds, judged
from latentsweep.errors import RunFolderError
from latentsweep.record.folder import RunFolder
from latentsweep.show.words.answers import answers_in_words
from latentsweep.workflow.answer import NotJudgedError, answer

_COUNTED = ("compile", "train", "evaluate")
# Measures whose values of each test example are kept: where, and under which name.
_PER_EXAMPLE = {
    "reconstruction": ("arrays", "test/reconstruction"),
    "neg_elbo": ("arrays", "test/neg_elbo"),
    "knn_accuracy": ("structure", "test/knn_hits"),
}


def write_answers(folder: RunFolder) -> None:
    """Make the recommendation and the verdicts anew, and write them."""
    recommendation, verdicts = _recommendation(folder), claims(folder)
    judged_claims = [verdict.as_json() for verdict in verdicts]
    answers = {"recommendation": recommendation, "claims": judged_claims}
    folder.write_answers(answers_in_words(answers))


def claims(folder: RunFolder) -> list[Verdict]:
    """The verdict on every claim of the report, for each objective of a run."""
    results = folder.results()
    sound = results[results["status"] == "ok"]
    facts = folder.yardsticks() if folder.yardsticks_path.exists() else {}
    baselines = folder.baselines() if folder.baselines_path.exists() else pd.DataFrame()
    evidence = Grounds(
        results=results,
        per_example=partial(_per_example, folder, set(sound["member"])),
        baseline=partial(_baseline, baselines, folder.baseline_arrays()),
        facts={"pixel_midpoint_confident": facts.get("pixel_midpoint_confident")},
        seconds_per_seed=_seconds(folder) / max(results["seed"].nunique(), 1),
    )
    return judged(evidence)


def _recommendation(folder: RunFolder) -> dict[str, Any]:
    """The facts of the recommendation, or why there is none."""
    none: dict[str, Any] = {"status": "not judged", "latent_size": None, "set": None}
    try:
        return answer(folder).facts
    except NotJudgedError as error:
        return {**none, "reason": error.reason}
    except RunFolderError as error:
        return {**none, "sentence": str(error).removeprefix(f"{folder.path}: ")}


def _per_example(
    folder: RunFolder, members: set[str], measure: str, member: str
) -> np.ndarray | None:
    if measure not in _PER_EXAMPLE or member not in members:
        return None
    block, name = _PER_EXAMPLE[measure]
    path = folder.member_path(member) / f"{block}.safetensors"
    return folder.block(member, block).get(name) if path.exists() else None


def _baseline(
    table: pd.DataFrame, arrays: dict[str, np.ndarray], measure: str, latent_size: int
) -> np.ndarray | float | None:
    """What principal components of a size reach: by example where that is kept."""
    hits = arrays.get(f"pca-k{latent_size:02d}/test/knn_hits")
    if measure == "knn_accuracy" and hits is not None:
        return hits.astype(np.float64)
    if table.empty or measure not in table:
        return None
    rows = table[(table["representation"] == "pca") & (table["latent_size"] == latent_size)]
    return None if rows.empty else float(rows[measure].iloc[0])


def _seconds(folder: RunFolder) -> float:
    seconds = folder.manifest()["seconds"]
    return sum(seconds.get(stage, 0.0) for stage in _COUNTED)
