"""The report's study on the real MNIST, against an independent run in another framework."""

import pytest

import latentsweep as ls

pytestmark = [pytest.mark.slow, pytest.mark.optimised]  # training of minutes


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


@pytest.fixture(scope="module")
def decayed(tmp_path_factory):
    """Trained until the learning rate has fallen to 0, so that unused units die."""
    import os

    if not os.environ.get("LATENTSWEEP_DATA"):
        pytest.skip("real MNIST: set LATENTSWEEP_DATA to the folder that holds mnist/")
    return ls.run(
        "mnist",
        tmp_path_factory.mktemp("decayed"),
        latents=[32],
        settings={"objectives": ["elbo"], "decay": 0.6, "epochs": 6, "projected_examples": 200},
    )


@pytest.mark.timeout(1500)
def test_inactive_units_carry_nothing(decayed):
    row = decayed.results.iloc[0]
    assert row["active_units"] < 32
    assert abs(row["ablation"]) <= 0.05


@pytest.mark.timeout(1500)
def test_pytorchs_example_gives_the_loss_that_is_known_of_it(tmp_path, mnist_folder):
    """784-400-20, batch 128, ten epochs: 105.6 nats on the test split."""
    from pathlib import Path

    study = Path(__file__).parents[2] / "docs" / "studies" / "mnist-20.toml"
    done = ls.run(study, tmp_path / "run", settings={"projected_examples": 200})
    assert done.results["neg_elbo"].iloc[0] == pytest.approx(105.6, abs=1.0)
