"""Whether data fits in memory, asked before it is read."""

import os
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from latentsweep.errors import DataError

# Of control groups of version 2 and 1: a limit, what of it is used, and what of that is a cache of
# files, which makes room when it is needed.
_GROUP_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
_SHARE = 0.5  # that values may take of what is free, the rest being for what they are made into


def free_memory() -> int:
    """Bytes that this machine, or the container of this process, can still give, about."""
    return max(min([_free_of_machine(), *_free_of_groups(Path("/"))]), 0)


def _free_of_machine() -> int:
    listed = Path("/proc/meminfo")
    if listed.exists():
        lines = dict(line.split(":", 1) for line in listed.read_text().splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return 4 * 2**30


def _free_of_groups(root: Path) -> Iterator[int]:
    """What is left of the limit of each control group that this process is in, if it has one.

    A limit holds for all groups below as well; in a container, the path of the own group may be
    that outside, of which nothing but the top is seen.

    Args:
        root: the folder in which proc and sys are.
    """
    listed = root / "proc/self/cgroup"
    for line in listed.read_text().splitlines() if listed.exists() else []:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        own = top / path.lstrip("/")
        for group in (own, *own.parents):
            if group.is_relative_to(top):
                yield from _free_of_group(group, *_GROUP_FILES[1 if controllers else 2])


def _free_of_group(group: Path, limit: str, used: str, cache: str) -> Iterator[int]:
    try:
        most, now = (int((group / file).read_text()) for file in (limit, used))
    except (OSError, ValueError):  # not there, or "max" for no limit
        return
    statistics = group / "memory.stat"
    lines = statistics.read_text().splitlines() if statistics.exists() else []
    yield most - now + int(dict(line.split() for line in lines).get(cache, 0))


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
