"""Which network of a run is meant, and where what is made of it goes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from latentsweep.errors import RunFolderError
from latentsweep.record.folder import RunFolder

Member = Mapping[str, Any]


def chosen(
    folder: RunFolder,
    latent_size: int | None = None,
    objective: str | None = None,
    seed: int | None = None,
) -> Member:
    """The manifest's entry of the network that is asked for.

    Args:
        latent_size: may be None where the run has one.
        objective: None for elbo, if the run has it.
        seed: None for the first.

    Raises:
        RunFolderError: the run has no such network, or several sizes and none was named.
    """
    members = folder.manifest()["members"]
    if not members:
        raise RunFolderError(f"{folder.path}: has no network yet; wait until it is trained")
    if objective is None and any(member["objective"] == "elbo" for member in members):
        objective = "elbo"
    for field, option, needed, wanted in (
        ("objective", "objective", "the run's objectives", objective),
        ("latent_size", "latent", "the run's latent sizes", latent_size),
        ("seed", "seed", "the network's seeds", seed),
    ):
        known = sorted({member[field] for member in members})
        if wanted is None and (len(known) == 1 or field == "seed"):
            wanted = members[0][field]
        members = [member for member in members if member[field] == wanted]
        if not members:
            raise RunFolderError(
                f"{option}: one of {needed} is needed ({', '.join(map(str, known))}), "
                f"got {'none' if wanted is None else wanted}; write e.g. --{option} {known[0]}"
            )
    return members[0]


@contextmanager
def written(folder: RunFolder, member: Member, output: Path | None, what: str) -> Iterator[Path]:
    """The file to write, of a network of a run, in a folder or in `export` of the run.

    Raises:
        RunFolderError: the system refuses to have it written.
    """
    path = (output or folder.path / "export") / f"{member['name']}-{what}"
    try:
        yield path
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be written ({error.strerror}); choose another folder with -o"
        ) from None
