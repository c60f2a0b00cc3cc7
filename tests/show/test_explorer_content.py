"""What the explorer holds of a run, and the page that holds it; without a browser."""

import base64
import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from latentsweep.errors import RunFolderError
from latentsweep.language import LANGUAGES
from latentsweep.record.arrays import read_arrays, write_arrays
from latentsweep.show.explorer import content as holds
from latentsweep.show.explorer import page, write_explorer
from latentsweep.show.explorer.content import content, packed, runnable, shown_rows
from latentsweep.show.explorer.drawing import drawing
from latentsweep.show.members import first_seeds
from latentsweep.study import FACTS


def unpacked(array):
    dtype = np.dtype(array["type"]).newbyteorder("<")
    return np.frombuffer(base64.b64decode(array["base64"]), dtype)


def data_of(text, name):
    found = re.search(rf'<script type="application/json" id="data-{name}">(.*?)</script>', text)
    assert found
    return json.loads(found[1])


def test_arrays_are_little_endian_text_of_their_type():
    assert unpacked(packed(np.array([0, 7, 255], np.uint8), "float16")).tolist() == [0, 7, 255]
    assert unpacked(packed(np.array([1e30, -0.1]))).tolist() == np.float32([1e30, -0.1]).tolist()
    halves = unpacked(packed(np.array([1e30, -1e30, 1 / 3]), "float16"))
    assert halves.tolist() == [65504, -65504, np.float16(1 / 3)]


def test_networks_bring_their_weights_as_float16_and_what_was_measured(usual_run):
    examples = usual_run.examples()
    for network in content(usual_run)["networks"]:
        arrays = usual_run.arrays(network["member"])
        weights = usual_run.weights(network["member"])
        assert network["beforehand"] is None
        mean = unpacked(network["weights"]["encoder/mean/weight"])
        expected = weights["encoder/heads/weight"][:, 0].astype(np.float16).ravel()
        assert mean.tolist() == expected.tolist()
        last = unpacked(network["weights"]["decoder/output/weight"])
        assert last.tolist() == weights["decoder/output/weight"].astype("f2").ravel().tolist()
        codes = unpacked(network["codes"]).reshape(-1, network["size"])
        assert np.array_equal(codes, arrays["test/codes"][examples.indices].astype(np.float16))
        losses = arrays["test/neg_elbo"][examples.indices]
        assert unpacked(network["losses"]).tolist() == losses.tolist()


def test_deeper_layers_come_along(run_of):
    run = run_of("vectors")
    for network in content(run)["networks"]:
        weights = run.weights(network["member"])
        deeper = {name for name in weights if "/deeper/" in name}
        assert len(deeper) == 8
        for name in deeper:
            expected = weights[name].astype("f2").ravel().tolist()
            assert unpacked(network["weights"][name]).tolist() == expected


def test_a_linear_path_comes_along_if_it_is_whole(make_run, recipes):
    run = make_run(replace(recipes["vectors"], path=True))
    names = [f"{p}/path/{kind}" for p in ("encoder", "decoder") for kind in ("weight", "bias")]
    for network in content(run)["networks"]:
        weights = run.weights(network["member"])
        for name in names:
            expected = weights[name].astype("f2").ravel().tolist()
            assert unpacked(network["weights"][name]).tolist() == expected
    file = run.member_path("elbo-k08-s0") / "weights.safetensors"
    whole = read_arrays(file)
    for name in names:
        write_arrays(file, {other: array for other, array in whole.items() if other != name})
        assert holds.network_weights(run, "elbo-k08-s0") == {}


def test_dimensions_stand_by_their_kl_and_only_active_ones_are_called_so(usual_run):
    path = usual_run.member_path("elbo-k04-s0") / "arrays.safetensors"
    arrays = read_arrays(path)
    arrays["kl_per_dimension"] = np.float32([0.5, 2, 0, 1])
    arrays["rho"] = np.float32([0.5, 0.9, 0.001, 0.7])
    write_arrays(path, arrays)
    network = next(n for n in content(usual_run)["networks"] if n["member"] == "elbo-k04-s0")
    assert network["order"] == [1, 3, 0, 2]
    assert network["active"] == [1, 3, 0]


def test_maps_are_the_projections_or_else_two_dimensions(usual_run):
    placed = usual_run.projections()
    shown = usual_run.examples().indices
    for network in content(usual_run)["networks"]:
        places = unpacked(network["places"]).reshape(-1, 2)
        if network["size"] == 2:
            assert network["dimensions"] == [0, 1]
            codes = usual_run.arrays(network["member"])["test/codes"][shown]
            assert np.allclose(places, codes)
        else:
            panel = placed[placed["member"] == network["member"]].set_index("example").loc[shown]
            assert network["dimensions"] is None
            assert np.allclose(places, panel[["x", "y"]])


def test_a_run_without_projections_has_the_two_dimensions_of_greatest_kl(usual_run):
    usual_run.write_projections(usual_run.projections().head(0))
    path = usual_run.member_path("elbo-k08-s0") / "arrays.safetensors"
    arrays = read_arrays(path)
    arrays["kl_per_dimension"] = np.arange(8, dtype=np.float32) % 7
    write_arrays(path, arrays)
    network = content(usual_run)["networks"][-1]
    assert (network["member"], network["dimensions"]) == ("elbo-k08-s0", [5, 6])
    places = unpacked(network["places"]).reshape(-1, 2)
    assert np.allclose(places, arrays["test/codes"][:12][:, [5, 6]])


def test_one_seed_a_size_and_no_failed_network(make_run, recipes):
    members = [n["member"] for n in content(make_run(recipes["60 members"]))["networks"]]
    assert len(members) == 10
    assert all(member.endswith("-s0") for member in members)


def test_a_failed_network_is_left_out(make_run, recipes):
    networks = content(make_run(recipes["a failed member"]))["networks"]
    assert "elbo-k02-s0" not in [network["member"] for network in networks]
    assert len(networks) == 5


def test_nothing_to_explore_is_one_clear_error(make_run, recipes):
    run = make_run(recipes["all failed"])
    with pytest.raises(RunFolderError, match="finite is needed to explore, got none"):
        write_explorer(run)
    assert not run.explorer_path.exists()


def test_weights_are_held_as_long_as_they_fit_the_recommended_size_first(judged_run, monkeypatch):
    members = first_seeds(judged_run, 10)
    size = {
        name: 2 * sum(w.size for w in holds.network_weights(judged_run, name).values())
        for name in members["member"]
    }
    assert set(runnable(judged_run, members)) == set(size)
    monkeypatch.setattr(holds, "MOST_WEIGHT_BYTES", size["elbo-k08-s0"] + size["keras-blog-k08-s0"])
    assert set(runnable(judged_run, members)) == {"keras-blog-k08-s0", "elbo-k08-s0"}
    networks = content(judged_run)["networks"]
    beforehand = [n for n in networks if n["beforehand"]]
    assert {n["size"] for n in beforehand} == {2, 4}
    for network in beforehand:
        arrays = judged_run.arrays(network["member"])
        assert network["weights"] is None
        decodes = unpacked(network["beforehand"]["decodes"])
        assert decodes.tolist() == arrays["shown/decodes"].ravel().tolist()
        lattice = network["beforehand"]["lattice"]
        assert (lattice is not None) == ("grid/decodes" in arrays)
        if lattice:
            assert (lattice["side"], lattice["dimensions"]) == (9, [0, 1])


def test_layers_or_likelihoods_that_the_page_does_not_know_do_not_run_there(usual_run, monkeypatch):
    members = first_seeds(usual_run, 10)
    path = usual_run.member_path("elbo-k08-s0") / "weights.safetensors"
    write_arrays(path, {**read_arrays(path), "encoder/second/bias": np.zeros(3, np.float32)})
    assert "elbo-k08-s0" not in runnable(usual_run, members)
    assert len(runnable(usual_run, members)) == 5
    monkeypatch.setitem(FACTS, "bernoulli", FACTS["bernoulli"]._replace(mean=None))
    assert runnable(usual_run, members) == []


def test_pictures_are_thinned_to_what_the_page_may_weigh(usual_run, monkeypatch):
    examples, members = usual_run.examples(), first_seeds(usual_run, 10)
    assert shown_rows(usual_run, members, examples, 0).tolist() == list(range(12))
    monkeypatch.setattr(holds, "MOST_PICTURE_BYTES", 30 * 6)
    assert shown_rows(usual_run, members, examples, 0).tolist() == [0, 2, 4, 7, 9, 11]
    assert len(shown_rows(usual_run, members, examples, 1)) == 3
    assert len(content(usual_run)["indices"]) == 6


def test_thinned_pictures_bring_their_own_reconstructions(usual_run, monkeypatch):
    monkeypatch.setattr(holds, "MOST_WEIGHT_BYTES", 0)
    monkeypatch.setattr(holds, "MOST_PICTURE_BYTES", 30 * 7 * 3)
    for network in content(usual_run)["networks"]:
        decodes = usual_run.arrays(network["member"])["shown/decodes"]
        assert (
            unpacked(network["beforehand"]["decodes"]).tolist()
            == decodes[[0, 6, 11]].ravel().tolist()
        )


@pytest.mark.parametrize(
    ("recipe", "factor", "expected"),
    [
        ("usual", 16.0, (0.0, 255.0)),
        ("vectors", 4.0, (3.0, 4.0)),
        ("vectors", [1.0] * 200, (0.0, 1.0)),
    ],
)
def test_the_scale_is_that_of_the_shown_values(make_run, recipes, recipe, factor, expected):
    run = make_run(recipes[recipe])
    manifest = run.manifest()
    manifest["data"]["scale"] = {"offset": 3.0, "factor": factor}
    run.write_manifest(manifest)
    held = content(run)
    assert (held["offset"], held["factor"]) == expected


def test_examples_that_a_map_lacks_are_left_out(usual_run):
    placed = usual_run.projections()
    lacking = (placed["member"] == "elbo-k08-s0") & (placed["example"] == 5)
    usual_run.write_projections(placed[~lacking])
    assert 5 not in content(usual_run)["indices"]


def test_labels_are_places_among_the_classes(make_run, recipes):
    held = content(make_run(recipes["hostile names"]))
    assert [each["name"] for each in held["classes"]] == list(recipes["hostile names"].names)
    assert held["labels"] == [i % 3 for i in range(12)]
    assert len({each["light"] for each in held["classes"]}) == 3


def test_no_labels_no_classes(make_run, recipes):
    held = content(make_run(recipes["no labels"]))
    assert (held["classes"], held["labels"]) == ([], None)


# -- drawing


def blobs(ground, ink, side=20, radius=5.0, places=((10, 10), (10.4, 9.8))):
    rows, columns = np.mgrid[:side, :side]
    images = [np.hypot(rows - y, columns - x) < radius for y, x in places]
    return np.where(np.array(images)[..., None], ink, ground).astype(np.float32)


def test_a_drawing_is_made_as_the_data_are():
    for ground, ink in ((0, 255), (1, 0)):
        told = drawing(blobs(ground, ink))
        assert (told["ground"], told["ink"], told["fitted"]) == ([ground], [ink], True)
        assert told["extent"] == pytest.approx(10 / 20, abs=0.03)


def test_things_anywhere_and_pictures_without_a_ground_are_not_centred():
    assert not drawing(blobs(0, 1, places=((6, 6), (14, 14), (6, 14))))["fitted"]
    assert not drawing(blobs(0, 1, places=((10, 6), (10, 14), (10, 10))))["fitted"]
    assert not drawing(blobs(0, 1, places=((6, 10), (14, 10), (10, 10))))["fitted"]
    noise = np.random.default_rng(0).uniform(size=(50, 12, 12, 3))
    told = drawing(noise)
    assert not told["fitted"]
    assert len(told["ground"]) == len(told["ink"]) == 3


def test_a_grey_that_is_everywhere_the_same_can_be_drawn_on():
    told = drawing(np.full((4, 5, 5, 1), 3.0))
    assert told == {"ground": [3.0], "ink": [3.0], "fitted": False, "extent": 0.0}


# -- the page


def test_the_page_holds_content_words_and_modules_and_is_the_same_each_time(usual_run):
    text = write_explorer(usual_run).read_text("utf-8")
    assert data_of(text, "content") == json.loads(json.dumps(content(usual_run)))
    words = data_of(text, "words")
    assert set(words) == set(LANGUAGES)
    assert set(words["en"]) == set(words["pt"])
    assert words["en"]["title"] == "Play with made <up>"
    assert "<title>Play with made &lt;up&gt;</title>" in text
    assert "src=" not in text
    assert write_explorer(usual_run).read_text("utf-8") == text


def test_scripts_ask_for_words_and_elements_that_are_there(usual_run, monkeypatch):
    running = page.explorer(usual_run, "en")
    monkeypatch.setattr(holds, "MOST_WEIGHT_BYTES", 0)
    resting = page.explorer(usual_run, "en")
    text = running + resting
    words = data_of(running, "words")["en"] | data_of(resting, "words")["en"]
    scripts = "\n".join(page._own(f"{name}.js") for name in page.MODULES)
    assert set(re.findall(r'\bsay\(\s*"(\w+)"', scripts)) <= set(words)
    asked = set(re.findall(r'\bfind\("([\w-]+)"\)', scripts))
    assert asked <= set(re.findall(r'\bid="([\w-]+)"', text))
    named = set(re.findall(r'data-(?:word|label)="(\w+)"', text))
    assert named <= set(words)
    said = set(re.findall(r'"(\w+)"', scripts)) | named
    assert {name for name in words if not name.startswith("objective_")} <= said


def test_every_module_is_in_the_page_and_imports_only_others_before_it():
    folder = {path.stem for path in page.resources.files("latentsweep.show.explorer").iterdir()
              if path.name.endswith(".js")}  # fmt: skip
    assert folder == set(page.MODULES)
    for place, name in enumerate(page.MODULES):
        imported = re.findall(r'from "latentsweep/(\w+)\.js"', page._own(f"{name}.js"))
        assert set(imported) <= set(page.MODULES[:place]), name


def test_the_explorer_is_written_without_jax(usual_run):
    code = (
        "import sys; sys.modules['jax'] = None\n"
        "from latentsweep.record.folder import RunFolder\n"
        "from latentsweep.show.explorer import write_explorer\n"
        f"write_explorer(RunFolder.opened({str(usual_run.path)!r}), 'pt')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert '<html lang="pt-BR" data-language="pt">' in usual_run.explorer_path.read_text("utf-8")
