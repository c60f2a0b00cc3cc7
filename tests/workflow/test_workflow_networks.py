"""A user's own networks and variants of the penalty, through a whole run."""

from pathlib import Path

import numpy as np
import pytest

from latentsweep.training.plan import passes_of

FEW = {"epochs": 1, "seeds": [0], "objectives": "elbo", "projected_examples": 20}
OWN = "model.own_networks:Pair"


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))


@pytest.mark.slow
def test_a_network_of_ones_own_is_that_of_its_size_whatever_else_trains(quick):
    """Each size is a pass of its own width; weights and penalties are told apart in the results."""
    several = quick("several", network=OWN, kl_weight=[1, 4], **FEW)
    assert [plan.width for plan in passes_of(several.folder)] == [2, 3]
    names = ["elbo-k02-s0", "elbo_b4-k02-s0", "elbo-k03-s0", "elbo_b4-k03-s0"]
    assert list(several.results["member"]) == names
    assert list(several.results["kl_weight"]) == [1, 4, 1, 4]
    alone = quick("alone", network=OWN, latent_sizes=3, **FEW)
    one, other = (run.folder.weights("elbo-k03-s0") for run in (several, alone))
    assert one.keys() == other.keys()
    for name, weight in one.items():
        np.testing.assert_allclose(weight, other[name], rtol=1e-4, atol=1e-6)
    weighed = several.folder.weights("elbo_b4-k03-s0")
    assert any(not np.allclose(weighed[name], one[name], rtol=1e-3) for name in one)
    images = several.model("elbo_b4", latent_size=3).sample(2)
    assert images.shape == (2, 8, 8, 1)
