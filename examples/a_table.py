"""How many dimensions a table needs: wines, by 13 chemical measures, some of them missing.

Columns of different units are standardised one by one; each seed holds out another tenth of the few
rows.
"""

import sys

import numpy as np
from sklearn.datasets import load_wine

import latentsweep as ls


def main(output: str | None = None, budget: float = 120.0) -> None:
    """Print the answer, and every size's distance from the best."""
    table = load_wine(as_frame=True).frame
    table.loc[np.random.default_rng(0).random(len(table)) < 0.05, "ash"] = np.nan
    run = ls.recommend(
        table,
        output or "runs/wine-table",
        labels="target",
        budget=budget,
        settings={"missing": "mean"},
    )
    found = run.recommendation
    print(found["sentence"])
    for row in found["rows"]:
        print(
            f"{row['latent_size']:3} dimensions: {row['behind']:6.2f} nats behind the best, "
            f"{row['low']:.2f} to {row['high']:.2f}: {row['verdict']}"
        )
    print(f"Open {run.folder.report_path}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
