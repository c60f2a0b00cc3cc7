import shutil
from collections import namedtuple

import numpy as np
import pytest

from latentsweep.data import catalogue, kept, memory
from latentsweep.errors import DataError
from latentsweep.study import Study

FLOATS = np.random.default_rng(0).normal(3.0, 2.0, size=(40, 6))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "user_cache_path", lambda _: tmp_path / "cache")
    return tmp_path / "cache" / "values"


def _study(path, fields):
    return Study(name="x", data=str(path), test_fraction=0.25, **fields)


def load(folder, values, monkeypatch=None, **fields):
    np.save(folder / "some.npy", values)
    if monkeypatch is not None:
        monkeypatch.setattr(memory, "free_memory", lambda: 100)
    return catalogue.load_dataset(_study(folder / "some.npy", fields))


def holed():
    values = FLOATS.copy()
    values[3, 2] = values[17] = np.nan
    return values


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        (FLOATS, {}),
        (np.asfortranarray(FLOATS.astype(np.float32)), {}),
        ((FLOATS * 100).astype(np.int64), {}),
        (FLOATS > 3, {}),
        (holed(), {"missing": "drop"}),
        (holed(), {"missing": "mean"}),
    ],
)
def test_what_does_not_fit_into_memory_is_changed_on_the_disk(
    tmp_path, monkeypatch, cache, values, fields
):
    whole = load(tmp_path, values, **fields)
    assert not cache.exists()
    data = load(tmp_path, values, monkeypatch, **fields)
    assert isinstance(data.values, np.memmap)
    np.testing.assert_array_equal(data.values, whole.values)
    assert (data.hash, data.scale, data.notes) == (whole.hash, whole.scale, whole.notes)
    files = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert {file.suffix for file in files} == {".npy"}
    catalogue.load_dataset(_study(tmp_path / "some.npy", fields))
    assert {file: file.stat().st_mtime_ns for file in cache.iterdir()} == files


def test_other_values_have_another_file(cache):
    key = kept.sampled(FLOATS)
    one = kept.kept(FLOATS.shape, "float32", [FLOATS], key)
    kept.converted(FLOATS + 1, "float32")
    np.testing.assert_array_equal(one, FLOATS.astype(np.float32))
    assert len(list(cache.iterdir())) == 2


def test_a_full_disk_is_told_before_anything_is_written(monkeypatch, cache):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100))
    with pytest.raises(DataError) as caught:
        kept.converted(FLOATS, "float32")
    assert str(caught.value) == (
        f"data: larger than memory, and a copy of 0.0 MiB is needed in '{cache}', where 0.0 MiB "
        "are free; make room, or save the data as a .npy file of uint8, int32 or float32 without "
        "missing values, which is read as it is"
    )
    assert list(cache.iterdir()) == []


def test_what_breaks_while_it_is_written_leaves_nothing(cache):
    def broken():
        yield FLOATS[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.kept(FLOATS.shape, "float32", broken(), [b"key"])
    assert list(cache.iterdir()) == []
