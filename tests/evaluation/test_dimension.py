import json
from dataclasses import asdict

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group

from latentsweep.evaluation import dimension
from latentsweep.evaluation.dimension import distances, distinct, mle, profile, two_nn

N = 2500


def gaussian(d: int, features: int = 50, n: int = N) -> np.ndarray:
    """A Gaussian of d dimensions, by a random linear map among more features."""
    rng = np.random.default_rng(d)
    return (rng.normal(size=(n, d)) @ rng.normal(size=(d, features))).astype(np.float32)


def surface(noise: float) -> np.ndarray:
    """Two dimensions bent by a network of two tanh layers into 200, and noise in each of those."""
    rng = np.random.default_rng(0)
    hidden = np.tanh(rng.normal(size=(N, 2)) @ rng.normal(size=(2, 100)) / np.sqrt(2))
    clean = np.tanh(hidden @ rng.normal(size=(100, 200)) / 10)
    return (clean + noise * rng.normal(size=clean.shape)).astype(np.float32)


def circle(n: int) -> np.ndarray:
    """A closed curve, evenly covered, its points in order: no border, no density that changes."""
    angle = np.sort(np.random.default_rng(0).uniform(0, 2 * np.pi, n))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def dimensions(read: dimension.DimensionProfile) -> list[float]:
    return [e.dimension for e in read.estimates]


@pytest.mark.parametrize("d", [2, 5, 10])
def test_clean_gaussians_read_as_what_they_are(d):
    read = profile(gaussian(d), seed=0)
    assert read.two_nn == pytest.approx(d, rel=0.10)
    assert read.mle == pytest.approx(d, rel=0.12)
    assert not read.scale_dependent
    assert (read.points, read.duplicates) == (N, 0)


def test_a_surface_reads_as_two_until_noise_makes_it_depend_on_the_scale():
    clean, noisy = profile(surface(0.0), seed=0), profile(surface(0.05), seed=0)
    assert [clean.two_nn, clean.mle] == pytest.approx([2, 2], rel=0.1)
    assert not clean.scale_dependent
    assert noisy.scale_dependent
    assert noisy.two_nn > 10 > noisy.mle > noisy.low


def test_every_reading_of_a_curve_is_one_in_whatever_order_its_points_come():
    """Every second point of a curve in order would read as 1.6, and a normaliser k - 2 as 0.75."""
    assert dimensions(profile(circle(2000), seed=0)) == pytest.approx([1] * 9, rel=0.06)


def test_the_profile_holds_each_scale_and_its_extremes():
    read = profile(gaussian(2, n=401), seed=0)
    assert [(e.method, e.neighbours, e.points) for e in read.estimates] == [
        ("TwoNN", 2, 401),
        ("MLE", 5, 401),
        ("MLE", 10, 401),
        ("MLE", 20, 401),
        ("MLE", 50, 401),
        ("TwoNN", 2, 200),
        ("MLE", 20, 200),
        ("TwoNN", 2, 100),
        ("MLE", 20, 100),
    ]
    assert (read.low, read.high) == (min(dimensions(read)), max(dimensions(read)))
    assert (read.two_nn, read.mle) == (read.estimates[0].dimension, read.estimates[3].dimension)
    assert json.loads(json.dumps(asdict(read)))["estimates"][0]["method"] == "TwoNN"


@pytest.mark.parametrize("unit", [1e-15, 1e15])
def test_turning_moving_and_scaling_change_nothing(unit):
    points = gaussian(3, features=6, n=300).astype(np.float64)
    turn = ortho_group.rvs(6, random_state=np.random.default_rng(1))
    moved = unit * (points @ turn + 7)
    assert dimensions(profile(moved, 0)) == pytest.approx(dimensions(profile(points, 0)))


def test_repeating_rows_changes_nothing_but_their_number():
    points = gaussian(3, features=6, n=300)
    points[0, 0] = 0
    repeated = np.concatenate([points, points[::-1], points[:50]])
    repeated[300:][repeated[300:] == 0] = -0.0
    once, often = profile(points, 0), profile(repeated, 0)
    assert often.duplicates == 350
    assert asdict(often) == asdict(once) | {"duplicates": 350}


def test_distinct_keeps_the_first_of_each_in_their_order():
    rows = np.array([[3, 1], [0, 2], [3, 1], [1, 3], [0, 2]], np.uint8)
    np.testing.assert_array_equal(distinct(rows), [[3, 1], [0, 2], [1, 3]])
    assert distinct(rows).dtype == np.uint8


def test_estimators_do_what_their_equations_say():
    by_hand = np.exp([[0.0, 0.5, 2.0], [1.0, 1.1, 1.4], [-1.0, -0.6, 0.0]])
    assert two_nn(by_hand) == pytest.approx(2 / (0.5 + 0.1 + 0.4))
    assert mle(by_hand, 3) == pytest.approx(6 / (2.0 + 1.5 + 0.4 + 0.3 + 1.0 + 0.6))
    assert mle(by_hand, 2) == pytest.approx(3 / (0.5 + 0.1 + 0.4))


def test_distances_are_those_of_all_pairs_sorted():
    points = gaussian(4, n=200)
    others = np.sort(cdist(points.astype(np.float64), points.astype(np.float64)), axis=1)[:, 1:8]
    np.testing.assert_allclose(distances(points, 7), others, rtol=1e-12)


def test_distances_of_points_that_nearly_coincide_are_exact():
    """10^-9 of the data's width apart: products of coordinates have lost it."""
    far = 1000.0 * np.arange(4)
    near = distances(np.array([[x + step] for x in far for step in (0, 1e-6)]), 1)
    np.testing.assert_allclose(near, 1e-6, rtol=1e-5)


def test_at_most_so_many_points_are_used_drawn_by_the_seed(monkeypatch):
    monkeypatch.setattr(dimension, "MOST_POINTS", 200)
    points = gaussian(2, n=500)
    one, again, other = (profile(points, seed) for seed in (1, 1, 2))
    assert one.points == 200
    assert one == again
    assert one.two_nn != other.two_nn


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 16, 20, 21, 50, 51, 80])
def test_of_few_points_what_they_allow_is_read(n):
    read = profile(gaussian(2, n=n), seed=0)
    whole = [e.neighbours for e in read.estimates if e.points == n]
    assert whole == [k for k in (2, 5, 10, 20, 50) if n >= 4 and k < n]
    assert np.isnan(read.two_nn) == (n < 4)
    assert np.isnan(read.mle) == (n < 21)
    assert np.isnan(read.high) == (n < 4)


@pytest.mark.parametrize(
    ("points", "used"),
    [
        (np.zeros((0, 3), np.float32), 0),
        (np.ones((90, 3), np.float32), 1),  # one point, 89 duplicates
        (np.full((90, 3), np.nan), 0),
        (np.eye(90), 90),  # all equally far
    ],
)
def test_where_nothing_can_be_read_nothing_is(points, used):
    read = profile(points, seed=0)
    assert np.isnan([read.two_nn, read.mle, read.low, read.high]).all()
    assert (read.points, read.estimates, read.scale_dependent) == (used, (), False)


def test_real_mnist_has_around_a_dozen_dimensions(mnist_folder):
    from latentsweep.data.sources import mnist

    read = profile(mnist.read().values[:2000].reshape(2000, -1), seed=0)
    assert 9 < read.low < read.high < 15
    assert read.duplicates == 0
