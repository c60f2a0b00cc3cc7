import hashlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latentsweep.evaluation import scorer as scorer_module
from latentsweep.evaluation.scorer import (
    Scorer,
    accuracy,
    fingerprint,
    from_arrays,
    initial_scorer,
    logits_and_features,
    scorer_for,
    shifted,
    to_arrays,
    trained,
)
from latentsweep.model.network import Linear


def bars(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of a bar that lies (0), stands (1) or leans (2) anywhere, under noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count).astype(np.int32)
    down, across = np.mgrid[:28, :28]
    places = rng.uniform(8, 20, (count, 1, 1))
    directions = np.array([down, across, (down + across) / 2])[labels]
    bar = 200 * (np.abs(directions - places) < 2)
    noisy = bar + rng.integers(0, 50, (count, 28, 28))
    return noisy[..., np.newaxis].astype(np.uint8), labels


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return bars(count, seed)[0][..., 0] / np.float32(255)


@pytest.fixture(scope="module")
def of_bars() -> Scorer:
    return trained(*bars(300, seed=0))


@pytest.fixture
def fresh() -> Scorer:
    return initial_scorer(jax.random.key(0), (28, 28), classes=3)


def test_it_learns(of_bars):
    assert accuracy(of_bars, *bars(200, seed=1)) > 0.97


def test_accuracy_is_the_share_of_labels_hit(of_bars):
    values, labels = bars(200, seed=1)
    guessed = of_bars.probabilities(values[..., 0] / np.float32(255)).argmax(axis=1)
    assert accuracy(of_bars, values, guessed.astype(np.int32)) == 1
    assert accuracy(of_bars, values, (guessed + 1) % 3) == 0
    assert accuracy(of_bars, values, labels) == np.mean(guessed == labels)


def test_the_same_data_and_seed_give_the_same_bytes(of_bars):
    assert fingerprint(trained(*bars(300, seed=0))) == fingerprint(of_bars)
    programs = scorer_module._train_epoch._cache_size()
    assert fingerprint(trained(*bars(300, seed=0), seed=1)) != fingerprint(of_bars)
    assert scorer_module._train_epoch._cache_size() == programs  # all epochs of all seeds are one


@jax.jit
def by_xlas_convolutions(scorer: Scorer, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Logits and features of a scorer whose biases are 0."""
    layout = ("NHWC", "HWIO", "NHWC")
    x = images[..., None]
    for layer, side in ((scorer.edges, 5), (scorer.strokes, 3)):
        kernel = layer.weight.reshape(side, side, x.shape[-1], -1)
        x = jax.lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=layout)
        x = jnp.maximum(x, 0)
    features = jnp.maximum(x.reshape(len(x), -1) @ scorer.hidden.weight, 0)
    return features @ scorer.classes.weight, features


@pytest.mark.parametrize("size", [(28, 28), (7, 10)])
def test_the_network_is_that_of_xlas_convolutions(size):
    scorer = initial_scorer(jax.random.key(1), size, classes=3)
    images = pictures(3)[:, : size[0], : size[1]]
    got = jax.jit(logits_and_features)(scorer, images)
    assert got[1].shape == (3, 128)
    assert np.std(got[1]) > 0.1
    for mine, theirs in zip(got, by_xlas_convolutions(scorer, images), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_biases_are_added():
    zero = Linear(jnp.zeros((25, 32)), jnp.zeros(32))
    scorer = Scorer(
        edges=zero,
        strokes=Linear(jnp.zeros((288, 64)), jnp.full(64, 2.0)),
        hidden=Linear(jnp.ones((64, 128)), jnp.full(128, -28.0)),
        classes=Linear(jnp.zeros((128, 2)), jnp.log(jnp.array([3.0, 1.0]))),
    )
    scores = scorer.scores(np.zeros((1, 4, 4), np.float32))
    np.testing.assert_allclose(scores.features, np.full((1, 128), 100.0))
    np.testing.assert_allclose(scores.probabilities, [[0.75, 0.25]], rtol=1e-6)


def test_shifted_images_are_moved_and_filled_with_nothing():
    images = np.zeros((3, 28, 28), np.uint8)
    images[:, 10, 20] = 7
    images[:, 0, 0] = 9
    moved = np.asarray(shifted(jnp.asarray(images), jnp.array([[2, 2], [4, 2], [0, 1]])))
    np.testing.assert_array_equal(moved[0], images[0])
    assert (moved[1, 8, 20], moved[2, 12, 21]) == (7, 7)
    assert moved[1].sum() == 7
    assert (moved[2, 2, 1], moved[2].sum()) == (9, 16)


def test_probabilities_sum_to_1_and_features_are_not_negative(of_bars):
    scores = of_bars.scores(pictures(10))
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1, rtol=1e-5)
    assert scores.probabilities.shape == (10, 3)
    assert scores.features.shape == (10, 128)
    assert scores.features.min() == 0
    np.testing.assert_array_equal(of_bars.probabilities(pictures(10)), scores.probabilities)
    np.testing.assert_array_equal(of_bars.features(pictures(10)), scores.features)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 600])
def test_what_fills_up_a_block_changes_nothing(of_bars, count):
    images = pictures(600)
    whole, part = of_bars.scores(images), of_bars.scores(images[:count])
    assert len(part.features) == count
    np.testing.assert_array_equal(part.probabilities, whole.probabilities[:count])
    np.testing.assert_array_equal(part.features, whole.features[:count])
    moved = of_bars.scores(np.concatenate([images[:count], np.ones((3, 28, 28), np.float32)])[::-1])
    np.testing.assert_allclose(moved.features[::-1][:count], part.features, atol=1e-3)


def test_scores_are_in_double_precision_no_different(of_bars):
    images = pictures(4)
    np.testing.assert_array_equal(
        of_bars.features(images.astype(np.float64)), of_bars.features(images)
    )


def test_an_image_that_is_not_finite_spoils_no_other(of_bars):
    images = pictures(5)
    scores = of_bars.scores(images)
    images[2, 3, 4] = np.nan
    spoilt = of_bars.scores(images)
    assert np.isnan(spoilt.probabilities[2]).all()
    np.testing.assert_array_equal(spoilt.features[[0, 1, 3, 4]], scores.features[[0, 1, 3, 4]])


def test_another_set_of_images_compiles_nothing(of_bars, monkeypatch):
    of_bars.scores(pictures(3))
    before = scorer_module._score._cache_size()
    of_bars.scores(pictures(300))
    trained_again = jax.tree.map(lambda w: w + 1, of_bars)
    trained_again.scores(pictures(7))
    assert scorer_module._score._cache_size() == before


def test_arrays_have_names_and_come_back(of_bars):
    arrays = to_arrays(of_bars)
    layers = ("edges", "strokes", "hidden", "classes")
    assert set(arrays) == {f"{layer}/{kind}" for layer in layers for kind in ("weight", "bias")}
    assert all(isinstance(a, np.ndarray) and a.dtype == np.float32 for a in arrays.values())
    jax.tree.map(np.testing.assert_array_equal, from_arrays(arrays), of_bars)


def test_the_fingerprint_is_that_of_every_weight(fresh):
    arrays = to_arrays(fresh)
    own = fingerprint(fresh)
    assert len(own) == 64
    assert fingerprint(from_arrays(arrays)) == own
    for name, array in arrays.items():
        other = array.copy()
        other.flat[-1] = np.nextafter(other.flat[-1], np.inf)
        assert fingerprint(from_arrays(arrays | {name: other})) != own
    swapped = {"classes/bias": arrays["classes/bias"][::-1].reshape(1, -1)}
    with pytest.raises(ValueError, match="classes/weight"):
        from_arrays(arrays | swapped)


class Training:
    """Stands for `trained`, and counts."""

    def __init__(self):
        self.times = 0

    def __call__(self, values: np.ndarray, labels: np.ndarray) -> Scorer:
        self.times += 1
        return initial_scorer(jax.random.key(len(labels)), values.shape[1:3], classes=3)


@pytest.fixture
def training(monkeypatch) -> Training:
    counted = Training()
    monkeypatch.setattr(scorer_module, "trained", counted)
    return counted


HASH = hashlib.sha256(b"bars").hexdigest()


def kept_file(cache: Path) -> Path:
    (file,) = cache.glob("*.safetensors")
    return file


def test_it_is_trained_once(training, tmp_path):
    cache = tmp_path / "not" / "there"
    first = scorer_for(*bars(20, seed=0), HASH, cache)
    second = scorer_for(*bars(20, seed=0), HASH, cache)
    assert training.times == 1
    assert fingerprint(first) == fingerprint(second)
    assert HASH[:16] in kept_file(cache).name


def test_other_data_or_another_recipe_is_trained_anew(training, tmp_path, monkeypatch):
    scorer_for(*bars(20, seed=0), HASH, tmp_path)
    scorer_for(*bars(21, seed=0), HASH[::-1], tmp_path)
    assert training.times == 2
    monkeypatch.setattr(scorer_module, "VERSION", 1000)
    scorer_for(*bars(20, seed=0), HASH, tmp_path)
    assert training.times == 3


@pytest.mark.parametrize("damage", ["cut", "one bit", "empty", "text", "foreign", "unsigned"])
def test_a_damaged_file_is_replaced(training, tmp_path, damage, fresh):
    good = scorer_for(*bars(20, seed=0), HASH, tmp_path)
    file = kept_file(tmp_path)
    content = file.read_bytes()
    if damage == "foreign":
        scorer_module.write_arrays(file, {"edges/weight": np.zeros(3), "sha256": np.zeros(32)})
    elif damage == "unsigned":
        scorer_module.write_arrays(file, to_arrays(fresh))
    else:
        flipped = content[:-500] + bytes([content[-500] ^ 1]) + content[-499:]
        damaged = {"cut": content[:-50], "one bit": flipped, "empty": b"", "text": b"no tensors"}
        file.write_bytes(damaged[damage])
    again = scorer_for(*bars(20, seed=0), HASH, tmp_path)
    assert training.times == 2
    assert fingerprint(again) == fingerprint(good)
    assert file.read_bytes() == content


def test_without_a_folder_to_write_to_it_is_trained_and_a_warning_says_so(training, tmp_path):
    cache = tmp_path / "file"
    cache.write_text("in the way")
    with pytest.warns(UserWarning, match=r"file: the scorer cannot be kept there \(.+\) and will"):
        scorer = scorer_for(*bars(20, seed=0), HASH, cache)
    assert scorer.probabilities(pictures(1)).shape == (1, 3)
