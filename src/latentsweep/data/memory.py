"""Whether data fits in memory, asked before it is read."""

import os
import zipfile
from collections.abc import Collection
from pathlib import Path

from latentsweep.errors import DataError

_SHARE = 0.5  # that values may take of what is free, the rest being for what they are made into


def free_memory() -> int:
    """Bytes that this machine can still give, about."""
    listed = Path("/proc/meminfo")
    if listed.exists():
        lines = dict(line.split(":", 1) for line in listed.read_text().splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return 4 * 2**30


def fits(needed: int) -> bool:
    """Whether so many bytes leave room in memory for what is done with them."""
    return needed <= _SHARE * free_memory()


def check_fits(where: str, needed: int, remedy: str) -> None:
    """Refuse what would take more memory than is free.

    Raises:
        DataError: it would.
    """
    if needed > (free := free_memory()):
        raise DataError(
            f"{where}: takes {size_in_words(needed)} in memory, of which {size_in_words(free)} "
            f"are free; {remedy}"
        )


def check_archive(path: Path, members: Collection[str]) -> None:
    """Refuse a zip archive of which some members, unpacked, would take more memory than is free.

    Raises:
        DataError: they would.
    """
    with zipfile.ZipFile(path) as archive:
        sizes = {each.filename: each.file_size for each in archive.infolist()}
    needed = sum(sizes.get(name, sizes.get(f"{name}.npy", 0)) for name in members)
    remedy = "save the values alone with numpy.save: a .npy file stays on the disk"
    check_fits(f"{path}: unpacked", needed, remedy)


def size_in_words(count: int) -> str:
    """Bytes in MiB, or in GiB from one on."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
