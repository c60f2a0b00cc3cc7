"""What a run's numbers must obey, read from its folder."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from latentsweep import Run
from latentsweep.data.splits import split
from latentsweep.record.folder import RunFolder
from latentsweep.show.explorer.content import content

MEMBERS = ["keras-blog-k02-s0", "elbo-k02-s0", "keras-blog-k03-s0", "elbo-k03-s0"]
TERMS = (
    "loss",
    "penalty",
    "reconstruction",
    "rate",
    "neg_elbo",
    "reconstruction_of_mean",
    "mse_of_mean",
)


@pytest.fixture(scope="module")
def folder(tiny_run):
    return RunFolder.opened(tiny_run)


@pytest.fixture(scope="module")
def results(folder):
    return folder.results().set_index("member")


@pytest.fixture(scope="module")
def test_pixels():
    pixels = load_digits().images
    return pixels[split(len(pixels), 0.2, 0)["test"]]


def test_one_row_a_member_in_the_order_of_the_study(results):
    assert list(results.index) == MEMBERS
    assert set(results["status"]) == {"ok"}
    assert set(results["data"]) == {"digits"}


def test_the_objective_is_its_two_terms_and_the_bound_its_own(results):
    np.testing.assert_allclose(
        results["loss"], results["reconstruction"] + results["penalty"], 1e-6
    )
    np.testing.assert_allclose(
        results["neg_elbo"], results["reconstruction"] + results["rate"], 1e-6
    )


def test_the_gap_and_the_excess_are_differences(folder, results):
    np.testing.assert_allclose(results["gap"], results["neg_elbo"] - results["loss"], atol=1e-9)
    floor = folder.manifest()["bounds"]["entropy_floor"]
    np.testing.assert_allclose(
        results["excess_reconstruction"], results["reconstruction"] - floor, rtol=1e-12
    )
    assert (results["excess_reconstruction"] > 0).all()


def test_loss_and_bound_are_the_same_for_elbo_and_differ_for_keras_blog(results):
    elbo = results[results["objective"] == "elbo"]
    blog = results[results["objective"] == "keras-blog"]
    np.testing.assert_allclose(elbo["loss"], elbo["neg_elbo"], rtol=1e-6)
    assert (blog["neg_elbo"] - blog["loss"] > 1).all()


@pytest.mark.parametrize("member", MEMBERS)
def test_results_are_the_means_of_the_arrays(folder, results, member):
    arrays = folder.arrays(member)
    for name in TERMS:
        mean = arrays[f"test/{name}"].astype(np.float64).mean()
        np.testing.assert_allclose(results.loc[member, name], mean, rtol=1e-12)
    assert results.loc[member, "active_units"] == np.sum(arrays["rho"] > 0.01)
    variance = arrays["test/codes"].astype(np.float64).var(axis=0)
    assert results.loc[member, "active_units_by_variance"] == np.sum(variance > 0.01)
    kl = arrays["kl_per_dimension"]
    assert results.loc[member, "active_units_by_kl"] == np.sum(kl > 0.01)
    entropy = -sum(p * np.log(p) for p in kl / kl.sum())
    assert results.loc[member, "effective_units"] == pytest.approx(np.exp(entropy))
    assert results["active_units_clear"].dtype == bool
    summed = arrays["kl_per_dimension"].sum()
    np.testing.assert_allclose(results.loc[member, "rate"], summed, rtol=1e-6)


@pytest.mark.parametrize("member", MEMBERS)
def test_the_rate_is_the_kl_of_what_is_sampled(folder, member):
    arrays = folder.arrays(member)
    mean, sigma = (arrays[f"test/{n}"].astype(np.float64) for n in ("codes", "code_scales"))
    kl = 0.5 * (sigma**2 + mean**2 - 1 - 2 * np.log(sigma)).sum(axis=1)
    np.testing.assert_allclose(arrays["test/rate"], kl, rtol=1e-4, atol=1e-5)


def half(weights, name, values):
    """The outputs of a network's encoder or decoder, in NumPy, from its saved weights alone."""

    def dense(layer, inputs):
        weight = weights[f"{name}/{layer}/weight"]
        return inputs @ weight.reshape(len(weight), -1) + weights[f"{name}/{layer}/bias"].ravel()

    last = {"encoder": "heads", "decoder": "output"}[name]
    return dense(last, np.maximum(dense("hidden", values), 0))


def grey(weights, codes):
    """What a network decodes from codes, as greys from 0 to 255."""
    return 255 / (1 + np.exp(-half(weights, "decoder", codes)))


@pytest.mark.parametrize("member", MEMBERS)
def test_decodes_are_what_the_saved_weights_decode(folder, member, test_pixels):
    weights, shown = folder.weights(member), folder.examples()
    heads = half(weights, "encoder", test_pixels[shown.indices].reshape(-1, 64) / 16)
    means = heads[:, : heads.shape[1] // 2]
    arrays = folder.arrays(member)
    np.testing.assert_allclose(arrays["test/codes"][shown.indices], means, rtol=1e-4, atol=1e-5)
    decoded = arrays["shown/decodes"].reshape(-1, 64)
    assert np.abs(decoded - grey(weights, means)).max() < 0.51


@pytest.mark.parametrize("member", MEMBERS)
def test_the_grid_is_of_two_dimensions_and_all_others_are_0(folder, member):
    weights, arrays = folder.weights(member), folder.arrays(member)
    kl = list(arrays["kl_per_dimension"])
    first, second = (0, 1) if len(kl) == 2 else map(kl.index, sorted(kl, reverse=True)[:2])
    assert arrays["grid/dimensions"].tolist() == [first, second]
    for row, column in np.ndindex(9, 9):
        code = np.zeros(len(kl))
        code[first], code[second] = column / 2 - 2, 2 - row / 2
        decoded = arrays["grid/decodes"][row, column].ravel()
        assert np.abs(decoded - grey(weights, code)).max() < 0.51


def test_the_shown_examples_are_the_originals(folder, test_pixels):
    shown = folder.examples()
    expected = np.rint(255 * test_pixels[shown.indices] / 16)
    np.testing.assert_array_equal(shown.values[..., 0], expected)
    digits = load_digits()
    labels = digits.target[split(len(digits.target), 0.2, 0)["test"]]
    np.testing.assert_array_equal(shown.labels, labels)
    counts = np.bincount(labels[shown.indices])
    assert counts.max() - counts.min() <= 1  # stratified


@pytest.mark.parametrize("member", MEMBERS)
def test_the_history_is_that_of_the_objective(folder, member):
    history = folder.history(member)
    np.testing.assert_allclose(
        history["loss"], history["reconstruction"] + history["penalty"], rtol=1e-6
    )
    assert history["loss"].iloc[1] < history["loss"].iloc[0]


def test_training_time_is_shared_by_the_members_of_a_pass(results, folder):
    assert results["train_seconds"].nunique() == 1
    total = folder.manifest()["seconds"]["train"]
    assert 0 < results["train_seconds"].sum() <= total


def test_trustworthiness_is_of_the_picture_only_where_there_is_one(results):
    columns = ["tsne_kl", "tsne_preservation", "tsne_trustworthiness"]
    assert results.loc[results["latent_size"] == 2, columns].isna().all(axis=None)
    wide = results.loc[results["latent_size"] == 3, columns]
    assert wide.notna().all(axis=None)
    assert wide["tsne_preservation"].between(0, 1).all()


def test_a_run_says_what_it_is(tiny_run):
    run = Run.opened(tiny_run)
    assert repr(run) == f"Run({tiny_run}, 4 models)"
    assert list(run.results["member"]) == MEMBERS
    assert run.study.name == "tiny"


def test_pictures_of_a_gaussian_are_measured_and_shown_between_black_and_white(quick, test_pixels):
    done = quick(likelihood="gaussian", latent_sizes=2, objectives="elbo", epochs=2)
    data, scale = (done.folder.manifest()["data"][key] for key in ("white", "scale"))
    assert data == 16
    assert scale["offset"] == pytest.approx(load_digits().data.mean(), rel=0.02)
    made = done.model("elbo", 2).reconstruct(test_pixels)[..., 0] / 16
    errors = ((made - test_pixels / 16) ** 2).mean(axis=(1, 2))
    told = done.results["psnr_of_mean"].iloc[0]
    assert told == pytest.approx(np.mean(-10 * np.log10(errors)), abs=1e-3)
    shown, arrays = done.folder.examples(), done.folder.arrays("elbo-k02-s0")
    np.testing.assert_array_equal(
        shown.values[..., 0], np.rint(255 * test_pixels[shown.indices] / 16)
    )
    decoded = arrays["shown/decodes"][..., 0].astype(float)
    np.testing.assert_allclose(decoded, 255 * made[shown.indices].clip(0, 1), atol=0.51)
    held = content(done.folder)
    own = (held["offset"] / 255 * 16, held["factor"] / 255 * 16)
    assert own == pytest.approx((scale["offset"], scale["factor"]))
