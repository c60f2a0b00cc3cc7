import gzip
import struct

import numpy as np
import pytest

from latentsweep.data.sources import mnist
from latentsweep.errors import DataError

VALUES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
CONTENT = b"\x00\x00\x08\x03" + struct.pack(">3I", 2, 3, 4) + VALUES.tobytes()


def test_an_array_is_read_back():
    array = mnist.array(CONTENT, "x")
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, VALUES)


def test_a_gzip_wrapping_is_taken_off_and_only_if_there_is_one():
    assert mnist.decompressed(gzip.compress(CONTENT), "x", 99) == CONTENT
    assert mnist.decompressed(CONTENT, "x", 99) == CONTENT


def test_no_more_is_unpacked_than_was_published():
    bomb = gzip.compress(bytes(2**24))
    for raw in (bomb, bytes(2**24)):
        assert len(mnist.decompressed(raw, "x", 99)) == 100


def test_gzip_data_that_are_cut_short():
    with pytest.raises(DataError) as caught:
        mnist.decompressed(gzip.compress(CONTENT)[:-12], "a/x.gz", 99)
    assert str(caught.value) == (
        "a/x.gz: damaged gzip data (Compressed file ended before the end-of-stream marker was "
        "reached); get the published file again"
    )


@pytest.mark.parametrize("place", [15, -6])
def test_gzip_data_with_a_wrong_byte(place):
    raw = bytearray(gzip.compress(CONTENT))
    raw[place] ^= 0xFF
    with pytest.raises(DataError, match=r"^a/x\.gz: damaged gzip data \(.+\); get the published"):
        mnist.decompressed(bytes(raw), "a/x.gz", 99)


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"\x00\x00\x0d\x03" + CONTENT[4:], "00 00 0d 03"),
        (b"\x00\x00\x08\x00" + CONTENT[4:], "00 00 08 00"),
        (b"\x00\x00\x08", "00 00 08"),
        (b"<html>", "3c 68 74 6d"),
        (b"", ""),
    ],
)
def test_a_wrong_magic_number(content, got):
    with pytest.raises(DataError) as caught:
        mnist.array(content, "a/x")
    assert str(caught.value) == (
        "a/x: an IDX file of bytes starts with 00 00 08 and the number of axes, got "
        f"'{got}'; get the published file again"
    )


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"\x00", CONTENT[:16]])
def test_more_or_fewer_bytes_than_the_header_says(content):
    with pytest.raises(DataError) as caught:
        mnist.array(content, "a/x")
    assert str(caught.value) == (
        "a/x: 40 bytes are needed for the shape (2, 3, 4) of its header, got "
        f"{len(content)}; get the published file again"
    )


def test_a_header_that_is_cut_short():
    with pytest.raises(DataError) as caught:
        mnist.array(CONTENT[:10], "a/x")
    assert str(caught.value) == (
        "a/x: 16 bytes are needed for the shape (2, 0, 0) of its header, got 10; get the "
        "published file again"
    )
