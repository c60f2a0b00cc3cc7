import dataclasses
import hashlib
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentsweep.data import dataset
from latentsweep.data.dataset import Dataset, Scale, leading, split, stratified


def small(**changes):
    values = np.arange(12 * 4 * 5, dtype=np.uint8).reshape(12, 4, 5, 1)
    labels = np.arange(12, dtype=np.int32) % 3
    fields = {
        "name": "small",
        "source": "here",
        "values": values,
        "scale": Scale(0.0, 255.0),
        "splits": leading(12, 9),
        "labels": labels,
        "label_names": ("a", "b", "c"),
    }
    return Dataset(**{**fields, **changes})


@pytest.mark.parametrize("library", [np, jnp])
@pytest.mark.parametrize("stored", ["uint8", "int32", "float32"])
def test_scaling_and_unscaling_undo_each_other(library, stored):
    values = library.asarray([0, 100, 255], stored)
    scale = Scale(-10.0, 4.0)
    scaled = scale(values, library.float32)
    assert scaled.dtype == library.float32
    np.testing.assert_allclose(scaled, [2.5, 27.5, 66.25])
    np.testing.assert_allclose(scale.unscale(scaled), values)


def test_an_example_has_a_shape_a_number_of_features_and_may_be_a_picture():
    data = small()
    assert (data.item_shape, data.features, data.is_image) == ((4, 5, 1), 20, True)
    narrow = small(values=np.zeros((12, 3, 5, 1), np.uint8))
    channels = small(values=np.zeros((12, 4, 5, 2), np.uint8))
    vector = small(values=np.zeros((12, 20), np.uint8))
    floats = small(values=np.zeros((12, 4, 5, 1), np.float32))
    assert not any(d.is_image for d in (narrow, channels, vector, floats))


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (Scale(0.0, 239.0), True),
        (Scale(0.0, 238.0), False),
        (Scale(1.0, 255.0), False),
        (Scale(-5.0, 244.0), True),
    ],
)
def test_unit_interval_is_decided_by_the_extreme_values(scale, expected):
    data = small(scale=scale)
    scaled = scale(data.values, np.float64)
    assert data.unit_interval == expected == bool(scaled.min() >= 0 and scaled.max() <= 1)


def test_the_hash_is_that_of_types_shapes_and_bytes(monkeypatch):
    data = small()
    parts = (data.values, data.labels, data.splits["train"], data.splits["test"])
    heads = (b"uint8 (12, 4, 5, 1);", b"int32 (12,);", b"int32 (9,);", b"int32 (3,);")
    content = b"".join(h + part.tobytes() for h, part in zip(heads, parts, strict=True))
    whole = hashlib.sha256(content).hexdigest()
    assert data.hash == whole
    monkeypatch.setattr(dataset, "_BLOCK_BYTES", 50)
    fortran = small(values=np.asfortranarray(data.values))
    assert fortran.hash == whole


def test_the_hash_changes_with_one_value_one_label_the_shape_the_type_and_the_split():
    data = small()
    value, label = data.values.copy(), data.labels.copy()
    value[7, 2, 3, 0] += 1
    label[11] = 0
    others = [
        small(values=value),
        small(labels=label),
        small(labels=None, label_names=None),
        small(values=data.values.reshape(12, 20)),
        small(values=data.values.astype(np.int32)),
        small(splits=leading(12, 8)),
    ]
    assert len({data.hash, *(other.hash for other in others)}) == 7
    assert small(name="other", source="there").hash == data.hash


@pytest.mark.parametrize(
    "changes",
    [
        {"values": np.zeros((12, 2), np.float64)},
        {"values": np.zeros(12, np.uint8)},
        {"scale": Scale(0.0, 0.0)},
        {"splits": {"train": np.arange(12, dtype=np.int32)}},
        {"splits": leading(12, 12)},
        {"splits": leading(13, 9)},
        {"splits": {"train": np.int32([0, 1]), "test": np.int32([1, 2])}},
        {"splits": {"train": np.int64([0, 1]), "test": np.int64([2, 3])}},
        {"labels": np.zeros(11, np.int32)},
        {"labels": np.full(12, 3, np.int32)},
        {"labels": np.zeros(12, np.int64)},
        {"labels": None},
    ],
)
def test_a_data_set_that_contradicts_itself_is_our_mistake(changes):
    with pytest.raises(AssertionError):
        small(**changes)


def test_a_data_set_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        small().name = "other"


@given(
    n=st.integers(2, 300),
    fraction=st.floats(0, 1, exclude_min=True, exclude_max=True),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_split_uses_every_index_once_and_leaves_no_side_empty(n, fraction, seed):
    parts = split(n, fraction, seed)
    assert list(parts) == ["train", "test"]
    together = np.concatenate(list(parts.values()))
    assert together.dtype == np.int32
    assert sorted(together) == list(range(n))
    assert min(len(indices) for indices in parts.values()) >= 1
    assert abs(len(parts["test"]) - fraction * n) <= 1
    np.testing.assert_array_equal(parts["test"], split(n, fraction, seed)["test"])


def test_another_seed_gives_another_split():
    assert not np.array_equal(split(100, 0.2, 0)["test"], split(100, 0.2, 1)["test"])


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    count=st.integers(1, 70),
    seed=st.integers(0, 2**31 - 1),
)
def test_every_beginning_of_a_stratified_choice_is_as_balanced_as_can_be(labels, count, seed):
    labels = np.array(labels, np.int32)
    chosen = stratified(labels, len(labels), count, seed)
    assert chosen.dtype == np.int32
    assert len(chosen) == len(set(chosen.tolist())) == min(count, len(labels))
    available = np.bincount(labels, minlength=5)
    for c in range(1, len(chosen) + 1):
        taken = np.bincount(labels[chosen[:c]], minlength=5)
        assert taken.max() - taken[taken < available].min(initial=taken.max()) <= 1


def test_a_stratified_choice_is_random_within_a_class():
    labels = np.repeat(np.int32([0, 1]), 50)
    chosen = {tuple(stratified(labels, 100, 10, seed).tolist()) for seed in range(20)}
    assert len(chosen) == 20
    firsts = [int(stratified(labels, 100, 2, seed)[0]) for seed in range(400)]
    assert set(firsts) <= set(range(50))
    assert 20 < np.mean(firsts) < 29  # 24.5 expected, standard error 0.7


def test_without_labels_the_choice_is_a_random_one():
    chosen = stratified(None, 100, 30, seed=4)
    assert chosen.dtype == np.int32
    assert len(set(chosen.tolist())) == 30
    assert not np.array_equal(chosen, stratified(None, 100, 30, seed=5))
    np.testing.assert_array_equal(chosen, stratified(None, 100, 30, seed=4))


def test_importing_the_data_set_imports_nothing_heavy():
    code = (
        "import sys, latentsweep.data.dataset;"
        "print({'jax', 'sklearn', 'pooch', 'requests', 'pandas', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
