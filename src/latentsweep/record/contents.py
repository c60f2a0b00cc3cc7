"""Which files a run folder has: these are written and removed, and nothing else that lies in it."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from latentsweep.errors import RunFolderError
from latentsweep.record import atomic

FIGURES = (
    "headline",
    "terms",
    "rate_distortion",
    "dimensions",
    "reconstructions",
    "plane",
    "grid",
    "tsne",
    "curves",
)
_FOLDERS = ("passes", "members", "linear", "figures", "export", "data")
_FILES = (
    "study.toml",
    "decisions.jsonl",
    "examples.safetensors",
    "results.parquet",
    "projections.parquet",
    "ids.parquet",
    "alarms.json",
    "alarms.pt.json",
    "yardsticks.json",
    "baselines.parquet",
    "baselines.safetensors",
    "similarities.parquet",
    "answers.json",
    "answers.pt.json",
    "no_latent.safetensors",
    "dimension.json",
    "report.html",
    "explorer.html",
)
_MEMBER = "[A-Za-z0-9]*-k[0-9]*-s[0-9]*"
_BLOCKS = (
    "arrays",
    "validation",
    "votes",
    "structure",
    "regularity",
    "generation",
    "likelihood",
    "projection",
)
_INSIDE = (
    "passes/p[0-9]*/plan.json",
    "passes/p[0-9]*/[ab].safetensors",
    "passes/p[0-9]*/start[0-9]/[ab].safetensors",
    *(f"members/{_MEMBER}/{block}.{end}" for block in _BLOCKS for end in ("json", "safetensors")),
    f"members/{_MEMBER}/weights.safetensors",
    f"members/{_MEMBER}/history.parquet",
    f"members/{_MEMBER}/member.json",
    *(f"figures/{place}{name}.???" for place in ("", "pt/") for name in FIGURES),
    *(f"export/{_MEMBER}-{part}" for part in ("encoder.onnx", "decoder.onnx", "codes.parquet")),
)
_DIGEST = re.compile("[0-9a-f]{12}")


def check_folder(root: Path) -> None:
    """Refuse a folder that nothing may be written to.

    Raises:
        RunFolderError: it holds files but no run, or one of the run's folders is a link.
    """
    refuse_others(root)
    refuse_links(root)


def remove(root: Path) -> None:
    """Remove a run's own files but for its manifest, and the folders that are empty then."""
    for pattern in (*_FILES, *_INSIDE):
        for prefix in ("", "linear/"):
            for file in root.glob(prefix + pattern):
                file.unlink()
    (root / "linear" / "manifest.json").unlink(missing_ok=True)
    for name in _FOLDERS[:-1]:
        for folder, _, _ in os.walk(root / name, topdown=False):
            with contextlib.suppress(OSError):  # something of the user's is in it
                Path(folder).rmdir()


def sweep(root: Path) -> None:
    """Remove the temporary files that killed processes left in a run."""
    for folder in (root, *_below(root)):
        atomic.sweep(folder)


def refuse_links(root: Path) -> None:
    """Refuse a run with a folder that is a link: what is written there lands elsewhere.

    Raises:
        RunFolderError: there is one.
    """
    for folder in _below(root):
        if folder.is_symlink():
            raise RunFolderError(
                f"{folder}: a folder is needed, got a link to {folder.readlink()}; move that "
                "folder here in its place"
            )


def refuse_others(root: Path) -> None:
    """Refuse a folder that holds files, but no run: nothing of its user's is to be replaced.

    Raises:
        RunFolderError: it does.
    """
    if not root.is_dir() or _holds_run(root):
        return
    if found := [each.name for each in sorted(root.iterdir()) if not _is_from_before(each)]:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise RunFolderError(
            f"{root}: a new or empty folder, or one with a run, is needed, got one with "
            f"{found[0][:60]}{more} but no run; choose another folder with -o"
        )


def _holds_run(root: Path) -> bool:
    """Whether a folder's manifest is one of ours, or a damaged one beside a study."""
    manifest, content = root / "manifest.json", None
    if not manifest.exists():
        return False
    with contextlib.suppress(OSError, ValueError, RecursionError):
        content = json.loads(manifest.read_bytes()) if manifest.is_file() else None
    is_ours = isinstance(content, dict) and {"format", "status"} <= content.keys()
    return is_ours or (root / "study.toml").exists()


def _is_from_before(path: Path) -> bool:
    """Whether a file is there before a run's first step: the lock, and data from Python."""
    if path.name == "data" and path.is_dir():
        return all(_DIGEST.fullmatch(each.name) for each in path.iterdir())
    return path.name == ".lock" or atomic.is_left_over(path.name)


def _below(root: Path) -> Iterator[Path]:
    """A run's folders and all that are in them, links to folders among them."""
    for name in _FOLDERS:
        if (root / name).is_symlink() or (root / name).is_dir():
            yield root / name
        for folder, names, _ in os.walk(root / name):
            yield from (Path(folder) / each for each in names)
