"""The recommendation of a table does not depend on its unit; what can't be believed is doubted."""

import numpy as np
import pandas as pd
import pytest

import latentsweep as ls

RNG = np.random.default_rng(3)
X = RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 8)) + 0.15 * RNG.normal(size=(400, 8))
UNITS = {
    "as it is": X,
    "a millionth": 1e-6 * X,
    "a million": 1e6 * X,
    "within [0, 0.05]": 0.05 * (X - X.min()) / np.ptp(X),
    "far from 0": X + 1e7,
    "columns in another order": X[:, ::-1],
}


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
def test_the_recommendation_of_a_table_has_no_unit(unit, tmp_path, without_report):
    frame = pd.DataFrame(UNITS[unit], columns=list("abcdefgh"))
    few = {"validation_folds": 4, "hidden_size": 16, "epochs": 60}
    found = ls.recommend(frame, tmp_path / "run", budget=0.1, settings=few).recommendation
    low, high = found["set"]
    assert low <= 2 <= high <= 4
    assert found["gain"] == pytest.approx(10, rel=0.15)


def test_nothing_to_encode_is_doubted_with_a_remedy(tmp_path, without_report):
    """Values of a thousandth, as they are: a network of the usual rate sees nothing."""
    frame = pd.DataFrame(1e-5 * X, columns=list("abcdefgh"))
    settings = {"scale": "none", "epochs": 1, "hidden_size": 8, "seeds": [0, 1, 2]}
    settings |= {"objectives": "elbo", "projected_examples": 20}
    run = ls.run(data=frame, latents=[1, 2], output=tmp_path / "run", settings=settings)
    assert (run.results["active_units"] == 0).all()
    told = run.folder.answers()["recommendation"]
    for sentence in (told["sentence"], told["answer"]):
        assert sentence.endswith(
            "Doubt this first: at no size does a network use any of its dimensions. Data with "
            "nothing to encode does that, and so does a likelihood or a scale that does not fit "
            "it: try --scale auto."
        )
