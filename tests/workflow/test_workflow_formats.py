"""A finished run holds what docs/formats.md says, and nothing else."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from latentsweep.record.arrays import read_arrays
from latentsweep.record.folder import RunFolder

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
DIMENSIONS = {"E": 50, "N": 359, "D": 64, "H": 16, "P": 1, "P·D": 64}
ITEM = (8, 8, 1)


def words(cell: str) -> list[str]:
    """What stands in backticks, outside brackets."""
    return re.findall(r"`([^`]+)`", re.sub(r" \([^()]*(\([^()]*\)[^()]*)?\)", "", cell))


def rows(section: str) -> list[list[str]]:
    """The cells of the section's tables, without their headings."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0].startswith("`")]


def documented_arrays(section: str, start: str, latent_size: int) -> dict[str, tuple]:
    """Name to shape, and the type if the page gives one, of the arrays after the words `start`."""
    found = {}
    dimensions = {**DIMENSIONS, "K": latent_size}
    after = rows(section)
    names = [row[0] for row in after]
    first = next(i for i, name in enumerate(names) if start in name)
    for cell, shape_cell, note in after[first:]:
        if "K ≥ 2 only" in note and latent_size < 2:
            continue
        shapes = re.findall(r"\[([^\]]*)\]", shape_cell)
        kinds = re.findall(r"uint8|float32|int32", shape_cell)
        for name, shape in zip(words(cell), shapes, strict=True):
            sizes = [s.strip() for s in shape.split(",") if s.strip() and s.strip() != "*item"]
            expected = tuple(dimensions.get(s) or int(s) for s in sizes)
            found[name] = (expected + (ITEM if "*item" in shape else ()), kinds)
    return found


def check(arrays: dict[str, np.ndarray], documented: dict[str, tuple]) -> None:
    assert set(arrays) == set(documented)
    for name, (shape, kinds) in documented.items():
        assert arrays[name].shape == shape, name
        assert not kinds or arrays[name].dtype.name in kinds, name


@pytest.fixture(scope="module")
def folder(tiny_run):
    return RunFolder.opened(tiny_run)


def members(folder: RunFolder) -> list[str]:
    return [member["name"] for member in folder.manifest()["members"]]


def test_the_page_is_read_as_it_is_meant():
    assert len(documented_arrays("members/NAME/", "encoder/hidden", 3)) == 8 + 1 + 19
    assert len(documented_arrays("members/NAME/", "encoder/hidden", 1)) == 8 + 1 + 17
    assert rows("projections.parquet")[0][0] == "`member`"


def test_the_files_are_those_of_the_page(folder):
    patterns = [
        r"study\.toml|manifest\.json|examples\.safetensors|report\.html|\.lock",
        r"(alarms|answers)\.json|no_latent\.safetensors",
        r"(results|projections|ids)\.parquet",
        r"passes/p\d\d/plan\.json",
        r"members/[\w-]+/((weights|arrays)\.safetensors|history\.parquet|(member|arrays|projection)\.json)",
        r"figures/(pt/)?\w+\.(png|svg)",
    ]
    files = {str(f.relative_to(folder.path)) for f in folder.path.rglob("*") if f.is_file()}
    assert not {f for f in files if not re.fullmatch("|".join(patterns), f)}
    for pattern in patterns:
        assert [f for f in files if re.fullmatch(pattern, f)], pattern
    assert sum(f.startswith("members/") for f in files) == 4 * 6


def test_every_file_that_a_run_leaves_is_named_on_the_page(folder):
    for file in folder.path.rglob("*"):
        if file.is_file() and file.name != ".lock" and "figures" not in file.parts:
            assert file.name in PAGE


def test_members_are_named_as_the_page_says(folder):
    assert members(folder) == [
        "keras-blog-k02-s0",
        "elbo-k02-s0",
        "keras-blog-k03-s0",
        "elbo-k03-s0",
    ]
    assert {f.name for f in (folder.path / "members").iterdir()} == set(members(folder))
    assert "for example `elbo-k02-s0`" in PAGE


def test_the_manifest_has_the_keys_of_the_page(folder):
    manifest = folder.manifest()
    table = {words(row[0])[0]: row[1] for row in rows("manifest.json")}
    assert set(manifest) == set(table)
    for key in ("versions", "device", "data", "bounds", "seconds"):
        assert set(manifest[key]) == set(words(table[key])), key
    assert manifest["format"] == 1
    assert manifest["status"] == "complete"
    assert manifest["command"] == "python"
    assert manifest["data"]["splits"] == {"train": 1438, "test": 359}
    assert manifest["data"]["item_shape"] == list(ITEM)
    assert manifest["bounds"]["no_latent"] > manifest["bounds"]["entropy_floor"] > 0
    assert all(seconds > 0 for seconds in manifest["seconds"].values())


def test_a_member_of_the_manifest_has_its_full_settings(folder):
    member = folder.manifest()["members"][1]
    assert set(words({words(r[0])[0]: r[1] for r in rows("manifest.json")}["members"])) <= set(
        member
    )
    own = {"objective": "elbo", "latent_size": 2, "seed": 0, "name": "elbo-k02-s0"}
    own |= {"kl_weight": 1.0, "kl_warm_up": 0.0}
    assert own.items() <= member.items()
    study = folder.study().model_dump(mode="json")
    listed = {"latent_sizes", "objectives", "seeds", "kl_weight", "kl_warm_up"}
    for field in set(study) - {"name", "description", *listed}:
        assert member[field] == study[field]


def test_the_plan_is_that_of_the_page(folder):
    plan = json.loads((folder.pass_path(0) / "plan.json").read_text())
    text = SECTIONS["passes/pNN/"]
    assert set(plan) == set(words(text)) - {"plan.json", "a.safetensors", "b.safetensors"}
    assert plan["members"] == members(folder)  # eight devices: all at once
    assert (plan["width"], plan["mapping"], plan["epochs"]) == (3, "map", 2)
    assert plan["steps_per_epoch"] == -(-1438 // 32)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("objective", ["elbo", "keras-blog"])
def test_weights_and_arrays_are_those_of_the_page(folder, objective, size):
    member = f"{objective}-k{size:02d}-s0"
    documented = documented_arrays("members/NAME/", "encoder/hidden", size)
    weights = {n: d for n, d in documented.items() if "coder/" in n or n == "shared"}
    check(folder.weights(member), weights)
    check(folder.arrays(member), {n: d for n, d in documented.items() if n not in weights})


def test_the_history_has_the_columns_of_the_page(folder):
    line = next(s for s in PAGE.splitlines() if s.startswith("`history.parquet`"))
    for member in members(folder):
        history = folder.history(member)
        assert list(history.columns) == words(line)[1:]
        assert list(history["epoch"]) == [1, 2]


def test_the_facts_of_a_member_are_those_of_the_page(folder):
    line = next(s for s in PAGE.splitlines() if s.startswith("`member.json`"))
    facts = json.loads((folder.member_path("elbo-k02-s0") / "member.json").read_text())
    named = words(line)
    assert set(facts) == set(named[1 : named.index("results.parquet")])
    row = folder.results().set_index("member").loc["elbo-k02-s0"]
    assert (facts.pop("start"), facts.pop("kept_epoch"), facts.pop("apart_loss")) == (0, 2, None)
    assert facts.pop("least_loss") > 0
    weights = (folder.member_path("elbo-k02-s0") / "weights.safetensors").read_bytes()
    assert facts.pop("weights_sha256") == hashlib.sha256(weights).hexdigest()
    assert all(row[key] == value for key, value in facts.items())


@pytest.mark.parametrize("table", ["results", "projections"])
def test_a_table_has_the_columns_of_the_page(folder, table):
    documented = [name for row in rows(f"{table}.parquet") for name in words(row[0])]
    assert set(getattr(folder, table)().columns) == set(documented)


def test_the_examples_are_those_of_the_page(folder):
    documented = documented_arrays("examples.safetensors", "values", 0)
    check(read_arrays(folder.path / "examples.safetensors"), documented)
    shown = folder.examples()
    assert shown.values.dtype == np.uint8
    assert len(set(shown.indices)) == len(shown.indices)


def test_a_projection_has_a_row_a_member_and_example(folder):
    projections = folder.projections()
    assert projections.groupby("member").size().to_dict() == dict.fromkeys(members(folder), 50)
    methods = projections.groupby("member")["method"].unique().map(list).to_dict()
    assert methods == {name: ["codes" if "k02" in name else "t-SNE"] for name in members(folder)}
    codes = projections[projections["member"] == "elbo-k02-s0"]
    own = folder.arrays("elbo-k02-s0")["test/codes"][codes["example"]]
    np.testing.assert_array_equal(codes[["x", "y"]].to_numpy(np.float32), own)
