"""A tiny family on made-up data."""

import numpy as np
import pytest
from training_family import EXAMPLES, FEATURES, settings

from latentsweep.model import family
from latentsweep.model.family import Settings
from latentsweep.training import checkpoint


@pytest.fixture(autouse=True)
def every_epoch_is_kept(monkeypatch):
    """A checkpoint after each epoch, however short it is."""
    monkeypatch.setattr(checkpoint, "_TIMES_AS_LONG", 0)


@pytest.fixture(scope="session")
def values() -> np.ndarray:
    """Fifty examples of twelve grey values that vary in two ways."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(2, FEATURES))
    grey = 1 / (1 + np.exp(-2 * rng.normal(size=(EXAMPLES, 2)) @ weights))
    return np.rint(255 * grey).astype(np.uint8)


@pytest.fixture(scope="session")
def members() -> Settings:
    """Four members that differ in size, seed and objective."""
    return family.stacked(
        [settings(1), settings(3, 1), settings(3, 1, "keras-blog"), settings(7, 2)]
    )
