"""Each file of a run, damaged, is refused in one line that names it."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from latentsweep.errors import RunFolderError
from latentsweep.record.folder import RunFolder
from latentsweep.training.plan import passes_of

NAME = "elbo-k02-s0"
MEMBER = f"members/{NAME}"
READ: dict[str, Callable[[RunFolder], object]] = {
    "manifest.json": lambda run: RunFolder.opened(run.path),
    "study.toml": RunFolder.study,
    "results.parquet": RunFolder.results,
    "projections.parquet": RunFolder.projections,
    "ids.parquet": RunFolder.ids,
    "alarms.json": RunFolder.alarms,
    "answers.json": RunFolder.answers,
    "examples.safetensors": RunFolder.examples,
    "no_latent.safetensors": lambda run: run.no_latent("test"),
    "passes/p00/plan.json": passes_of,
    f"{MEMBER}/weights.safetensors": lambda run: run.weights(NAME),
    f"{MEMBER}/arrays.safetensors": lambda run: run.arrays(NAME),
    f"{MEMBER}/history.parquet": lambda run: run.history(NAME),
    f"{MEMBER}/member.json": lambda run: run.facts(NAME),
}


@pytest.fixture
def copy(tiny_run, tmp_path) -> RunFolder:
    shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("figures", "*.html"))
    return RunFolder(tmp_path / "run")


def refused(run: RunFolder, name: str) -> str:
    with pytest.raises(RunFolderError) as caught:
        READ[name](run)
    told = str(caught.value)
    assert told.startswith(f"{run.path / name}: ")
    assert "\n" not in told
    assert len(told) - len(str(run.path)) < 250
    return told


def test_what_the_system_refuses_is_no_damage(copy, monkeypatch):
    def short(*_, **__):
        raise ValueError("Failed to launch worker thread: Resource temporarily unavailable")

    monkeypatch.setattr(pd, "read_parquet", short)
    with pytest.raises(RunFolderError, match=r"results\.parquet: cannot be read \(Failed to"):
        copy.results()


def test_a_whole_run_is_read(copy):
    for read in READ.values():
        read(copy)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("content", [b"", b"\x00\xff{", b"[" * 5000, None])
def test_a_file_of_other_bytes_or_a_folder_in_its_place(copy, name, content):
    path = copy.path / name
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)
    assert "is not as latentsweep wrote it" in refused(copy, name)


@pytest.mark.parametrize("name", sorted(set(READ) - {"alarms.json", "answers.json", "ids.parquet"}))
def test_a_file_that_is_missing_is_told_as_missing(copy, name):
    if name not in ("manifest.json", "no_latent.safetensors", "passes/p00/plan.json"):
        (copy.path / name).unlink()
        assert "is not there; it was removed" in refused(copy, name)


def test_what_is_missing_of_an_unfinished_run_comes_with_the_run(copy):
    copy.write_manifest({**copy.manifest(), "status": "running"})
    copy.results_path.unlink()
    assert refused(copy, "results.parquet").endswith(
        ": is not there; the run is unfinished: the command that began it goes on"
    )


JSON: list[tuple[str, Callable[[Any], object]]] = [
    ("manifest.json", lambda c: c.update(status=3)),
    ("manifest.json", lambda c: c.update(members={})),
    ("manifest.json", lambda c: c["data"].update(item_shape=[8, -1])),
    ("manifest.json", lambda c: c["data"].update(item_shape=10**30)),
    ("manifest.json", lambda c: c["data"].update(likelihood="other")),
    ("manifest.json", lambda c: c["members"][0].update(name="../../outside/m")),
    ("manifest.json", lambda c: c["members"][0].update(name="/tmp/m-k02-s0")),
    ("manifest.json", lambda c: c["members"][0].update(latent_size=5)),
    ("manifest.json", lambda c: c["members"][0].update(test_fraction=float("nan"))),
    ("passes/p00/plan.json", lambda c: c.update(members=["../elbo-k02-s0"])),
    ("passes/p00/plan.json", lambda c: c.pop("width")),
    ("alarms.json", lambda c: c.append({"member": "elbo-k02-s0"})),
    ("answers.json", lambda c: c.update(recommendation=[])),
    ("answers.json", lambda c: c["recommendation"].update(latent_size="two")),
    (f"{MEMBER}/member.json", lambda c: c.update(failed_epoch=-1)),
]


@pytest.mark.parametrize("case", range(len(JSON)))
def test_json_of_other_content(copy, case):
    name, change = JSON[case]
    content = json.loads((copy.path / name).read_text())
    change(content)
    (copy.path / name).write_text(json.dumps(content))
    assert "is not as latentsweep wrote it" in refused(copy, name)


def test_a_key_that_is_missing_is_told_when_it_is_asked_for(copy):
    content = json.loads(copy.manifest_path.read_text())
    del content["data"]["image"]
    copy.manifest_path.write_text(json.dumps(content))
    with pytest.raises(RunFolderError) as caught:
        copy.manifest()["data"]["image"]
    assert str(caught.value) == (
        f"{copy.manifest_path}: is not as latentsweep wrote it (no image); start again with --force"
    )


TABLES: list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = [
    ("results.parquet", lambda t: t.drop(columns="neg_elbo")),
    ("results.parquet", lambda t: t.assign(loss="x")),
    ("results.parquet", lambda t: t.assign(latent_size=np.nan)),
    ("results.parquet", lambda t: t.assign(seed=-1)),
    ("results.parquet", lambda t: t.assign(member="../../outside/m")),
    ("results.parquet", lambda t: t.assign(status="fine")),
    ("results.parquet", lambda t: pd.concat([t, t])),
    ("projections.parquet", lambda t: t.assign(member="../x-k02-s0")),
    ("projections.parquet", lambda t: t.assign(example=10**12)),
    (f"{MEMBER}/history.parquet", lambda t: t.drop(columns="loss")),
]


@pytest.mark.parametrize("case", range(len(TABLES)))
def test_a_table_of_other_content(copy, case):
    name, change = TABLES[case]
    change(pd.read_parquet(copy.path / name)).to_parquet(copy.path / name, index=False)
    assert "is not as latentsweep wrote it" in refused(copy, name)


ARRAYS: list[tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = [
    ("arrays", "test/loss", lambda a: a[:-1]),
    ("arrays", "test/codes", lambda a: a[:, :1]),
    ("arrays", "test/codes", lambda a: a.astype(np.uint8)),
    ("arrays", "shown/decodes", lambda a: a[:, :4]),
    ("arrays", "grid/dimensions", lambda a: a + 7),
    ("examples", "test/labels", lambda a: np.full_like(a, 10**6)),
    ("examples", "indices", lambda a: a - 1000),
]


@pytest.mark.parametrize("case", range(len(ARRAYS)))
def test_arrays_of_other_shapes_types_or_places(copy, case):
    block, name, change = ARRAYS[case]
    file = "examples.safetensors" if block == "examples" else f"{MEMBER}/{block}.safetensors"
    arrays = load_file(copy.path / file)
    arrays[name] = np.ascontiguousarray(change(arrays[name]))
    save_file(arrays, copy.path / file)
    assert "is not as latentsweep wrote it" in refused(copy, file)


def test_a_flipped_bit_of_the_weights_is_noticed(copy):
    path = copy.path / MEMBER / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    assert "another SHA-256" in refused(copy, f"{MEMBER}/weights.safetensors")
