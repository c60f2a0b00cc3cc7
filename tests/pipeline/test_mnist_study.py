"""The report's study on the real MNIST, against an independent run in another framework."""

import pytest

import latentsweep as ls

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    import os

    if not os.environ.get("LATENTSWEEP_DATA"):
        pytest.skip("real MNIST: set LATENTSWEEP_DATA to the folder that holds mnist/")
    return ls.run(
        "mnist",
        tmp_path_factory.mktemp("mnist"),
        latents=[2, 16],
        settings={"projected_examples": 200},
    )


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("member", "quantity", "expected", "within"),
    [
        ("elbo-k02-s0", "neg_elbo", 152.7, 2.5),
        ("elbo-k16-s0", "neg_elbo", 104.8, 1.0),
        ("keras-blog-k02-s0", "loss", 148.0, 2.5),
        ("keras-blog-k16-s0", "loss", 77.9, 1.5),
    ],
)
def test_losses_are_those_of_an_independent_run(run, member, quantity, expected, within):
    row = run.results.set_index("member").loc[member]
    assert row[quantity] == pytest.approx(expected, abs=within)


@pytest.mark.timeout(1500)
def test_blog_networks_bound_worse_than_they_say(run):
    rows = run.results.set_index("member")
    assert rows.loc["keras-blog-k16-s0", "neg_elbo"] > rows.loc["keras-blog-k16-s0", "loss"] + 30
    assert rows.loc["elbo-k16-s0", "neg_elbo"] > 95, "below it, that is no ELBO"


@pytest.mark.timeout(1500)
def test_all_units_of_small_latents_are_active(run):
    assert (run.results["active_units"] == run.results["latent_size"]).all()
