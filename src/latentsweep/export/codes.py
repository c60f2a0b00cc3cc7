"""The codes of a network's test split as a table: those that the run measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentsweep.export.member import Member, written
from latentsweep.record.folder import RunFolder
from latentsweep.record.tables import write_table


def write_codes(
    folder: RunFolder, member: Member, output: Path | None = None
) -> tuple[Path, pd.DataFrame]:
    """The file of a network's codes, newly written, and its table.

    Args:
        output: the folder of the file; `export` in the run if not given.

    Raises:
        RunFolderError: the network was not measured yet, or the file can't be written.
    """
    table = codes(folder, member)
    with written(folder, member, output, "codes.parquet") as path:
        write_table(path, table)
    return path, table


def codes(folder: RunFolder, member: Member) -> pd.DataFrame:
    """One row a test example: index, split, row, id, label, z1 to zK, x, y, neg_elbo.

    `row` is its place in the source, from 0. There is no id and no label where the data has none,
    and no x and y where the run did not project this network; examples that it left out of the
    projection have none.
    """
    arrays, stand, labels = folder.arrays(member["name"]), folder.ids(), folder.examples().labels
    count, names = len(arrays["test/codes"]), folder.manifest()["data"]["label_names"]
    columns: dict[str, Any] = {"index": np.arange(count, dtype=np.int32), "split": ["test"] * count}
    if stand is not None:
        tested = stand[stand["split"] == "test"].sort_values("example").head(count)
        columns |= {
            name: tested[name].to_numpy() for name in ("split", "row", "id") if name in tested
        }
    if labels is not None and names is not None:
        columns["label"] = np.array([str(name) for name in names], dtype=object)[labels]
    columns |= {f"z{k}": column for k, column in enumerate(arrays["test/codes"].T, start=1)}
    if folder.projections_path.exists():
        table = folder.projections()
        panel = table[table["member"] == member["name"]].set_index("example")
        if not panel.empty:
            columns |= {axis: panel[axis].reindex(range(count)) for axis in ("x", "y")}
    return pd.DataFrame({**columns, "neg_elbo": arrays["test/neg_elbo"]})
