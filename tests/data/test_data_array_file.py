import re
import zipfile

import numpy as np
import pytest
from scipy import sparse

from latentsweep.data import catalogue, dataset, memory
from latentsweep.data.dataset import Scale
from latentsweep.data.sources import array
from latentsweep.errors import DataError
from latentsweep.study import Study

RANDOM = np.random.default_rng(0)
FLOATS = RANDOM.normal(3.0, 2.0, size=(40, 6)).astype(np.float32)
PICTURES = RANDOM.integers(0, 256, size=(40, 5, 6), dtype=np.uint8)


def load(path, **fields):
    return catalogue.load_dataset(
        Study(name="x", data=str(path), **{"test_fraction": 0.25, **fields})
    )


def saved(folder, values, name="some.npy"):
    np.save(folder / name, values)
    return folder / name


def archived(folder, **arrays):
    np.savez(folder / "some.npz", **arrays)
    return folder / "some.npz"


def message(path):
    with pytest.raises(DataError) as caught:
        load(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_file_becomes_a_data_set(tmp_path):
    path = saved(tmp_path, FLOATS)
    data = load(path)
    assert (data.name, data.source) == ("some", str(path))
    assert data.labels is None
    assert {name: len(indices) for name, indices in data.splits.items()} == {
        "train": 30,
        "test": 10,
    }
    np.testing.assert_array_equal(data.values, FLOATS)


@pytest.mark.parametrize("values", [FLOATS, PICTURES, PICTURES.astype(np.int32) + 200])
def test_a_memory_map_of_a_stored_type_stays_one(tmp_path, values):
    data = load(saved(tmp_path, values))
    array = data.values
    while not isinstance(array, np.memmap):
        assert array.base is not None
        array = array.base
    assert array.mode == "r"
    assert not data.values.flags.owndata


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (FLOATS.astype(np.float64), np.float32),
        (FLOATS.astype(np.float16), np.float32),
        (FLOATS.astype(">f4"), np.float32),
        (PICTURES.astype(np.int64) - 1, np.int32),
        (PICTURES.astype(np.uint16) + 1, np.int32),
        (PICTURES.astype(">i4") * 1000, np.int32),
        (PICTURES.astype(np.int64), np.uint8),
        (PICTURES.astype(np.float64), np.uint8),
        (PICTURES > 100, np.uint8),
        (PICTURES, np.uint8),
    ],
)
def test_each_kind_of_number_has_its_stored_type(tmp_path, values, stored):
    data = load(saved(tmp_path, values))
    assert data.values.dtype == stored
    assert data.values.dtype.isnative
    np.testing.assert_allclose(data.values.reshape(values.shape), values.astype(float), rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "offset", "factor"),
    [
        (PICTURES, 0.0, 255.0),
        (PICTURES.astype(np.float32), 0.0, 255.0),
        (PICTURES > 100, 0.0, 1.0),
        ((PICTURES > 100).astype(np.uint8), 0.0, 1.0),
        (PICTURES / 255, 0.0, 1.0),
    ],
)
def test_a_bernoulli_has_values_in_the_unit_interval(tmp_path, values, offset, factor):
    data = load(saved(tmp_path, values), likelihood="bernoulli")
    assert (data.scale.offset, data.scale.factor) == (offset, factor)
    assert data.unit_interval


@pytest.mark.parametrize("values", [FLOATS, FLOATS - 3, FLOATS / 1000, PICTURES])
def test_other_values_are_standardised_over_the_training_split(tmp_path, monkeypatch, values):
    monkeypatch.setattr(dataset, "_BLOCK_BYTES", 100)
    data = load(saved(tmp_path, values))
    train = data.values[data.splits["train"]].astype(np.float64)
    assert data.scale.offset == pytest.approx(train.mean(), rel=1e-9)
    assert data.scale.factor == pytest.approx(train.std(), rel=1e-9)
    assert data.scale.offset != pytest.approx(data.values.mean(dtype=float), rel=1e-9)
    assert not data.unit_interval


def test_grey_pictures_get_their_channel_and_nothing_else_does(tmp_path):
    assert load(saved(tmp_path, PICTURES)).values.shape == (40, 5, 6, 1)
    assert load(saved(tmp_path, PICTURES)).is_image
    assert load(saved(tmp_path, PICTURES.astype(np.float32))).item_shape == (5, 6, 1)
    assert load(saved(tmp_path, PICTURES - 0.5)).item_shape == (5, 6)
    assert load(saved(tmp_path, PICTURES.reshape(40, 30))).item_shape == (30,)


@pytest.mark.parametrize("name", ["values", "x", "X", "data", "images", "anything"])
@pytest.mark.parametrize("labels", ["labels", "y"])
def test_an_archive_holds_values_and_labels_by_name(tmp_path, name, labels):
    numbers = np.arange(40) % 3
    data = load(archived(tmp_path, **{name: FLOATS, labels: numbers}))
    np.testing.assert_array_equal(data.values, FLOATS)
    np.testing.assert_array_equal(data.labels, numbers)
    assert data.labels.dtype == np.int32
    assert data.label_names == ("0", "1", "2")


def test_known_names_go_before_others_and_others_are_not_read(tmp_path):
    others = np.array([object()] * 3)
    data = load(archived(tmp_path, notes=others, x=FLOATS))
    np.testing.assert_array_equal(data.values, FLOATS)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array(["cat", "ant", "bee", "ant"] * 10), ("ant", "bee", "cat")),
        (np.array([7, -1, 3, -1] * 10, np.int8), ("-1", "3", "7")),
        (np.array([True, False] * 20), ("False", "True")),
    ],
)
def test_labels_become_class_numbers_with_names(tmp_path, labels, names):
    data = load(archived(tmp_path, values=FLOATS, labels=labels))
    assert data.label_names == names
    assert [names[number] for number in data.labels] == [str(label) for label in labels]


def test_an_archive_may_bring_its_own_split(tmp_path):
    data = load(
        archived(
            tmp_path,
            x_train=PICTURES[:30],
            y_train=np.arange(30) % 4,
            x_test=PICTURES[30:],
            y_test=np.arange(10) % 4,
        )
    )
    np.testing.assert_array_equal(data.values[..., 0], PICTURES)
    np.testing.assert_array_equal(data.splits["train"], np.arange(30))
    np.testing.assert_array_equal(data.splits["test"], np.arange(30, 40))
    np.testing.assert_array_equal(data.labels, [*(np.arange(30) % 4), *(np.arange(10) % 4)])


def test_a_split_of_its_own_needs_no_labels(tmp_path):
    data = load(archived(tmp_path, x_train=FLOATS[:25], x_test=FLOATS[25:]))
    assert data.labels is None
    assert len(data.splits["test"]) == 15


def test_values_that_end_like_an_archive_are_still_an_array(tmp_path):
    values = PICTURES.copy()
    values.reshape(-1)[-22:] = np.frombuffer(b"PK\x05\x06" + bytes(18), np.uint8)
    path = saved(tmp_path, values)
    assert zipfile.is_zipfile(path)
    np.testing.assert_array_equal(load(path).values[..., 0], values)


def test_a_missing_file(tmp_path):
    path = tmp_path / "none.npy"
    assert message(path) == (
        f"data: cannot open '{path}' (No such file or directory); check the path and who may "
        "read it"
    )


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = saved(tmp_path, FLOATS)

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(np.lib.format, "open_memmap", refuse)
    assert message(path) == (
        f"data: cannot open '{path}' (Permission denied); check the path and who may read it"
    )


@pytest.mark.parametrize("content", [b"", b"hello, world", b"\x93NUMPY\x01\x00\x05", b"PK\x03\x04"])
def test_not_a_numpy_file(tmp_path, content):
    path = tmp_path / "some.npy"
    path.write_bytes(content)
    assert re.fullmatch(
        re.escape(str(path)) + r" cannot be read as a NumPy array \(.+\); save it again with "
        r"numpy\.save or numpy\.savez",
        message(path),
    )


def test_a_file_that_is_cut_short(tmp_path):
    path = saved(tmp_path, FLOATS)
    path.write_bytes(path.read_bytes()[:-100])
    assert re.fullmatch(
        re.escape(str(path)) + r" cannot be read as a NumPy array \(.+\); save it again with "
        r"numpy\.save or numpy\.savez",
        message(path),
    )


def test_an_archive_with_a_wrong_byte(tmp_path):
    path = archived(tmp_path, values=FLOATS)
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[0].header_offset
    raw = bytearray(path.read_bytes())
    raw[start + 300] ^= 0xFF
    path.write_bytes(bytes(raw))
    assert re.fullmatch(
        re.escape(f"{path}: values") + r" cannot be read as a NumPy array \(Bad CRC-32.+\); save "
        r"it again with numpy\.save or numpy\.savez",
        message(path),
    )


class Trap:
    """Would make a file if it were ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_objects_are_refused_and_never_unpickled(tmp_path):
    mark = tmp_path / "unpickled"
    trap = np.array([[Trap(mark)]] * 12)
    advice = (
        "must hold numbers, got Python objects, which are never unpickled; save it as numbers, "
        "e.g. array.astype('float32'), or labels as array.astype('str')"
    )
    path = saved(tmp_path, trap)
    assert message(path) == f"{path} {advice}"
    path = archived(tmp_path, values=FLOATS, labels=trap[:, 0])
    assert message(path) == f"{path}: labels {advice}"
    assert not mark.exists()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.full((12, 2), "a"), "<U1"),
        (np.full((12, 2), 1j), "complex128"),
        (np.zeros((12, 2), "M8[s]"), "datetime64[s]"),
        (np.zeros((12, 2), [("a", "f4")]), "[('a', '<f4')]"),
    ],
)
def test_values_that_are_not_real_numbers(tmp_path, values, kind):
    path = saved(tmp_path, values)
    assert message(path) == (
        f"{path}: values must hold real numbers, got the type {kind}; convert it, e.g. with "
        "array.astype('float32')"
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(tmp_path, monkeypatch, wrong):
    monkeypatch.setattr(dataset, "_BLOCK_BYTES", 100)
    values = FLOATS.reshape(40, 2, 3).copy()
    values[17, 1, 2] = values[30, 0, 0] = values[17, 1, 1] = wrong
    path = saved(tmp_path, values)
    assert message(path) == (
        f"{path}: values must be finite, got 3 NaN or infinite, the first at (17, 1, 1); "
        "--missing drop leaves 2 examples out, --missing mean fills in the mean"
    )


def test_an_index_is_that_of_its_own_array(tmp_path):
    test = FLOATS[30:].copy()
    test[4, 5] = np.nan
    path = archived(tmp_path, x_train=FLOATS[:30], x_test=test)
    assert message(path) == (
        f"{path}: x_test must be finite, got 1 NaN or infinite, the first at (4, 5); --missing "
        "drop leaves 1 example out, --missing mean fills in the mean"
    )


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_examples(tmp_path, count):
    path = saved(tmp_path, FLOATS[:count])
    assert message(path) == (
        f"data: at least 10 examples are needed, got {count} in '{path}'; the first axis must "
        "count the examples"
    )
    saved(tmp_path, FLOATS[:10])
    load(path)


@pytest.mark.parametrize("shape", [(), (40,), (40, 0), (40, 3, 0)])
def test_items_without_features(tmp_path, shape):
    path = saved(tmp_path, np.zeros(shape, np.float32))
    assert message(path) == (
        f"{path}: values must have the shape [N, features] or [N, ...], got {list(shape)}: items "
        "without features; reshape it"
    )


@pytest.mark.parametrize("value", [np.float32(3.7), np.uint8(0), np.int64(-4)])
def test_a_constant_array(tmp_path, value):
    path = saved(tmp_path, np.full((40, 3), value))
    assert message(path) == (
        f"{path}: values must differ within the training split, got {value:.6g} everywhere; "
        "check how they were saved"
    )


def test_a_constant_training_split(tmp_path):
    path = archived(tmp_path, x_train=np.full((30, 6), 3.7, np.float32), x_test=FLOATS[30:])
    assert message(path) == (
        f"data: '{path}' must differ within the training split, got 3.7 everywhere; check how they "
        "were saved"
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            np.arange(40, dtype=np.float64).reshape(20, 2) * -1e300,
            "float32 (-3.4028234663852886e+38 to 3.4028234663852886e+38), got -3.9e+301; divide "
            "them by a constant",
        ),
    ],
)
def test_values_out_of_range(tmp_path, values, text):
    path = saved(tmp_path, values)
    assert message(path) == f"{path}: values must fit in {text}"
    if values.dtype == np.int64:
        assert load(saved(tmp_path, values - 1)).values.max() == 2**31 - 1


def test_labels_of_another_length(tmp_path):
    path = archived(tmp_path, x=FLOATS, y=np.arange(39))
    assert message(path) == (
        f"{path}: y must hold one label for each example, got 39 labels for 40 examples; save "
        "both from the same rows"
    )


def test_labels_of_one_split_that_belong_to_the_other(tmp_path):
    path = archived(
        tmp_path, x_train=FLOATS[:30], y_train=np.arange(29), x_test=FLOATS[30:], y_test=range(11)
    )
    assert message(path) == (
        f"{path}: y_train must hold one label for each example, got 29 labels for 30 examples; "
        "save both from the same rows"
    )


@pytest.mark.parametrize(
    ("labels", "got"),
    [
        (np.zeros((40, 1), int), "int64 of the shape [40, 1]"),
        (np.zeros(40, complex), "complex128 of the shape [40]"),
        (np.full(40, b"a"), "|S1 of the shape [40]"),
    ],
)
def test_labels_of_a_wrong_kind(tmp_path, labels, got):
    path = archived(tmp_path, x=FLOATS, y=labels)
    assert message(path) == (
        f"{path}: y must be 1-D, integers or strings, got {got}; convert it, e.g. with "
        "array.ravel().astype('int32')"
    )


@pytest.mark.parametrize(
    ("names", "got"),
    [(["a", "b"], "a, b"), (["labels"], "labels"), (["x_train", "b"], "x_train, b")],
)
def test_an_archive_without_a_known_name(tmp_path, names, got):
    path = archived(tmp_path, **dict.fromkeys(names, FLOATS))
    assert message(path) == (
        f"{path}: an array named values, x, X, data, images, or x_train and x_test, is needed, got "
        f"{got}; rename the one that holds the values"
    )


def test_an_empty_archive(tmp_path):
    assert message(archived(tmp_path)).endswith(
        "is needed, got none; rename the one that holds the values"
    )


def test_labels_of_only_one_split(tmp_path):
    path = archived(tmp_path, x_train=FLOATS[:30], y_train=np.arange(30), x_test=FLOATS[30:])
    assert message(path) == (
        f"{path}: labels of all splits are needed, got y_train and no y_test; add the others or "
        "leave all out"
    )


def test_splits_of_two_shapes(tmp_path):
    path = archived(tmp_path, x_train=FLOATS[:30], x_test=FLOATS[30:, :5])
    assert message(path) == (
        f"{path}: x_train and x_test must have items of one shape, got [6] and [5]; reshape one "
        "of them"
    )


def test_an_empty_split(tmp_path):
    path = archived(tmp_path, x_train=FLOATS, x_test=FLOATS[:0])
    assert message(path) == (
        f"{path}: x_test must hold an example at least, got 0; save all under the name 'values' "
        "to have them split at random"
    )


def gappy():
    values = FLOATS.copy()
    values[[3, 30], 2] = np.nan
    values[30, 0] = np.inf
    return values


def test_examples_with_missing_values_are_left_out_with_their_labels(tmp_path):
    path = archived(tmp_path, x=gappy(), y=np.arange(40) % 4)
    data = load(path, missing="drop")
    kept = np.delete(np.arange(40), [3, 30])
    np.testing.assert_array_equal(data.values, FLOATS[kept])
    np.testing.assert_array_equal(data.labels, kept % 4)
    assert data.notes == ("2 examples with missing values left out",)


def test_missing_values_are_filled_in_with_the_mean_of_the_training_split(tmp_path):
    values = gappy()
    data = load(saved(tmp_path, values), missing="mean")
    train = values[data.splits["train"], 2]
    assert data.values[3, 2] == pytest.approx(train[np.isfinite(train)].mean(), rel=1e-5)
    known = np.isfinite(values)
    np.testing.assert_array_equal(data.values[known], values[known])
    assert data.notes == ("3 missing values filled in with the feature's mean",)


def test_a_feature_that_is_missing_everywhere_has_no_mean(tmp_path):
    values = FLOATS.copy()
    values[:, 4] = np.nan
    with pytest.raises(DataError, match=r"got none for the feature \(4,\); leave that feature out"):
        load(saved(tmp_path, values), missing="mean")


@pytest.mark.parametrize("how", ["standard", "minmax"])
def test_rows_are_scaled_column_by_column_and_come_back(tmp_path, how):
    values = FLOATS * np.float32([1, 10, 100, 1e-3, 1, 1])
    values[:, 5] = 2.5
    data = load(saved(tmp_path, values), scale=how)
    assert data.scale.columns == 6
    scaled = data.scale(data.values, np.float32)
    np.testing.assert_allclose(data.scale.unscale(scaled), values, rtol=1e-4, atol=1e-4)
    varying = scaled[data.splits["train"], :5] if how == "standard" else scaled[:, :5]
    if how == "standard":
        np.testing.assert_allclose(varying.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(varying.std(axis=0), 1, rtol=1e-4)
    else:
        assert (varying.min(axis=0) == 0).all()
        assert (varying.max(axis=0) == 1).all()
        assert data.unit_interval
    assert (scaled[:, 5] == 0).all()


def test_other_shapes_have_one_scale(tmp_path):
    path = saved(tmp_path, FLOATS.reshape(40, 2, 3))
    data = load(path, scale="minmax")
    scaled = data.scale(data.values, np.float32)
    assert data.scale.columns is None
    assert (scaled.min(), scaled.max()) == (0, 1)
    assert load(path, scale="none").scale == Scale(0.0, 1.0)


def test_consecutive_examples_stay_together(tmp_path):
    data = load(saved(tmp_path, FLOATS), split_by="order")
    assert len(data.splits["test"]) == 10
    np.testing.assert_array_equal(data.groups, np.arange(40) // 2)
    assert not set(data.groups[data.splits["test"]]) & set(data.groups[data.splits["train"]])
    assert data.notes == ("split by order: 20 blocks of consecutive examples, none divided",)


def test_an_archive_that_expands_beyond_memory_is_refused_before_it_does(tmp_path, monkeypatch):
    path = tmp_path / "some.npz"
    np.savez_compressed(path, values=np.zeros((1000, 1000)), other=np.zeros(10**7))
    monkeypatch.setattr(memory, "free_memory", lambda: 7_900_000)
    monkeypatch.setattr(array, "_member", lambda *_: pytest.fail("was unpacked"))
    assert message(path) == (
        f"{path}: unpacked: takes 7.6 MiB in memory, of which 7.5 MiB are free; save the values "
        "alone with numpy.save: a .npy file stays on the disk"
    )


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev"])
def test_an_archive_may_bring_a_validation_split(tmp_path, name):
    arrays = {"x_train": FLOATS[:20], f"x_{name}": FLOATS[20:30], "x_test": FLOATS[30:]}
    labels = {part.replace("x_", "y_"): np.arange(len(each)) % 3 for part, each in arrays.items()}
    data = load(archived(tmp_path, **arrays, **labels))
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 20,
        "validation": 10,
        "test": 10,
    }
    for split, part in (("train", "x_train"), ("validation", f"x_{name}"), ("test", "x_test")):
        np.testing.assert_array_equal(data.values[data.splits[split]], arrays[part])
        np.testing.assert_array_equal(
            data.labels[data.splits[split]], labels[part.replace("x_", "y_")]
        )


@pytest.mark.parametrize("name", ["labels", "label", "y", "target", "targets"])
def test_labels_have_their_usual_names_and_what_is_not_read_is_said(tmp_path, name):
    data = load(archived(tmp_path, data=FLOATS, **{name: np.arange(40) % 3}, extra=FLOATS))
    np.testing.assert_array_equal(data.labels, np.arange(40) % 3)
    assert data.notes == ("arrays not read: extra",)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_array])
def test_a_sparse_matrix_of_scipy_is_read(tmp_path, kind):
    counts = RANDOM.poisson(0.5, (60, 20))
    sparse.save_npz(tmp_path / "cells.npz", kind(counts))
    data = load(tmp_path / "cells.npz")
    np.testing.assert_array_equal(data.values, counts)
    assert data.likelihood == "negative-binomial"
    assert data.notes == ("sparse matrix read as a dense one",)
