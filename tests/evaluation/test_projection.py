import numpy as np
import openTSNE
import pytest
from scipy.spatial.distance import pdist

from latentsweep.evaluation import projection
from latentsweep.evaluation.projection import aligned, common_start, panel, panels, turned
from latentsweep.evaluation.structure import nearest

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def all_steps(monkeypatch):
    monkeypatch.setattr(projection, "TSNE", openTSNE.TSNE)


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    """120 codes of 5 dimensions in three groups far apart."""
    centres = 20 * np.eye(3, 5)
    return (np.repeat(centres, 40, axis=0) + RNG.normal(size=(120, 5))).astype(np.float32)


def test_small_latents_are_shown_as_they_are():
    two = RNG.normal(size=(50, 2))
    shown = panel(two, np.zeros((50, 2)))
    np.testing.assert_array_equal(shown.coordinates, two)
    assert shown.method == "codes"
    assert np.isnan([shown.kl, shown.preservation, shown.trustworthiness]).all()
    one = panel(two[:, :1], np.zeros((50, 2)))
    np.testing.assert_array_equal(one.coordinates, np.column_stack([two[:, 0], np.zeros(50)]))


def test_tsne_keeps_groups_together_and_measures_it(clusters):
    shown = panel(clusters, common_start(clusters))
    labels = np.repeat(range(3), 40)
    near = nearest(shown.coordinates, 5)
    assert (labels[near] == labels[:, None]).mean() > 0.99
    assert shown.method == "t-SNE"
    assert 0.3 < shown.preservation <= 1
    assert 0.8 < shown.trustworthiness <= 1
    assert shown.kl > 0


def test_panels_repeat_exactly_however_many_share_the_work(clusters):
    start = common_start(clusters)
    one, two = (list(panels([clusters, clusters[::-1]], start, threads=t)) for t in (1, 2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.coordinates, b.coordinates)
        assert a.kl == b.kl


def test_start_is_the_leading_plane_of_the_data_and_tiny():
    data = RNG.normal(size=(200, 6)) * [5, 3, 1, 0.1, 0.1, 0.1]
    start = common_start(data)
    assert start.std(axis=0).max() == pytest.approx(1e-4, rel=1e-6)
    for column, axis in enumerate((0, 1)):
        assert abs(np.corrcoef(start[:, column], data[:, axis])[0, 1]) > 0.95


def test_start_of_one_feature_is_a_line():
    start = common_start(RNG.normal(size=(30, 1)))
    assert np.ptp(start[:, 0]) > 0
    assert np.ptp(start[:, 1]) == 0


def test_turning_keeps_every_distance_and_undoes_a_rotation():
    points, angle = RNG.normal(size=(40, 2)), 2.1
    mirror = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    moved = points @ mirror + [3.0, -1.0]
    back = turned(moved, points)
    np.testing.assert_allclose(pdist(back), pdist(moved))
    np.testing.assert_allclose(back, points - points.mean(axis=0), atol=1e-12)


def test_only_tsne_panels_are_turned():
    codes = projection.Panel(RNG.normal(size=(20, 2)), "codes", *[np.nan] * 3)
    drawn = [projection.Panel(RNG.normal(size=(20, 2)), "t-SNE", 1.0, 0.5, 0.9) for _ in range(2)]
    first, second, third = aligned([codes, *drawn])
    np.testing.assert_array_equal(first.coordinates, codes.coordinates)
    np.testing.assert_allclose(pdist(second.coordinates), pdist(drawn[0].coordinates))
    assert np.sum(third.coordinates * second.coordinates) >= np.sum(
        (drawn[1].coordinates - drawn[1].coordinates.mean(axis=0)) * second.coordinates
    )


def test_preservation_of_a_picture_that_is_the_codes_is_one():
    points = RNG.normal(size=(60, 2))
    assert projection.preservation(points, 3 * points) == 1
    assert projection.preservation(points, RNG.normal(size=(60, 2))) < 0.5


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_a_handful_of_examples_is_no_error(count):
    codes = RNG.normal(size=(count, 4))
    shown = panel(codes, common_start(codes) if count > 1 else np.zeros((1, 2)))
    assert shown.coordinates.shape == (count, 2)
