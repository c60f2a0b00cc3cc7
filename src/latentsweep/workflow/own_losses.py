"""The recommendation from losses of networks that were trained elsewhere."""

from pathlib import Path
from typing import Any

import pandas as pd

from latentsweep.answers.evidence import Evidence
from latentsweep.answers.facts import apart_remarks, facts_of
from latentsweep.answers.losses import read_losses, table_losses
from latentsweep.answers.recommendation import USUAL, Rule, recommend
from latentsweep.show.words.recommendation import recommendation_in_words


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
    losses, remarks = read_losses(Path(table)) if is_file else table_losses(table)
    setting = {"table": Path(table).name if is_file else None, "held_out": losses.examples}
    found = recommend(losses, rule)
    told = [*remarks, *apart_remarks(found, rule, "loss")]
    facts = facts_of(found, rule, "loss", setting=setting, evidence=Evidence(), remarks=told)
    return recommendation_in_words(facts)
