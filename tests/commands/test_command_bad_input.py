"""A minimal input of each kind of damage that once ended in a traceback, a hang or gigabytes."""

import io
import json
import struct
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

DRY = ("--dry-run", "--latents", "2", "-o", "out")
X = np.random.default_rng(0).normal(size=(40, 3))
DEEP = "[" * 100_000


def npy(header: str) -> bytes:
    raw = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + bytes(4000)


def npz(**patches: int) -> bytes:
    """An archive, some bytes of its two headers being others."""
    file = io.BytesIO()
    np.savez(file, values=X)
    raw = bytearray(file.getvalue())
    central = raw.find(b"PK\x01\x02")
    if "flags" in patches:
        raw[6] = raw[central + 8] = patches["flags"]
    if "compression" in patches:
        raw[8] = raw[central + 10] = patches["compression"]
    return bytes(raw)


def npz_of(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def labels() -> np.ndarray:
    damaged = np.array(["a", "b"] * 20).view("u4").copy()
    damaged[3] = 0x7FFFFFFF
    return damaged.view("<U1")


def noted(note: str) -> bytes:
    table = pa.table({"x": X[:, 0]}).replace_schema_metadata({b"pandas": note.encode()})
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def no_text(name: str) -> bytes:
    bad = pa.Array.from_buffers(pa.string(), 40, pa.array([b"\xff\xfe"] * 40).buffers())
    file = io.BytesIO()
    parquet.write_table(pa.table({name: bad, "x": X[:, 0]}), file)
    return file.getvalue()


def no_name() -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({"QQQQ": X[:, 0], "x": X[:, 1]}), file, store_schema=False)
    return file.getvalue().replace(b"QQQQ", b"\xff\xfe\xff\xfe")


TYPE = {"name": "x", "field_name": "x", "pandas_type": "x", "numpy_type": "in}64"}
LOSSES = b"latent_size,seed,example,loss\n1,0,2,1\n"
LONG = ",".join(f"a column of a long name {i}" for i in range(300)).encode()
DATA = {
    "a header cut": ("a.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (30, 4), ")),
    "a shape of no numbers": (
        "a.npy",
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4), }"),
    ),
    "61 axes": (
        "a.npy",
        npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {(30, 4, *[1] * 59)}}}"),
    ),
    "198 axes": (
        "a.npy",
        npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {(30, 4, *[1] * 196)}}}"),
    ),
    "wide floats": ("a.npy", npy("{'descr': '<f16', 'fortran_order': False, 'shape': (30, 4)}")),
    "a member's header cut": ("a.npz", zipped("values.npy", npy("{'descr': '<f4', "))),
    "an unknown compression": ("a.npz", npz(compression=99)),
    "an encrypted archive": ("a.npz", npz(flags=1)),
    "a member's name damaged": ("a.npz", zipped("values\0é.npy", b"")),
    "labels' characters": ("a.npz", npz_of(values=X, labels=labels())),
    "300 arrays": ("a.npz", npz_of(**{f"an array of {i}": X for i in range(300)})),
    "a note that is a list": ("t.parquet", noted("[]")),
    "a note that is empty": ("t.parquet", noted("{}")),
    "a note that is no JSON": ("t.parquet", noted("{")),
    "a note that is deep": ("t.parquet", noted(DEEP)),
    "text that is no UTF-8": ("t.parquet", no_text("y")),
    "names that are no UTF-8": ("t.parquet", no_name()),
    "a whole number beyond float": ("t.csv", b"x,y\n" + b"9" * 400 + b",2\n" + b"3,4\n" * 20),
    "names of 300 columns": ("t.csv", LONG + b"\n" + b",".join([b"x"] * 300) + b"\n"),
}
STUDIES = {
    "a deep list": "latent_sizes = " + "[" * 500 + "]" * 500,
    "a number of 5,000 digits": "epochs = " + "9" * 5000,
    "a hexadecimal number of 5,000 digits": "epochs = 0x" + "f" * 5000,
    "an integer beyond float": "epochs = " + "9" * 400,
    "dotted keys": ".".join(["a"] * 50_000) + " = 1",
    "a megabyte": "#" * 2**20 + "\nepochs = 1",
    "another user's home": "data = '~nobodyatall/x.csv'",
    "a NUL in a path": 'data = "a\\u0000b.npy"',
    "a path of 5,000 characters": f"data = '{'x' * 5000}.npy'",
    "too many networks": "seeds = [" + "0, " * 200 + "]\nkl_weight = [" + "1, " * 501 + "]",
}
TABLES = {
    "a latent size of 400 digits": ("l.csv", LOSSES + b"9" * 400 + b",0,1,1.0\n"),
    "a damaged note": (
        "l.parquet",
        noted(json.dumps({"columns": [TYPE], "index_columns": [], "column_indexes": [TYPE]})),
    ),
    "Parquet called CSV": ("l.csv", noted("[]")),
    "CSV called Parquet": ("l.parquet", LOSSES),
    "300 names": ("l.csv", LONG + b"\n"),
}
WORDS = {
    "a deep list": ("run", "digits", "--set", "seeds=" + "[" * 2000),
    "5,000 digits": ("run", "digits", "--set", "seeds=" + "9" * 5000),
    "another user's home": ("run", "--data", "~nobodyatall/x.csv"),
    "a name of 5,000 characters": ("run", "--data", "x" * 5000),
    "another user's home, searched": ("recommend", "~nobodyatall/x.csv"),
    "10**9 seeds": ("run", "digits", "--seeds", 10**9),
    "10**30 seeds": ("run", "digits", "--seeds", 10**30),
    "a study's name of 5,000 characters": ("run", "x" * 5000 + ".toml"),
}


def is_one_line(ended, folder, *there: str) -> str:
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("latentsweep: ")
    assert ended.err.count("\n") == 1
    assert len(ended.err) <= 300 + 1
    assert sorted(file.name for file in folder.iterdir()) == sorted(there)
    return ended.err


@pytest.mark.parametrize("what", DATA)
def test_odd_data_is_one_line(cli, tmp_path, what):
    name, content = DATA[what]
    (tmp_path / name).write_bytes(content)
    assert name in is_one_line(cli("run", "--data", name, *DRY), tmp_path, name)


def test_text_that_is_no_utf_8_is_no_class(cli, tmp_path):
    (tmp_path / "t.parquet").write_bytes(no_text("class"))
    ended = cli("run", "--data", "t.parquet", "--label", "class", *DRY)
    assert "Invalid UTF8" in is_one_line(ended, tmp_path, "t.parquet")


@pytest.mark.parametrize("what", STUDIES)
def test_an_odd_study_is_one_line(cli, tmp_path, what):
    (tmp_path / "s.toml").write_text(STUDIES[what])
    is_one_line(cli("run", "s.toml", "--dry-run"), tmp_path, "s.toml")


@pytest.mark.parametrize("what", TABLES)
def test_odd_losses_are_one_line(cli, tmp_path, what):
    name, content = TABLES[what]
    (tmp_path / name).write_bytes(content)
    assert "losses: " in is_one_line(cli("recommend", "--losses", name), tmp_path, name)


@pytest.mark.parametrize("what", WORDS)
def test_odd_words_are_one_line(cli, tmp_path, what):
    is_one_line(cli(*WORDS[what], "--dry-run"), tmp_path)


def test_a_long_mistake_keeps_its_begin_and_its_end(cli, tmp_path):
    pd.DataFrame({"x" * 400: ["a"] * 20, "y": range(20)}).to_csv(tmp_path / "t.csv", index=False)
    told = is_one_line(cli("run", "--data", "t.csv", *DRY), tmp_path, "t.csv")
    assert told.startswith("latentsweep: data: column 'xxx")
    assert " ... " in told
    assert told.endswith("or give it a part: --label, --id or --split-by\n")
