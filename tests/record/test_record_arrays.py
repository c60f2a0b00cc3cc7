import os
import re

import numpy as np
import pytest
from safetensors import safe_open

from latentsweep.errors import RunFolderError
from latentsweep.record.arrays import read_arrays, write_arrays

ARRAYS = {
    "scalar": np.array(2.5, np.float32),
    "double": np.array(0.1),
    "empty": np.zeros((0, 3), np.float32),
    "grey": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "counts": np.array([-1, 2**31 - 1], np.int32),
    "alive": np.array([True, False]),
    "deep/name": np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3),
}


def test_arrays_come_back_with_their_shape_and_type(tmp_path):
    write_arrays(tmp_path / "a.safetensors", ARRAYS)
    back = read_arrays(tmp_path / "a.safetensors")
    assert set(back) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert (back[name].shape, back[name].dtype) == (array.shape, array.dtype), name
        np.testing.assert_array_equal(back[name], array)


def test_a_view_that_is_not_contiguous_comes_back_as_it_reads(tmp_path):
    table = np.arange(12, dtype=np.int32).reshape(3, 4)
    write_arrays(tmp_path / "a.safetensors", {"turned": table.T, "strided": table[:, ::2]})
    back = read_arrays(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(back["turned"], table.T)
    np.testing.assert_array_equal(back["strided"], table[:, ::2])


def test_notes_stand_in_the_header(tmp_path):
    write_arrays(tmp_path / "a.safetensors", {"a": np.zeros(1)}, {"unit": "nats"})
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        assert file.metadata() == {"unit": "nats"}


def test_the_same_arrays_are_the_same_bytes(tmp_path):
    for name in "ab":
        write_arrays(tmp_path / name, ARRAYS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    write_arrays(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:-1])
    message = (
        re.escape(f"{path}: is not as latentsweep wrote it (") + r".+\); start again with --force"
    )
    with pytest.raises(RunFolderError) as caught:
        read_arrays(path)
    assert re.fullmatch(message, str(caught.value))


def test_an_array_that_is_not_there_is_told_with_its_file(tmp_path):
    path = tmp_path / "a.safetensors"
    write_arrays(path, ARRAYS)
    with pytest.raises(RunFolderError, match=re.escape(f"{path}: is not as latentsweep wrote it")):
        read_arrays(path)["other"]


def test_a_file_has_the_permissions_that_the_umask_leaves(tmp_path):
    path, before = tmp_path / "a.safetensors", os.umask(0o027)
    try:
        write_arrays(path, ARRAYS)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_missing_file_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(RunFolderError, match=re.escape(f"{path}: is not there; ")):
        read_arrays(path)
