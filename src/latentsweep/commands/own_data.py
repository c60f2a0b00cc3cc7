"""What commands that take data say of it."""

from typing import TYPE_CHECKING

from latentsweep.paths import user_path

if TYPE_CHECKING:
    from latentsweep.training.experiment import Experiment

_LARGE = 2**24  # bytes of a file, which take a moment to read


def announce(source: object) -> None:
    """Say that a large file, or a folder, is being read, before anything that takes seconds."""
    if not isinstance(source, str):  # refused where the study is read
        return
    path = user_path("data", source)
    if path.is_dir() or (path.is_file() and path.stat().st_size > _LARGE):
        print(f"reading {path} ...", flush=True)


def data_lines(experiment: "Experiment") -> list[str]:
    """The data's splits and likelihood, and what was found in it."""
    from latentsweep.data.catalogue import is_users
    from latentsweep.data.findings import findings
    from latentsweep.data.kind import reason

    study, dataset = experiment.study, experiment.dataset
    shape = " x ".join(str(size) for size in dataset.item_shape)
    return [
        f"data    {dataset.name}: {_counts(experiment)}; {shape} each; "
        f"{dataset.likelihood} likelihood{reason(study, dataset)}",
        *findings(dataset, study, questions=is_users(study.data)),
        *_of_large_data(experiment),
    ]


def _of_large_data(experiment: "Experiment") -> list[str]:
    """What is done about data that is large, or larger than memory."""
    from latentsweep.commands.display import duration
    from latentsweep.training.cost import seconds_to_read, supply_of
    from latentsweep.training.members import members_of

    study, dataset, lines = experiment.study, experiment.dataset, []
    if (most := study.train_examples) and most >= len(dataset.splits["train"]):
        lines.append(f"note    networks train on at most {most:,} examples, drawn at random")
    if (most := dataset.most_measured) is not None:
        hashed = ", and the data's fingerprint is that of a sample" if dataset.is_large else ""
        lines.append(
            f"note    networks are measured on at most {most:,} examples of a split, drawn at "
            f"random{hashed}"
        )
    width = max(study.latent_sizes)
    if (supply := supply_of(experiment, len(study.seeds), width)) is not None:
        size = supply.row_bytes * len(supply.indices) / 2**30
        seconds = seconds_to_read(experiment, width, supply, len(members_of(study)))
        lines.append(
            f"note    larger than memory: {size:.1f} GiB are read from the disk as networks train, "
            f"{duration(seconds)} of the price in all"
        )
    return lines


def _counts(experiment: "Experiment") -> str:
    fold_size = experiment.fold_size
    folds = f" (each seed holds out another {fold_size:,})" if fold_size else ""
    return ", ".join(
        f"{len(indices):,} to {name}{folds if name == 'train' else ''}"
        for name, indices in experiment.dataset.splits.items()
    )
