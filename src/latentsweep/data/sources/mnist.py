"""MNIST: 70,000 handwritten digits of 28 x 28 grey pixels, found on disk or downloaded.

The *decompressed* IDX files are what is published and checked; their gzip wrapping differs from
mirror to mirror. IDX is 00 00 08 (bytes), the number of axes, the length of each axis as a
big-endian 32-bit number, then the values, the last axis varying fastest.

References:
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.
"""

import gzip
import hashlib
import io
import math
import os
import queue
import tempfile
import threading
import time
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests
from platformdirs import user_cache_path
from pooch import HTTPDownloader

from latentsweep.data.raw import Known, Raw
from latentsweep.errors import DataError
from latentsweep.paths import user_path
from latentsweep.study import Study

NAME = "mnist"
# SHA-256 of the decompressed files: training and test images, training and test labels.
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# Bytes of the decompressed files, the headers' 16 or 8 among them.
LENGTHS = {
    name: 16 + count * 28 * 28 if "images" in name else 8 + count
    for name, count in zip(FILES, (60_000, 10_000, 60_000, 10_000), strict=True)
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
PROBE_SECONDS = 5.0
_STALLED_SECONDS = 30.0
_GZIP = b"\x1f\x8b"
_BYTES = b"\x00\x00\x08"


def places() -> tuple[Path, ...]:
    """The folders where MNIST is looked for, in this order; a download goes into the last.

    Raises:
        DataError: LATENTSWEEP_DATA names no folder.
    """
    cache = user_cache_path("latentsweep") / NAME
    own = os.environ.get("LATENTSWEEP_DATA")
    if not own:
        return (cache,)
    folder = user_path("LATENTSWEEP_DATA", own)
    if not folder.is_dir():
        raise DataError(
            f"LATENTSWEEP_DATA: must be an existing folder, got '{own}'; create it, or unset the "
            "variable"
        )
    return folder / NAME, cache


def find() -> Path | None:
    """The first folder that holds all four files, gzipped or not; their content is not read."""
    return next((f for f in places() if all(_file(f, name) for name in FILES)), None)


def known() -> list[Known]:
    """MNIST, and whether it is on this machine."""
    words = "70,000 handwritten digits, 28 x 28 grey pixels, 10,000 of them for testing"
    where, folder = tuple(map(str, places())), find()
    how = f"connect to the internet (a mirror has it), or {how_to_get()}"
    return [Known(NAME, words, where, None if folder is None else str(folder), how)]


def how_to_get() -> str:
    """What to do where it can't be downloaded."""
    return (
        f"put the four files ({', '.join(FILES)}; gzipped or not) into {places()[-1]}, or set "
        "LATENTSWEEP_DATA to the folder that holds mnist/"
    )


def answering(mirrors: Sequence[str] = MIRRORS, seconds: float = PROBE_SECONDS) -> str | None:
    """The mirror that answers first, None if none has done so after `seconds` in all."""
    answers: queue.Queue[str | None] = queue.Queue()
    for mirror in mirrors:
        # A daemon: a name server that hangs must hold up neither us nor the end of the process.
        threading.Thread(target=_ask, args=(mirror, seconds, answers), daemon=True).start()
    end = time.monotonic() + seconds
    for _ in mirrors:
        try:
            mirror = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            return None
        if mirror is not None:
            return mirror
    return None


def read(_: Study | None = None, mirrors: Sequence[str] = MIRRORS) -> Raw:
    """MNIST, 70,000 x 28 x 28 x 1, the first 60,000 for training, from disk or downloaded.

    A download is kept in the user's cache; if that can't be written, a warning says so.

    Raises:
        DataError: it is neither on disk nor to be had, or a file is not the published one.
    """
    folder = find()
    if folder is not None:
        return _raw({name: _read(folder, name) for name in FILES}, source=str(folder))
    first = answering(mirrors)
    if first is None:
        raise DataError(_not_to_be_had(mirrors))
    ordered = sorted(mirrors, key=lambda mirror: mirror != first)
    raw = {name: _downloaded(name, ordered) for name in FILES}
    _keep(raw, places()[-1])
    contents = {name: decompressed(raw[name], name, LENGTHS[name]) for name in FILES}
    return _raw(contents, source=first)


def _file(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def _ask(mirror: str, seconds: float, answers: "queue.Queue[str | None]") -> None:
    try:
        address = f"{mirror}{next(iter(FILES))}.gz"
        answer = requests.head(address, timeout=seconds, allow_redirects=True)
        answers.put(mirror if answer.ok else None)
    except requests.RequestException:
        answers.put(None)


def _read(folder: Path, name: str) -> bytes:
    """The decompressed and checked content of a file on disk."""
    path = _file(folder, name)
    assert path is not None
    try:
        with path.open("rb") as file:
            raw = file.read(_most_read(name))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); make it readable") from None
    return _checked(raw, name, str(path), "delete it to download it again, or replace it")


def _checked(raw: bytes, name: str, where: str, remedy: str) -> bytes:
    """The decompressed content, if it is the published one."""
    content = decompressed(raw, where, LENGTHS[name])
    found = hashlib.sha256(content).hexdigest()
    if found != FILES[name]:
        raise DataError(
            f"{where}: the SHA-256 of the decompressed bytes must be {FILES[name]}, got {found}; "
            f"{remedy}"
        )
    return content


def _downloaded(name: str, mirrors: Sequence[str]) -> bytes:
    """A file as the first mirror that has the published one sends it."""
    remedy = f"try again later, or {how_to_get()}"
    failures: list[str] = []
    for mirror in mirrors:
        address = f"{mirror}{name}.gz"
        buffer = _Bounded(_most_read(name))
        try:
            HTTPDownloader(chunk_size=2**16, timeout=_STALLED_SECONDS)(address, buffer, None)
            _checked(buffer.getvalue(), name, address, remedy)
        except DataError as error:
            failures.append(str(error))
        except requests.RequestException as error:
            reason = " ".join(str(error).split())
            failures.append(f"{address}: the download failed ({reason}); {remedy}")
        else:
            return buffer.getvalue()
    raise DataError(failures[0])


def _not_to_be_had(mirrors: Sequence[str]) -> str:
    looked = " and ".join(str(folder) for folder in places())
    return (
        f"mnist: the four files must be on disk or to be downloaded, but they are not in {looked} "
        f"and no mirror ({', '.join(mirrors)}) answered within {PROBE_SECONDS:g} seconds; "
        f"connect to the internet, or {how_to_get()}"
    )


def _keep(raw: Mapping[str, bytes], folder: Path) -> None:
    """Put the files into the cache, each complete or not at all; warn if that can't be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
            for name, content in raw.items():
                path = Path(temporary, f"{name}.gz")
                path.write_bytes(content)
                path.replace(folder / path.name)
    except OSError as error:
        warnings.warn(
            f"{folder}: MNIST cannot be kept there ({error.strerror}) and will be downloaded "
            "again next time; make the folder writable",
            stacklevel=3,
        )


def _most_read(name: str) -> int:
    """Bytes of a file, gzipped or not, after which it is not the published one."""
    return LENGTHS[name] + 2**20


class _Bounded(io.BytesIO):
    """Takes so many bytes: a mirror that sends more sends another file."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def write(self, content: Any, /) -> int:
        """Take more bytes, or refuse them."""
        if self.tell() + memoryview(content).nbytes > self.most:
            raise requests.exceptions.ContentDecodingError("more bytes than were published")
        return super().write(content)


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


def _raw(contents: Mapping[str, bytes], source: str) -> Raw:
    arrays = [array(contents[name], name) for name in FILES]
    return Raw(
        name=NAME,
        source=source,
        values=np.concatenate(arrays[:2])[..., np.newaxis],
        labels=np.concatenate(arrays[2:]),
        split=np.repeat(["train", "test"], [len(array) for array in arrays[:2]]),
    )
