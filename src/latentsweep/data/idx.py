"""IDX files, the format of the MNIST database: 00 00 08 (bytes), the number of axes, the length of
each axis as a big-endian 32-bit number, then the values, the last axis varying fastest.
"""

import gzip
import io
import math
import zlib

import numpy as np

from latentsweep.errors import DataError

_GZIP = b"\x1f\x8b"
_BYTES = b"\x00\x00\x08"


def decompressed(raw: bytes, where: str, most: int) -> bytes:
    """The bytes inside a gzip wrapping, or the same bytes if there is none.

    Args:
        raw: what the file holds.
        where: the file or address, for the error message.
        most: how many are looked at; of those that are more, one more comes back.

    Raises:
        DataError: the gzip data is cut short or damaged.
    """
    if not raw.startswith(_GZIP):
        return raw[: most + 1]
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            return file.read(most + 1)
    except (EOFError, OSError, zlib.error) as error:
        reason = str(error).rstrip(".")
        raise DataError(
            f"{where}: damaged gzip data ({reason}); get the published file again"
        ) from None


def array(content: bytes, where: str) -> np.ndarray:
    """The uint8 array of a decompressed IDX file.

    Args:
        content: the decompressed bytes.
        where: the file or address, for the error message.

    Raises:
        DataError: not an IDX file of bytes, or not as long as its header says.
    """
    if len(content) < 4 or not content.startswith(_BYTES) or content[3] == 0:
        raise DataError(
            f"{where}: an IDX file of bytes starts with 00 00 08 and the number of axes, got "
            f"'{content[:4].hex(' ')}'; get the published file again"
        )
    start = 4 + 4 * content[3]
    lengths = np.frombuffer(content[4:start].ljust(start - 4, b"\0"), ">u4")
    shape = tuple(lengths.tolist())
    needed = start + math.prod(shape)
    if len(content) != needed:
        raise DataError(
            f"{where}: {needed} bytes are needed for the shape {shape} of its header, got "
            f"{len(content)}; get the published file again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
