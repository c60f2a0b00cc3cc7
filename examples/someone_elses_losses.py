"""The latent size for models that this package has not trained: only their losses are needed.

Here they are scikit-learn's factor analyses, whose likelihood is exact. A table of losses of any
VAEs would do: one row a network and held-out example (docs/own-losses.md).
"""

import numpy as np
import pandas as pd
from sklearn.decomposition import FactorAnalysis

import latentsweep as ls


def data(rows: int, factors: int = 5, features: int = 20) -> np.ndarray:
    """Rows that have so many factors, and noise."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((factors, features))
    return rng.standard_normal((rows, factors)) @ mixing + rng.standard_normal((rows, features))


def main() -> None:
    """Print the answer: it should be 5."""
    x = data(1_500)
    train, held_out = x[:1_000], x[1_000:]
    tables = []
    for seed in range(3):
        drawn = np.random.default_rng(seed).choice(train, 800, replace=False)
        for size in (0, 1, 2, 3, 4, 5, 6, 8):
            model = FactorAnalysis(size, random_state=seed).fit(drawn)
            losses = -model.score_samples(held_out)
            rows = {"latent_size": size, "seed": seed, "example": range(500), "loss": losses}
            tables.append(pd.DataFrame(rows))
    found = ls.recommend_losses(pd.concat(tables))
    print(found["sentence"])
    print(f"size {found['latent_size']}, 90 % set {found['set']}")


if __name__ == "__main__":
    main()
