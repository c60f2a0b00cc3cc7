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
from latentsweep.data.dataset import Dataset, Scale
from latentsweep.data.splits import fold, leading, split, stratified, with_folds
from latentsweep.errors import DataError


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


@given(n=st.integers(8, 200), folds=st.integers(2, 4), seed=st.integers(0, 2**31 - 1))
def test_folds_are_equal_random_and_together_all_but_the_left_over(n, folds, seed):
    values = np.arange(n + 1, dtype=np.float32)[:, None]
    whole = small(
        values=values,
        scale=Scale(0.0, 1.0),
        splits=leading(n + 1, n),
        labels=None,
        label_names=None,
    )
    train = with_folds(whole, folds, seed).splits["train"]
    assert sorted(train) == list(range(n))
    parts = [fold(train, folds, each) for each in range(folds)]
    assert {len(own) for _, own in parts} == {n // folds}
    assert {tuple(sorted([*rest, *own])) for rest, own in parts} == {tuple(range(n))}
    together = np.concatenate([own for _, own in parts])
    assert len(set(together)) == len(together) == n - n % folds
    np.testing.assert_array_equal(fold(train, folds, folds + 1)[1], parts[1][1])
    np.testing.assert_array_equal(train, with_folds(whole, folds, seed).splits["train"])
    if n > 20:
        assert list(train) != sorted(train)


def test_folds_are_refused_where_they_would_divide_groups_or_be_too_small():
    assert with_folds(small(), 0, 0).splits["train"].tolist() == list(range(9))
    grouped = small(groups=np.zeros(12, np.int32))
    for data, text in (
        (grouped, "small: examples without groups are needed for validation_folds, since equal "),
        (small(), "small: a training split of 10 examples or more is needed for validation_folds "),
    ):
        with pytest.raises(DataError) as caught:
            with_folds(data, 5, 0)
        assert str(caught.value).startswith(text)


def large(monkeypatch, **changes):
    """Sixty rows of two values that count as large, of which 20 are measured."""
    monkeypatch.setattr(dataset, "LARGE_VALUES", 100)
    monkeypatch.setattr(dataset, "_MOST_MEASURED", 20)
    values = np.arange(120, dtype=np.float32).reshape(60, 2)
    fields = {"values": values, "splits": leading(60, 50), "labels": None, "label_names": None}
    return small(**{**fields, **changes})


def test_of_large_data_a_fixed_sample_of_each_split_is_measured(monkeypatch):
    data = large(monkeypatch)
    train = data.splits["train"][::-1]
    sample = data.measured(train)
    assert len(set(sample)) == 20
    assert set(sample) <= set(train)
    assert (np.diff(sample) < 0).all()  # in their order
    np.testing.assert_array_equal(sample, data.measured(train))
    np.testing.assert_array_equal(data.measured(data.splits["test"]), data.splits["test"])


def test_of_other_data_all_is_measured(monkeypatch):
    monkeypatch.setattr(dataset, "_MOST_MEASURED", 5)
    data = small()
    assert not data.is_large
    assert data.measured(data.splits["train"]) is data.splits["train"]


@pytest.mark.parametrize(
    ("features", "most"), [(1, 60_000), (784, 60_000), (49_152, 2_730), (10**6, 1_000)]
)
def test_fewer_large_items_are_measured(features, most, monkeypatch):
    monkeypatch.setattr(dataset, "LARGE_VALUES", 1)
    values = np.broadcast_to(np.uint8(0), (2, features))
    data = small(values=values, splits=leading(2, 1), labels=None, label_names=None)
    assert data.most_measured == most


def test_the_hash_of_large_data_is_that_of_blocks_from_the_first_to_the_last(monkeypatch):
    monkeypatch.setattr(dataset, "_HASHED_BLOCKS", 4)
    monkeypatch.setattr(dataset, "_HASHED_BYTES", 16)  # two rows
    data = large(monkeypatch)

    def changed(row):
        values = data.values.copy()
        values[row] += 1
        return large(monkeypatch, values=values).hash

    looked_at = {row for row in range(60) if changed(row) != data.hash}
    assert looked_at == {0, 1, 19, 20, 38, 39, 58, 59}
    assert large(monkeypatch, splits=leading(60, 49)).hash != data.hash
    monkeypatch.setattr(dataset, "LARGE_VALUES", 1000)
    whole = small(values=data.values, splits=data.splits, labels=None, label_names=None)
    assert whole.hash != data.hash
