"""Real files damaged, and nonsense in their format: each reader reads them or says so in one line.

`make fuzz` tries thousands of each, the slow tests some dozens, the same each time.
"""

import contextlib
import gzip
import io
import json
import os
import struct
import tempfile
import time
import warnings
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import sparse

from latentsweep.commands.main import main
from latentsweep.data.sources import mnist
from latentsweep.errors import DataError
from latentsweep.study import Study

pytestmark = pytest.mark.slow

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
fuzzed = settings(
    max_examples=int(EXAMPLES or 25),
    derandomize=EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SECONDS, BYTES, CHARACTERS = 10, 2**30, 300
DRY = ("--dry-run", "--latents", "2", "-o", "out")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).round(3)


# -- what has to hold


def most_memory() -> int:
    """The most that this process had since it was last asked, where that is told."""
    told = Path("/proc/self/status")
    if not told.exists():
        return 0
    most = next(line for line in told.read_text().splitlines() if line.startswith("VmHWM"))
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return 1024 * int(most.split()[1])


def ends_well(folder: Path, *words: str) -> None:
    """A command is done or refused in one line, soon, in little memory, with nothing left behind.

    Warnings are lines of their own, and no matter here.
    """
    there = sorted(folder.rglob("*"))
    out, err, before = io.StringIO(), io.StringIO(), max(most_memory(), most_memory())
    start = time.process_time()
    with contextlib.chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
    told = err.getvalue()
    assert time.process_time() - start < SECONDS
    assert most_memory() - before < BYTES
    assert sorted(folder.rglob("*")) == there
    assert code in (0, 2)
    if code == 2:
        assert told.startswith("latentsweep: ")
        assert told.count("\n") == 1
        assert len(told) <= CHARACTERS + 1
    else:
        assert told == ""


@contextlib.contextmanager
def folder_of(name: str, content: bytes):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / name).write_bytes(content)
        yield folder


def data_ends_well(name: str, content: bytes, *options: str) -> None:
    with folder_of(name, content) as folder:
        ends_well(folder, "run", "--data", name, *options, *DRY)


# -- damage

PIECES = (
    *(b"", b"\0", b"\xff\xfe", b'"', b"'", b",", b";", b"\n", b"[", b"{", b"}", b"]", b"-", b"."),
    *(b"9" * 400, b"1e999", b"nan", b"=", b"\xff" * 8, b"\x7f\xff\xff\xff", b"PK\x01\x02", b"()"),
)
edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(("replace", "insert", "delete", "cut", "repeat", "bit")),
        st.sampled_from(PIECES) | st.binary(max_size=6),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, changes: list) -> bytes:
    for share, kind, piece in changes:
        place = int(share * len(content))
        head, tail = content[:place], content[place:]
        if kind == "bit":
            content = head + bytes([tail[0] ^ 1 << len(piece) % 8]) + tail[1:] if tail else head
        elif kind == "cut":
            content = head
        elif kind == "repeat":
            content = head + tail[: 4 + len(piece)] * 3 + tail
        else:
            left = {"replace": tail[len(piece) :], "insert": tail, "delete": tail[1:]}[kind]
            content = head + piece * (kind != "delete") + left
    return content


def saved(save, *arguments, **named) -> bytes:
    file = io.BytesIO()
    save(file, *arguments, **named)
    return file.getvalue()


def frame(index: pd.Index | None = None) -> pd.DataFrame:
    table = pd.DataFrame(X, columns=["x", "y", "z"], index=index)
    return table.assign(class_=["a", "b"] * 20, kind=pd.Categorical(["u", "v"] * 20))


ROWS = "".join(f"{a},{b},{c},{'ab'[i % 2]}\n" for i, (a, b, c) in enumerate(X))
TEXT = {
    "csv": f"x,y,z,class_\n{ROWS}",
    "tsv": f"# said\n\tx\ty\tz\tclass_\n{ROWS}".replace(",", "\t"),
    "points": f"x;y;z;class_\n{ROWS}".replace(",", ";").replace(".", ","),
}
FILES = {
    "a.csv": TEXT["csv"].encode(),
    "b.csv": TEXT["points"].encode(),
    "a.tsv": TEXT["tsv"].encode(),
    "a.parquet": frame().to_parquet(),
    "b.parquet": frame(pd.MultiIndex.from_product([["p", "q"], range(20)])).to_parquet(),
    "a.npy": saved(np.save, X.astype("f4")),
    "b.npy": saved(np.save, RNG.integers(0, 255, (30, 5, 5), np.uint8)),
    "a.npz": saved(np.savez, values=X, labels=np.array(["a", "b"] * 20)),
    "b.npz": saved(np.savez_compressed, x_train=X, x_test=X, y_train=X[:, 0], y_test=X[:, 0]),
    "c.npz": saved(sparse.save_npz, sparse.csr_matrix(np.round(X))),
}


@fuzzed
@given(st.sampled_from(sorted(FILES)), edits, st.booleans())
def test_damaged_data(name, changes, labelled):
    options = ("--label", "class_") if labelled and "np" not in name else ()
    data_ends_well(name, damaged(FILES[name], changes), *options)


# -- arrays

sizes = st.sampled_from((0, 1, 3, 30, 2**31, 2**63, -1, True, 1.5, "'a'", None, 10**30))
headers = st.fixed_dictionaries(
    {
        "descr": st.sampled_from(
            ("<f4", "<f8", "<f16", "<c8", "|O", "<U3", "|S2", "<M8[s]", ">i8", "|b1", "", "x", 3)
        )
        | st.lists(st.just(("a", "<f4")), max_size=3),
        "fortran_order": st.sampled_from((True, False, None, 1, "no")),
        "shape": st.lists(sizes, max_size=4).map(tuple)
        | st.integers(1, 198).map(lambda n: (30, 4) + (1,) * n)
        | sizes,
    }
)


@fuzzed
@given(headers, st.sampled_from((400, 480, 0)), st.sampled_from(("npy", "npz")))
def test_arrays_whose_header_says_anything(header, count, suffix):
    raw = f"{header}\n".encode()
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + RNG.bytes(count)
    if suffix == "npz":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("values.npy", content)
        content = archive.getvalue()
    data_ends_well(f"a.{suffix}", content)


# -- tables

cells = st.sampled_from(
    [
        *("1", "2.5", "-3", "", "nan", "9" * 400, "1e999", "x", "1,5", '"', "'", "\0", "é", " "),
        *("1.234,5", "1_000", "inf", "#", "sep=;", "2020-01-01", "True", "0x1F", "[1]", "1.234"),
        *("\r", "\n"),
    ]
)


@fuzzed
@given(
    st.lists(st.lists(cells, min_size=1, max_size=5), min_size=1, max_size=40),
    st.sampled_from(",;\t| "),
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "latin-1")),
)
def test_text_that_may_be_a_table(rows, separator, encoding):
    text = "\n".join(separator.join(row) for row in rows)
    data_ends_well("a.csv", text.encode(encoding, "replace"))


BAD = pa.Array.from_buffers(pa.string(), 40, pa.array([b"\xff\xfe"] * 40).buffers())
COLUMNS = [
    pa.array(X[:, 0]),
    pa.array(list(range(40))),
    pa.array([2**63] * 40, pa.uint64()),
    pa.array(X[:, 0].astype(np.float16)),
    pa.array([True, None] * 20),
    pa.nulls(40),
    pa.array(["a", "b"] * 20),
    pa.array(["a", None] * 20, pa.large_string()).dictionary_encode(),
    BAD,
    BAD.dictionary_encode(),
    pa.array([b"\xff", b""] * 20),
    pa.array([[1], []] * 20),
    pa.array([{"a": 1}, None] * 20),
    pa.array([[("k", 1)]] * 40, pa.map_(pa.string(), pa.int64())),
    pa.array([Decimal("1.5"), Decimal(10**30)] * 20),
    pa.array([date(2020, 1, 1), date(1, 1, 1)] * 20),
    pa.array([timedelta(1), None] * 20),
    pa.array([2**62] * 40, pa.timestamp("ms")),
    pa.array([0] * 40, pa.timestamp("ns", "Europe/Lisbon")),
    pa.array([10**18, 1] * 20),
    pa.array([np.inf, -np.inf, np.nan, 1e308] * 10),
]
names = st.sampled_from(("x", "y", "class_", "", "1", "latent_size", "loss", "__index_level_0__"))
columns = st.lists(st.tuples(names, st.sampled_from(range(len(COLUMNS)))), min_size=1, max_size=4)
leaves = st.none() | st.booleans() | st.integers(-2, 2) | names | st.just("range")
keys = st.sampled_from(
    [
        *("columns", "index_columns", "column_indexes", "name", "field_name", "pandas_type"),
        *("numpy_type", "metadata", "kind", "start", "stop", "step"),
    ]
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)
about = st.none() | anything.map(json.dumps) | st.sampled_from(("", "[" * 100_000, "\ud7ff", "{"))


def table_of(chosen: list, noted: str | None) -> bytes:
    table = pa.table([COLUMNS[i] for _, i in chosen], names=[name for name, _ in chosen])
    if noted is not None:
        table = table.replace_schema_metadata({b"pandas": noted.encode()})
    return saved(lambda file: parquet.write_table(table, file))


@fuzzed
@given(columns, about, st.sampled_from(((), ("--label", "class_"), ("--id", "y"), ("--drop", "x"))))
def test_parquet_of_any_columns(chosen, noted, options):
    data_ends_well("a.parquet", table_of(chosen, noted), *options)


# -- images


def picture(kind: str) -> bytes:
    image = Image.fromarray(RNG.integers(0, 255, (6, 6, 3), np.uint8))
    more = {"save_all": True, "append_images": [image] * 2} if kind in ("GIF", "TIFF") else {}
    return saved(image.save, format=kind, **more)


KINDS = ("PNG", "GIF", "TIFF", "JPEG", "BMP", "PPM", "WEBP", "TGA", "ICO", "PCX")
PICTURES = {kind: picture(kind) for kind in KINDS}


@fuzzed
@given(st.sampled_from(KINDS), edits, st.sampled_from(((), ("--resize", "8"))))
def test_a_damaged_image_among_others(kind, changes, options):
    with tempfile.TemporaryDirectory() as temporary:
        images = Path(temporary, "images")
        images.mkdir()
        for number in range(12):
            (images / f"{number}.{kind.lower()}").write_bytes(PICTURES[kind])
        changed = damaged(PICTURES[kind], changes)
        (images / f"5.{kind.lower()}").write_bytes(changed)
        ends_well(Path(temporary), "run", "--data", "images", *options, *DRY)


# -- IDX


@fuzzed
@given(edits, st.booleans())
def test_damaged_idx(changes, zipped):
    content = b"\x00\x00\x08\x03" + struct.pack(">3I", 2, 3, 4) + bytes(24)
    changed = damaged(gzip.compress(content) if zipped else content, changes)
    with contextlib.suppress(DataError):
        assert mnist.array(mnist.decompressed(changed, "x", 999), "x").nbytes < 1000


# -- studies

STUDY = Study(name="my", data="digits").to_toml()
values = st.sampled_from(
    [
        *("1", "-1", "0", "1.5", "nan", "inf", "1e308", "9" * 400, "9" * 5000, "0x" + "f" * 5000),
        *("'a'", "''", "[]", "[[]]", "{}", "{a = 1}", "[" * 2000, "2020-01-01", "true", "[1, 2]"),
        *("'~nobodyatall/x'", "'\\u0000'", ".".join("a" * 6000), "{a.b = 1}", "'", '"\\ud800"'),
        *('"\\u0000"', "[2147483647]", "[1e400]", "'x.npy'", "'.'", "1_000", f"'{'x' * 5000}'"),
    ]
)
lines = st.tuples(st.sampled_from(sorted(Study.model_fields)) | names, values)


@fuzzed
@given(st.lists(lines, max_size=4), edits | st.just([]))
def test_studies_of_any_fields(found, changes):
    given_here = {name for name, _ in found}
    rest = [x for x in STUDY.splitlines() if x.partition(" = ")[0] not in given_here]
    text = "\n".join((*(f"{name} = {value}" for name, value in found), *rest))
    with folder_of("s.toml", damaged(text.encode(), changes)) as folder:
        ends_well(folder, "run", "s.toml", "--dry-run")


@fuzzed
@given(st.lists(lines, min_size=1, max_size=3), st.sampled_from(("=", "", " = ", "==")))
def test_settings_of_any_value(found, equals):
    words = [w for name, value in found for w in ("--set", f"{name}{equals}{value}")]
    with tempfile.TemporaryDirectory() as temporary:
        ends_well(Path(temporary), "run", "digits", *words, *DRY)


# -- losses

LOSSES = pd.DataFrame(
    [(k, s, e, 1 / (k + 1) + e) for k in range(3) for s in range(2) for e in range(40)],
    columns=["latent_size", "seed", "example", "loss"],
)
TABLES = {"csv": LOSSES.to_csv(index=False).encode(), "parquet": LOSSES.to_parquet()}


@fuzzed
@given(
    st.sampled_from(("csv", "parquet")), st.sampled_from(("csv", "parquet")), edits | st.just([])
)
def test_damaged_losses(kind, suffix, changes):
    with folder_of(f"l.{suffix}", damaged(TABLES[kind], changes)) as folder:
        ends_well(folder, "recommend", "--losses", f"l.{suffix}")


@fuzzed
@given(st.lists(st.sampled_from(range(len(COLUMNS))), min_size=4, max_size=4), about)
def test_losses_of_any_columns(chosen, noted):
    content = table_of(list(zip(LOSSES.columns, chosen, strict=True)), noted)
    with folder_of("l.parquet", content) as folder:
        ends_well(folder, "recommend", "--losses", "l.parquet")
