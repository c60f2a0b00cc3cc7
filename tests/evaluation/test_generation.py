import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from latentsweep.evaluation import generation
from latentsweep.evaluation.generation import (
    density_and_coverage,
    fitted_gaussian,
    floor,
    frechet_distance,
    principal_features,
    quality,
    real,
)

RNG = np.random.default_rng(0)


def normal(n: int, width: int = 16) -> np.ndarray:
    return RNG.normal(size=(n, width)).astype(np.float32)


def with_moments(n: int, mean: np.ndarray, root: np.ndarray) -> np.ndarray:
    """n points whose mean and unbiased covariance are exactly mean and root root^T."""
    raw = RNG.normal(size=(n, len(mean)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return white @ root.T + mean


def test_identical_distributions_cover_as_the_theory_says():
    density, coverage = density_and_coverage(normal(3000), normal(3000))
    assert coverage == pytest.approx(1 - 2**-5, abs=0.01)
    assert density == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("k", [1, 3])
def test_density_and_coverage_are_those_of_all_pairs(k):
    real, fake = normal(70, 3), 0.8 * normal(50, 3)
    radii = np.sort(cdist(real, real), axis=1)[:, k]
    inside = cdist(real, fake) < radii[:, None]
    expected = inside.sum() / (k * 50), inside.any(axis=1).mean()
    assert density_and_coverage(real, fake, k) == pytest.approx(expected)


def test_blocks_of_pairs_add_up_to_the_whole(monkeypatch):
    real, fake = normal(301, 4), normal(203, 4)
    whole = density_and_coverage(real, fake)
    monkeypatch.setattr(generation, "_BLOCK_MEBIBYTES", 0.02)
    assert density_and_coverage(real, fake) == whole


def test_what_drops_a_mode_loses_coverage_and_keeps_its_density():
    apart = 50 * (np.arange(2000) % 2)[:, np.newaxis]
    density, coverage = density_and_coverage(normal(2000) + apart, normal(2000))
    assert coverage == pytest.approx(0.5 * (1 - 3**-5), abs=0.01)  # two fakes to a real example
    assert density == pytest.approx(1, abs=0.1)


def test_noise_around_the_data_loses_density():
    assert density_and_coverage(normal(1000), 1.5 * normal(1000))[0] < 0.5


def test_frechet_distance_of_equal_covariances_is_that_of_the_means():
    mean, root = np.array([1.0, -2.0, 0.5]), RNG.normal(size=(3, 3))
    a, b = with_moments(40, mean, root), with_moments(60, mean + np.array([3.0, 0.0, 4.0]), root)
    assert frechet_distance(a, b) == pytest.approx(25, rel=1e-9)


def test_frechet_distance_is_the_closed_form_of_covariances_that_do_not_commute():
    roots = RNG.normal(size=(2, 4, 4))
    a, b = (with_moments(50, np.zeros(4), root) for root in roots)
    c, d = (root @ root.T for root in roots)
    expected = np.trace(c + d - 2 * np.real(sqrtm(c @ d)))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_samples_nears_that_of_their_gaussians():
    scales, shift = np.array([1.0, 2.0, 0.5, 3.0]), np.array([0.0, 1.0, 0.0, -1.0])
    a, b = normal(200_000, 4), normal(200_000, 4) * scales + shift
    assert frechet_distance(a, b) == pytest.approx(((scales - 1) ** 2).sum() + 2, rel=0.02)


def test_frechet_distance_of_a_set_with_itself_is_nothing_even_if_singular():
    for points in (normal(500), normal(10, 30), np.ones((5, 3)), normal(1, 3)):
        assert 0 <= frechet_distance(points, points[::-1]) < 1e-9


def test_frechet_distance_of_singular_covariances():
    """Lines along two axes: nothing shared, so the variances add."""
    a, b = np.zeros((100, 5)), np.zeros((100, 5))
    a[:, 0], b[:, 1] = RNG.normal(size=(2, 100))
    expected = sum(x.var(axis=0, ddof=1).sum() for x in (a, b))
    expected += np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    assert frechet_distance(a, b) == pytest.approx(expected)


def test_one_in_a_hundred_real_examples_is_far_and_all_outliers_are():
    test, train, fake = normal(2000, 4), normal(3000, 4), normal(2000, 4)
    assert quality(real(train, test), fake).far == pytest.approx(0.01, abs=0.007)
    fake[:500] += 20
    assert quality(real(train, test), fake).far == pytest.approx(0.26, abs=0.01)


def test_far_is_measured_to_the_training_examples():
    train = np.array([[0.0], [10.0]])
    test = np.array([[0.1], [9.8], [10.3]])  # 0.1, 0.2, 0.3 away
    fakes = np.array([[0.2], [9.5], [10.29], [5.0]])
    assert quality(real(train, test), fakes).far == 0.5


def test_quality_compares_with_test_examples_and_far_with_training_examples():
    train, test = normal(400, 3) + 30, normal(300, 3)
    examples = real(train, test)
    got = quality(examples, normal(300, 3))
    assert got.coverage > 0.9
    assert got.density > 0.8
    assert got.frechet < 0.2
    assert quality(examples, train[:300]).far == 0
    assert quality(examples, train[:300]).coverage == 0


def test_the_floor_is_what_real_examples_get():
    got = floor(normal(4000, 8), normal(2000, 8), seed=0)
    assert got.coverage == pytest.approx(1 - 2**-5, abs=0.015)
    assert got.density == pytest.approx(1, abs=0.1)
    assert got.frechet < 0.05
    assert got.far == pytest.approx(0.01, abs=0.007)  # 0 if they were their own neighbours


def test_real_examples_that_stand_for_fakes_are_left_out_of_the_training_set():
    train = np.arange(20.0)[:, np.newaxis]
    rest, test, stand_ins = generation._with_stand_ins(train, train[:6], seed=3)
    assert len(stand_ins) == 6
    assert sorted([*rest[:, 0], *stand_ins[:, 0]]) == list(range(20))
    assert list(stand_ins[:, 0]) != sorted(stand_ins[:, 0])
    np.testing.assert_array_equal(test, train[:6])


def test_they_are_at_most_half_of_it():
    sets = generation._with_stand_ins(normal(21, 2), normal(50, 2), seed=0)
    assert [len(x) for x in sets] == [11, 10, 10]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e200])
def test_fakes_that_are_not_finite_have_no_quality(wrong):
    fake = RNG.normal(size=(50, 3))
    fake[7, 1] = wrong
    assert np.isnan(quality(real(normal(50, 3), normal(50, 3)), fake)).all()


def test_what_is_too_few_has_no_quality():
    assert np.isnan(density_and_coverage(normal(5), normal(9))).all()
    assert np.isnan(floor(normal(1, 2), normal(9, 2), seed=0)).all()


def test_the_fitted_gaussian_has_the_moments_of_the_codes_samples():
    codes = normal(2000, 3) @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 0.1]], np.float32)
    scales = RNG.uniform(0.2, 1.5, size=codes.shape).astype(np.float32)
    mean, factor = fitted_gaussian(codes, scales)
    drawn = np.concatenate([codes + scales * normal(2000, 3) for _ in range(100)])
    np.testing.assert_allclose(mean, drawn.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(factor @ factor.T, np.cov(drawn.T), atol=0.02)


def test_the_fitted_gaussian_of_codes_without_spread_along_some_directions():
    line = RNG.normal(size=(100, 1)) @ [[3.0, 4.0, 0.0]]
    _, factor = fitted_gaussian(line, np.zeros_like(line))
    np.testing.assert_allclose(factor @ factor.T, np.cov(line.T, ddof=0), atol=1e-9)
    np.testing.assert_allclose(factor, factor.T)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_the_fitted_gaussian_of_a_diverged_network_is_not_a_number(wrong):
    _, factor = fitted_gaussian(np.full((5, 2), wrong), np.ones((5, 2)))
    assert np.isnan(factor).all()


def test_principal_features_keep_distances_that_so_many_directions_hold():
    x = normal(200, 5) @ normal(5, 40) + 3
    features = principal_features(x)(x)
    assert features.shape == (200, 40)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(cdist(features, features), cdist(x, x), atol=1e-3)
    few = principal_features(x, most=5)(x)
    np.testing.assert_allclose(cdist(few, few), cdist(x, x), atol=1e-3)
    variances = few.var(axis=0)
    assert (np.diff(variances) < 0).all()


def test_principal_features_are_fixed_by_the_training_data():
    train, x = normal(100, 80), normal(7, 80)
    feature_map = principal_features(train)
    assert feature_map(x).shape == (7, 64)
    np.testing.assert_allclose(feature_map(x[2:3]), feature_map(x)[2:3], atol=1e-5)
    x[3, 0] = np.nan
    assert np.isnan(feature_map(x)).any(axis=1).tolist() == [False] * 3 + [True] + [False] * 3


@pytest.mark.parametrize("train", [np.ones((9, 4), np.float32), normal(3, 70), normal(9, 1)])
def test_principal_features_of_little_data(train):
    features = principal_features(train)(train)
    assert features.shape == (len(train), min(train.shape))
    assert np.isfinite(features).all()


def test_real_mnist_covers_itself_as_the_theory_says(mnist_folder):
    """Training digits, that is: those of the test set are by other people."""
    from latentsweep.data.sources import mnist

    values = mnist.read().values.reshape(70_000, -1)
    pixels = (values[RNG.permutation(60_000)[:6000]] / 255).astype(np.float32)
    features = principal_features(pixels)(pixels)
    density, coverage = density_and_coverage(features[:3000], features[3000:])
    assert coverage == pytest.approx(1 - 2**-5, abs=0.01)
    assert density == pytest.approx(1, abs=0.1)
