import itertools
import re
import threading

import numpy as np
import pandas as pd
import pytest

from latentsweep.errors import RunFolderError
from latentsweep.record.tables import read_table, write_table


def test_a_table_comes_back_with_its_types_and_without_its_index(tmp_path):
    table = pd.DataFrame(
        {
            "member": ["elbo-k02-s0", "ü"],
            "epoch": np.array([1, 2], np.int32),
            "loss": [0.1, np.nan],
            "ok": [True, False],
        },
        index=[5, 3],
    )
    write_table(tmp_path / "a.parquet", table)
    back = read_table(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(back, table.reset_index(drop=True))


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    write_table(tmp_path / "a.parquet", pd.DataFrame({"member": pd.Series(dtype=str)}))
    assert list(read_table(tmp_path / "a.parquet").columns) == ["member"]


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_a_damaged_table_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(RunFolderError) as caught:
        read_table(path)
    message = (
        re.escape(f"{path}: is not as latentsweep wrote it (") + r".+\); start again with --force"
    )
    assert re.fullmatch(message, str(caught.value))


def test_a_table_is_read_whole_while_another_takes_its_place(tmp_path):
    """Tables of other lengths are written over and over by a thread while this one reads."""
    path, stop = tmp_path / "a.parquet", threading.Event()

    def keep_writing() -> None:
        for rows in itertools.cycle((1, 3000)):
            write_table(path, pd.DataFrame({"loss": np.arange(rows, dtype=float)}))
            if stop.is_set():
                return

    write_table(path, pd.DataFrame({"loss": [0.0]}))
    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        lengths = {len(read_table(path)) for _ in range(150)}
    finally:
        stop.set()
        writer.join()
    assert lengths <= {1, 3000}
