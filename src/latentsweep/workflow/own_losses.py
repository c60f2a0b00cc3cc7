"""The recommendation from losses of networks that were trained elsewhere."""

from pathlib import Path
from typing import Any

import pandas as pd

from latentsweep.answers.apart import apart_sentences
from latentsweep.answers.evidence import Evidence
from latentsweep.answers.losses import read_losses, table_losses
from latentsweep.answers.recommendation import USUAL, Rule, recommend
from latentsweep.answers.wording import MEASURES, Setting, as_json


def recommend_losses(table: pd.DataFrame | str | Path, rule: Rule = USUAL) -> dict[str, Any]:
    """The answer for networks trained elsewhere, as `recommendation` in answers.json.

    Args:
        table: a row a network and held-out example, or the Parquet or CSV file of it, with the
            columns latent_size, seed, example, loss (docs/own-losses.md).
        rule: what is enough.

    Raises:
        DataError: a table that can't be used.
    """
    is_file = isinstance(table, str | Path)
    losses, notes = read_losses(Path(table)) if is_file else table_losses(table)
    setting = Setting(
        data=Path(table).name if is_file else "your table",
        architecture="the networks of that table",
        budget="trained as they were",
        held_out=losses.examples,
        measure=MEASURES["loss"],
    )
    found = recommend(losses, rule)
    told = apart_sentences(found, rule, setting.measure)
    return as_json(found, rule, setting, Evidence(), [*notes, *told])
