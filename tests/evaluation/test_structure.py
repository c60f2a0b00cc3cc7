import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import ortho_group
from sklearn.metrics import silhouette_score

from latentsweep.evaluation import structure
from latentsweep.evaluation.structure import (
    cka,
    clusters,
    faithfulness,
    knn_hits,
    mean_silhouette,
    nearest,
    overlap,
    principal,
    probe_hits,
    silhouette,
)

SEEDS = st.integers(0, 2**32 - 1)
CLASSES = 4


def blobs(seed=0, count=80, apart=10.0, columns=3):
    """Codes of four classes, the centres `apart` from the origin, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    centres = apart * np.concatenate([np.eye(columns), -np.eye(columns)])[:CLASSES]
    return centres[labels] + rng.normal(size=(count, columns)), labels


def turned(codes, seed=0, scale=7.0, shift=3.0):
    """The codes turned, scaled as a whole and moved."""
    rotation = ortho_group.rvs(codes.shape[1], random_state=seed)
    return scale * codes @ rotation + shift


def apart(points):
    return np.linalg.norm(points[:, None] - points[None], axis=2)


@pytest.fixture
def few_shuffles(monkeypatch):
    """Where the null distribution does not matter, or only its mean."""
    monkeypatch.setattr(structure, "PERMUTATIONS", 19)


def test_nearest_are_the_other_points_in_order():
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    np.testing.assert_array_equal(nearest(line, 2), [[1, 2], [0, 2], [1, 0], [2, 1]])
    np.testing.assert_array_equal(nearest(line, 9), nearest(line, 3))


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_nearest_by_sorting_all_distances(seed):
    points = np.random.default_rng(seed).normal(size=(30, 4))
    np.testing.assert_array_equal(nearest(points, 5), np.argsort(apart(points))[:, 1:6])


def test_a_point_is_not_its_own_neighbour_even_among_its_equals():
    near = nearest(np.zeros((20, 3), np.float32), 5)
    assert (near != np.arange(20)[:, None]).all()


def test_overlap_is_the_mean_share_in_any_order():
    a, b = np.array([[1, 2], [0, 2]]), np.array([[2, 3], [2, 0]])
    assert overlap(a, b) == overlap(b, a) == 0.75
    assert overlap(a, a) == 1
    assert overlap(a, a + 10) == 0


def test_spaces_that_have_nothing_in_common_overlap_by_chance():
    rng = np.random.default_rng(0)
    a, b = (nearest(rng.normal(size=(500, 2)), 50) for _ in range(2))
    assert overlap(a, b) == pytest.approx(50 / 499, abs=0.01)


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_knn_hits_by_counting_votes(seed):
    rng = np.random.default_rng(seed)
    train, codes = rng.normal(size=(60, 3)), rng.normal(size=(25, 3))
    train_labels, labels = rng.integers(3, size=60), rng.integers(3, size=25)
    near = np.argsort(np.linalg.norm(codes[:, None] - train[None], axis=2))[:, :10]
    votes = np.stack([(train_labels[near] == c).sum(axis=1) for c in range(3)], axis=1)
    hits = knn_hits(train, train_labels, codes, labels)
    np.testing.assert_array_equal(hits, votes.argmax(axis=1) == labels)


def test_all_vote_where_there_are_fewer_than_ten():
    train = np.array([[0.0], [1.0], [50.0]])
    hits = knn_hits(train, np.array([0, 0, 1]), np.array([[50.0], [0.0]]), np.array([1, 0]))
    np.testing.assert_array_equal(hits, [False, True])


@pytest.mark.parametrize("hits", [knn_hits, probe_hits])
def test_noise_of_dead_dimensions_is_not_blown_up(hits):
    """Thirty dimensions of noise drown the one that matters as soon as each is standardised."""
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    codes = np.column_stack([2.0 * labels - 1, 1e-3 * rng.normal(size=(80, 30))])
    train, test = np.arange(40), np.arange(40, 80)

    def accuracy(codes):
        return hits(codes[train], labels[train], codes[test], labels[test]).mean()

    assert accuracy(codes) == 1
    codes[:, 0] *= 1e-4  # and now it is the one that carries next to nothing
    assert accuracy(codes) < 0.8


@pytest.mark.parametrize("hits", [knn_hits, probe_hits])
def test_separate_classes_are_all_hit_and_noise_by_chance(hits):
    train, train_labels = blobs(0, 400)
    codes, labels = blobs(1, 400)
    assert hits(train, train_labels, codes, labels).all()
    np.testing.assert_array_equal(hits(train, train_labels, codes, (labels + 1) % 4), False)
    (noise, _), (more_noise, _) = blobs(2, 400, apart=0), blobs(3, 400, apart=0)
    assert hits(noise, train_labels, more_noise, labels).mean() == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize("hits", [knn_hits, probe_hits])
def test_hits_do_not_depend_on_the_codes_direction_place_and_unit(hits):
    (train, train_labels), (codes, labels) = blobs(0, 200, apart=1), blobs(1, 200, apart=1)
    here = hits(train, train_labels, codes, labels)
    there = hits(turned(train), train_labels, turned(codes), labels)
    assert 0.4 < here.mean() < 0.9
    assert np.mean(here == there) > 0.98


def test_a_line_does_not_tell_opposite_corners_apart():
    rng = np.random.default_rng(0)
    codes = rng.uniform(-1, 1, size=(800, 2))
    labels = (codes.prod(axis=1) > 0).astype(int)
    halves = codes[:400], labels[:400], codes[400:], labels[400:]
    assert probe_hits(*halves).mean() < 0.7
    assert knn_hits(*halves).mean() > 0.9


def test_the_probe_is_the_minimum_of_the_penalised_loss():
    (train, train_labels), (codes, labels) = blobs(0, 120, apart=1), blobs(1, 400, apart=1)
    centre = train.mean(axis=0)
    scale = np.sqrt(train.var(axis=0).mean())
    x = (train - centre) / scale

    def logits(theta, x):
        return x @ theta[4:].reshape(3, 4) + theta[:4]

    def loss(theta):
        scores = logits(theta, x)
        data = logsumexp(scores, axis=1) - scores[np.arange(len(x)), train_labels]
        return data.sum() + 0.5 * np.sum(theta[4:] ** 2)

    theta = minimize(loss, np.zeros(16)).x
    expected = logits(theta, (codes - centre) / scale).argmax(axis=1) == labels
    assert np.mean(probe_hits(train, train_labels, codes, labels) == expected) > 0.985


def test_the_probe_of_a_single_class_tells_that_class():
    codes, labels = blobs()
    hits = probe_hits(codes, np.full(len(codes), 2), codes, labels)
    np.testing.assert_array_equal(hits, labels == 2)


@pytest.mark.parametrize("scales", [[1, 1e-3, 1e-6], [1e6, 1, 1]])
@pytest.mark.parametrize("count", [5, 2000])
def test_the_probe_converges_whatever_the_scales(scales, count):
    """A warning would be an error."""
    codes, labels = blobs(0, count, apart=30)
    codes = codes * scales
    assert probe_hits(codes, labels, codes, labels).mean() >= 0.5


def test_separate_classes_are_found_whatever_they_are_called():
    codes, labels = blobs()
    assert clusters(codes, labels) == (1, 1)
    assert clusters(codes, 100 - 7 * labels) == (1, 1)


def test_shuffled_classes_are_not_found():
    codes, labels = blobs(0, 800)
    found = clusters(codes, np.random.default_rng(0).permutation(labels))
    assert found.ari == pytest.approx(0, abs=0.01)
    assert found.nmi == pytest.approx(0, abs=0.02)


def test_two_classes_in_each_of_two_clusters():
    """k-means splits each pair at random to the labels; pairs of examples counted by hand."""
    points = np.array([0.0, 0.1, 5.0, 5.1, 20.0, 20.1, 25.0, 25.1])[:, None]
    labels = np.array([0, 1, 0, 1, 2, 3, 2, 3])  # four clusters of two, each of two classes
    found = clusters(points, labels)
    # Of 28 pairs 4 are of one class, 4 of one cluster, none of both; expected 4 * 4 / 28.
    assert found.ari == pytest.approx((0 - 16 / 28) / (4 - 16 / 28))
    assert found.nmi == pytest.approx(0.5)  # log 2 of information, log 4 of each


def test_clusters_repeat_with_their_seed():
    codes, labels = blobs(0, 400, apart=1)
    assert clusters(codes, labels, seed=3) == clusters(codes, labels, seed=3)
    assert clusters(turned(codes), labels) == pytest.approx(clusters(codes, labels), abs=0.1)


def test_fewer_distinct_codes_than_classes():
    codes = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    labels = np.arange(60) // 10
    found = clusters(codes, labels)
    assert found.nmi == pytest.approx(2 * np.log(3) / (np.log(3) + np.log(6)))


def naive_silhouette(codes, labels):
    distances, values = apart(codes), []
    for i, own in enumerate(labels):
        mean = {c: distances[i, labels == c].mean() for c in set(labels) - {own}}
        size = np.sum(labels == own)
        a, b = distances[i, labels == own].sum() / max(size - 1, 1), min(mean.values())
        values.append((b - a) / max(a, b) if size > 1 else 0.0)
    return np.mean(values)


@pytest.mark.parametrize("seed", range(3))
def test_silhouette_by_its_definition(seed, few_shuffles):
    codes, labels = blobs(seed, 40, apart=1)
    labels[0] = 9  # alone in its class
    assert silhouette(codes, labels).value == pytest.approx(naive_silhouette(codes, labels))


def test_separate_classes_stand_out_from_every_shuffle():
    found = silhouette(*blobs())
    assert found.value > 0.7
    assert found.p == 1 / 1000
    assert -0.1 < found.null_99 < 0.1


def test_shuffled_classes_have_any_p_value(few_shuffles):
    """Uniform on (0, 1]: the mean of 24 has a standard error of 0.06."""
    codes, labels = blobs(0, 40)
    rng = np.random.default_rng(0)
    found = [silhouette(codes, rng.permutation(labels), seed=s) for s in range(24)]
    assert np.mean([f.p for f in found]) == pytest.approx(0.5, abs=0.2)
    assert np.mean([f.value > f.null_99 for f in found]) < 0.2


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_silhouette_of_shuffles_is_scikit_learns(seed):
    codes, _ = blobs(seed, apart=1.0)
    codes[:3] = codes[0]
    labels = np.random.default_rng(seed).integers(5, 12, len(codes))
    labels[:2] = 20, 21  # alone in their classes
    value = mean_silhouette(apart(codes), labels)
    assert value == pytest.approx(silhouette_score(codes, labels))


def test_silhouette_does_not_depend_on_the_codes_direction_place_and_unit(few_shuffles):
    codes, labels = blobs(0, 60, apart=2)
    here, there = silhouette(codes, labels), silhouette(turned(codes), labels)
    assert here == pytest.approx(there, abs=1e-9)
    assert 0.1 < here.value < 0.9


def test_silhouette_is_of_some_examples_drawn_by_the_seed(monkeypatch, few_shuffles):
    monkeypatch.setattr(structure, "SILHOUETTES", 50)
    codes, labels = blobs(0, 400, apart=1)
    drawn = np.random.default_rng(0).permutation(400)[:50]
    first, again, other = (silhouette(codes, labels, seed=s) for s in (0, 0, 1))
    assert first.value == pytest.approx(naive_silhouette(codes[drawn], labels[drawn]))
    assert first == again
    assert first.value != other.value


def naive_trustworthiness(data, codes, k):
    n, total = len(data), 0
    ranks = apart(data).argsort(axis=1).argsort(axis=1)  # 0 is the point itself
    for i, near in enumerate(apart(codes).argsort(axis=1)[:, 1 : k + 1]):
        total += sum(max(0, ranks[i, j] - k) for j in near)
    return 1 - 2 / (n * k * (2 * n - 3 * k - 1)) * total


@given(SEEDS, st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_faithfulness_by_its_formula(seed, k):
    rng = np.random.default_rng(seed)
    data, codes = rng.normal(size=(30, 6)), rng.normal(size=(30, 2))
    found = faithfulness(data, codes, k)
    assert found.trustworthiness == pytest.approx(naive_trustworthiness(data, codes, k))
    assert found.continuity == pytest.approx(naive_trustworthiness(codes, data, k))
    assert faithfulness(data, codes, k, apart(data)) == pytest.approx(found)


def test_a_fold_is_not_trustworthy_and_a_cut_not_continuous():
    line = np.linspace(-1, 1.001, 200)[:, None]
    folded = faithfulness(line, np.abs(line))
    assert folded.trustworthiness < 0.9 < 0.98 < folded.continuity
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)[:, None]
    cut = faithfulness(np.hstack([np.cos(angle), np.sin(angle)]), angle)
    assert cut.continuity < 0.99 < 0.999 < cut.trustworthiness


def test_all_neighbours_kept_and_none():
    data, _ = blobs()
    assert faithfulness(data, turned(data)) == pytest.approx((1, 1))
    noise = np.random.default_rng(9).normal(size=(400, 2, 3))
    assert faithfulness(noise[:, 0], noise[:, 1]) == pytest.approx((0.5, 0.5), abs=0.05)


def test_few_examples_have_fewer_neighbours():
    data = np.random.default_rng(0).normal(size=(7, 2))
    assert faithfulness(data, data[::-1].copy()) == faithfulness(data, data[::-1].copy(), 3)
    assert np.isnan(faithfulness(data[:2], data[:2])).all()


def kernel_cka(a, b):
    """By the N x N kernels, equation 3 of Kornblith et al. with HSIC of equation 2."""
    n = len(a)
    centre = np.eye(n) - 1 / n
    a, b = a @ a.T, b @ b.T

    def hsic(a, b):
        return np.trace(a @ centre @ b @ centre)

    return hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))


@given(SEEDS, st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_cka_by_its_kernels(seed, first, second):
    rng = np.random.default_rng(seed)
    a = 5 + rng.normal(size=(20, first))
    b = rng.normal(size=(20, second)) + a[:, :1]
    assert cka(a, b) == pytest.approx(kernel_cka(a, b))
    assert cka(a, b) == pytest.approx(cka(b, a))
    assert 0 <= cka(a, b) <= 1 + 1e-12


def test_cka_sees_past_turns_and_units_only():
    codes = np.random.default_rng(0).normal(size=(100, 3))
    assert cka(codes, turned(codes)) == pytest.approx(1)
    assert cka(codes, 1e-12 * codes) == pytest.approx(1)
    assert cka(codes, codes * [100.0, 1, 1]) < 0.8


def test_cka_of_one_of_two_equal_directions():
    wave = 2 * np.pi * np.arange(64) / 64
    both = np.column_stack([np.cos(wave), np.sin(wave)])
    assert cka(both, both[:, :1]) == pytest.approx(1 / np.sqrt(2))
    assert cka(both[:, :1], both[:, 1:]) == pytest.approx(0, abs=1e-12)


def test_cka_of_independent_noise_is_small():
    rng = np.random.default_rng(0)
    assert cka(rng.normal(size=(5000, 8)), rng.normal(size=(5000, 4))) < 0.01


def test_principal_scores_are_the_projection_on_the_leading_directions():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 6))
    train, test = rng.normal(size=(200, 6)) @ mixing + 5, rng.normal(size=(30, 6)) @ mixing + 5
    mean = train.mean(axis=0)
    directions = np.linalg.svd(train - mean)[2][:3].T
    found_train, found_test = principal(train, test, 3)
    signs = np.sign(np.sum(found_train * ((train - mean) @ directions), axis=0))
    np.testing.assert_allclose(found_train, (train - mean) @ directions * signs)
    np.testing.assert_allclose(found_test, (test - mean) @ directions * signs)


def test_a_smaller_size_is_the_first_columns_and_a_second_call_the_same():
    data = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    (train, test), (small, _) = principal(data, data, 5), principal(data, data, 2)
    np.testing.assert_allclose(train[:, :2], small)
    np.testing.assert_array_equal(train, principal(data, data, 5)[0])
    np.testing.assert_array_equal(train, test)
    assert principal(data, data, 99)[0].shape == (50, 6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_diverged_network_has_no_structure(bad):
    codes, labels = blobs()
    codes = codes.astype(np.float32)
    diverged = codes.copy()
    diverged[3, 1] = bad
    near = nearest(diverged, 5)
    assert near.shape == (80, 5)
    assert (near == -1).all()
    assert np.isnan(overlap(near, near))
    assert np.isnan(overlap(nearest(codes, 5), near))
    for hits in knn_hits, probe_hits:
        assert not hits(diverged, labels, codes, labels).any()
        assert not hits(codes, labels, diverged, labels).any()
    assert np.isnan(clusters(diverged, labels)).all()
    assert np.isnan(silhouette(diverged, labels)).all()
    assert np.isnan(faithfulness(codes, diverged)).all()
    assert np.isnan(cka(codes, diverged))
    assert np.isnan(cka(diverged, codes))


@pytest.mark.parametrize("value", [0.0, 0.1, -3e4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_collapsed_codes_are_arranged_by_chance(value, dtype, few_shuffles):
    data, labels = blobs(0, 200)
    codes = np.full((200, 5), value, dtype)
    for hits in knn_hits, probe_hits:
        assert hits(codes, labels, codes, labels).mean() == 0.25
    assert clusters(codes, labels) == (0, 0)
    assert silhouette(codes, labels) == (0, 0, 1)
    assert faithfulness(data, codes) == pytest.approx((0.5, 0.5), abs=0.1)
    assert overlap(nearest(data, 10), nearest(codes, 10)) < 0.15
    assert np.isnan(cka(codes, data))
    assert np.isnan(cka(data, codes))


def test_a_single_class_has_no_clusters():
    codes, labels = blobs()
    one = np.zeros_like(labels)
    assert knn_hits(codes, one, codes, one).all()
    assert np.isnan(clusters(codes, one)).all()
    assert np.isnan(silhouette(codes, one)).all()


def test_classes_of_one_example_each():
    codes, labels = 10 * np.eye(6), np.arange(6)
    assert probe_hits(codes, labels, codes, labels).all()
    assert knn_hits(codes, labels, codes, labels).sum() == 1  # all vote, the smallest wins
    assert clusters(codes, labels) == (1, 1)
    assert np.isnan(silhouette(codes, labels)).all()


def test_a_single_example():
    codes, labels = np.ones((1, 2)), np.zeros(1, int)
    assert nearest(codes, 10).shape == (1, 0)
    assert np.isnan(overlap(nearest(codes, 10), nearest(codes, 10)))
    assert knn_hits(codes, labels, codes, labels).all()
    assert probe_hits(codes, labels, codes, labels).all()
    assert np.isnan(silhouette(codes, labels)).all()
    assert np.isnan(faithfulness(codes, codes)).all()
    assert np.isnan(cka(codes, codes))
