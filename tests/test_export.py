"""A network elsewhere gives what it gives here: ONNX files, and the lines of docs/weights.md."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.datasets import load_digits

import latentsweep
from latentsweep import Run
from latentsweep.errors import LatentsweepError, RunFolderError
from latentsweep.export.codes import codes, write_codes
from latentsweep.export.member import chosen
from latentsweep.export.onnx import FILE_VERSION, MEANS, OPERATORS, write_onnx
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import initial_vae
from latentsweep.record import atomic
from latentsweep.record.arrays import content_of, read_arrays
from latentsweep.record.folder import RunFolder
from latentsweep.record.tables import read_table
from latentsweep.study import FACTS
from latentsweep.training.checkpoint import named_arrays

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
IMAGES = load_digits().images[..., None].astype(np.float32)  # 0 to 16
# The tiny run, told of as if it were of rows of real values in another unit, or each in its own, or
# of counts or of continuous greys.
ROWS = {"likelihood": "gaussian", "item_shape": [64]}
AS_THEY_ARE = {"offset": 0.0, "factor": 1.0}
OTHER_DATA = {
    "bernoulli": {},
    "gaussian": {**ROWS, "scale": {"offset": -3.0, "factor": 2.5}},
    "columns": {
        **ROWS,
        "scale": {"offset": [k / 7 for k in range(64)], "factor": [1 + k / 5 for k in range(64)]},
    },
}


def write_weights(path, arrays):
    """Puts other weights in the place of a member's, with what its facts say of them."""
    facts, content = path.with_name("member.json"), content_of(arrays)
    known = json.loads(facts.read_text())
    atomic.write_json(facts, {**known, "weights_sha256": hashlib.sha256(content).hexdigest()})
    atomic.write_bytes(path, content)


@pytest.fixture
def copy(tiny_run, tmp_path):
    """A copy of the tiny run, in runs/tiny, to be changed."""
    return RunFolder(shutil.copytree(tiny_run, tmp_path / "runs" / "tiny"))


MORE_LIKELIHOODS = {
    "continuous-bernoulli": {"likelihood": "continuous-bernoulli"},
    "poisson": {"likelihood": "poisson", "scale": AS_THEY_ARE},
    "negative-binomial": {"likelihood": "negative-binomial", "scale": AS_THEY_ARE},
}


@pytest.fixture(params=[*OTHER_DATA, "path"])
def any_data(copy, request):
    """The same for the likelihoods of the page, for a scale a column, and with a linear path."""
    change_data(copy, OTHER_DATA.get(request.param, OTHER_DATA["columns"]))
    if request.param == "path":
        add_path(copy)
    return copy


def add_path(folder: RunFolder) -> None:
    """The networks of three dimensions get a linear path of random numbers."""
    noise = np.random.default_rng(0)
    change_study(folder, {"init": "pca"})
    shapes = {"encoder/path": (64, 3), "decoder/path": (3, 64)}
    arrays = {
        f"{layer}/{kind}": noise.normal(0, 0.3, shape).astype(np.float32)
        for layer, both in shapes.items()
        for kind, shape in (("weight", both), ("bias", both[1:]))
    }
    for member in ("elbo-k03-s0", "keras-blog-k03-s0"):
        path = folder.member_path(member) / "weights.safetensors"
        write_weights(path, read_arrays(path) | arrays)


@pytest.fixture(params=[*OTHER_DATA, *MORE_LIKELIHOODS])
def any_likelihood(copy, request):
    """The same for each likelihood, the decoders having as many outputs as it needs."""
    change_data(copy, (OTHER_DATA | MORE_LIKELIHOODS)[request.param])
    outputs = FACTS[copy.manifest()["data"]["likelihood"]].parameters
    for member in ("elbo-k03-s0", "keras-blog-k03-s0"):
        path = copy.member_path(member) / "weights.safetensors"
        arrays = read_arrays(path)
        for name in ("decoder/output/weight", "decoder/output/bias"):
            arrays[name] = np.concatenate([arrays[name]] * outputs, axis=-1)
        write_weights(path, arrays)
    return copy


def change_data(folder: RunFolder, changes: dict) -> None:
    manifest = folder.manifest()
    folder.write_manifest({**manifest, "data": manifest["data"] | changes})


def change_study(folder: RunFolder, changes: dict) -> None:
    """Other networks; which likelihood they have is what the manifest says."""
    study = folder.study().changed({"likelihood": "auto", **changes})
    folder.study_path.write_text(study.to_toml())


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def items(folder: RunFolder, count: int) -> np.ndarray:
    return IMAGES[:count].reshape(count, *folder.manifest()["data"]["item_shape"])


def expected_sigma(model, x: np.ndarray) -> np.ndarray:
    rows = model.trained.scaled(jnp.asarray(x.reshape(len(x), -1)))
    _, log_scale = jax.jit(jax.vmap(model.trained.encoded))(rows)
    return np.exp(OBJECTIVES[model.member.objective].log_sigma(log_scale))


def close(got: np.ndarray, expected: np.ndarray) -> None:
    assert got.shape == expected.shape
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("objective", ["elbo", "keras-blog"])
def test_the_files_give_what_the_model_gives(any_likelihood, objective):
    model = Run(any_likelihood).model(objective, 3)
    paths = write_onnx(any_likelihood, chosen(any_likelihood, 3, objective))
    encoder, decoder = map(session, paths)
    for count in (1, 7):
        x = items(any_likelihood, count)
        mean, sigma = encoder.run(["mean", "sigma"], {"x": x})
        close(mean, model.encode(x))
        close(sigma, expected_sigma(model, x))
        decoded, parameters = decoder.run(["x", "parameters"], {"z": mean})
        close(decoded, model.decode(mean))
        close(parameters, np.asarray(jax.jit(jax.vmap(model.trained.parameters))(mean)))


@pytest.mark.parametrize("objective", ["elbo", "keras-blog"])
def test_a_log_scale_out_of_bounds_is_bounded_alike(copy, objective):
    """Heads whose log-scales are far below, within and far above the bounds."""
    path = copy.member_path(f"{objective}-k03-s0") / "weights.safetensors"
    arrays = read_arrays(path)
    far = 40 if objective == "elbo" else 5
    bias = arrays["encoder/heads/bias"] + np.array([[0, 0, 0], [-far, 0, far]], np.float32)
    write_weights(path, arrays | {"encoder/heads/bias": bias})
    model, x = Run(copy).model(objective, 3), items(copy, 7)
    encoder, _ = map(session, write_onnx(copy, chosen(copy, 3, objective)))
    (sigma,) = encoder.run(["sigma"], {"x": x})
    expected = expected_sigma(model, x)
    np.testing.assert_allclose(sigma, expected, rtol=1e-5)
    if objective == "elbo":
        assert expected[:, 0].min() > np.exp(-31 / 2)
        assert expected[:, 2].max() < np.exp(2 / 2)


# A network, its data, its dense layers and how it begins: odd sides, colours, two parameters a
# pixel, two convolutions with a ReLU between them, and linear paths.
NETWORKS = {
    "deeper": ("dense", [9, 10, 2], "bernoulli", (7, 6, 5), "random"),
    "colours": ("convolutional", [9, 10, 3], "negative-binomial", (7,), "random"),
    "two convolutions": ("convolutional", [17, 18], "gaussian", (7, 6), "random"),
    "path": ("dense", [9, 10, 2], "gaussian", (7, 6), "pca"),
    "path of colours": ("convolutional", [9, 10, 3], "negative-binomial", (7,), "pca"),
}


@pytest.fixture(params=list(NETWORKS))
def other_network(copy, request):
    """The tiny run, its network of three dimensions being of another kind, of made-up weights."""
    kind, item_shape, likelihood, hidden, init = NETWORKS[request.param]
    changes = {"network": kind, "hidden_size": hidden}
    change_study(copy, {**changes, "init": init})
    manifest = copy.manifest()
    members = [member | {**changes, "hidden_size": list(hidden)} for member in manifest["members"]]
    copy.write_manifest({**manifest, "members": members})
    scale = AS_THEY_ARE if likelihood == "negative-binomial" else {"offset": -1.0, "factor": 0.5}
    change_data(copy, {"item_shape": item_shape, "likelihood": likelihood, "scale": scale})
    sizes = tuple(item_shape), FACTS[likelihood].parameters, hidden, 3
    shape = NetworkShape(*sizes, kind, path=init == "pca")
    template = jax.eval_shape(lambda: initial_vae(jax.random.key(0), shape, jnp.float32(3)))
    shapes = named_arrays(jax.tree.map(lambda leaf: np.array(leaf.shape), template))
    noise = np.random.default_rng(0)
    arrays = {
        name: noise.normal(0, max(np.prod(shape[:-1]), 9) ** -0.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    path = copy.member_path("elbo-k03-s0") / "weights.safetensors"
    write_weights(path, arrays | {"shared": np.float32(1)})
    return copy


def test_other_networks_give_what_the_model_gives(other_network):
    model, member = Run(other_network).model("elbo", 3), chosen(other_network, 3)
    paths = write_onnx(other_network, member)
    for path in paths:
        onnx.checker.check_model(onnx.load(path), full_check=True)
    encoder, decoder = map(session, paths)
    shape = other_network.manifest()["data"]["item_shape"]
    x = np.random.default_rng(1).poisson(2.0, (5, *shape)).astype(np.float32)
    mean, sigma = encoder.run(["mean", "sigma"], {"x": x})
    close(mean, model.encode(x))
    close(sigma, expected_sigma(model, x))
    decoded, parameters = decoder.run(["x", "parameters"], {"z": mean})
    close(decoded, model.decode(mean))
    close(parameters, np.asarray(jax.jit(jax.vmap(model.trained.parameters))(mean)))
    assert encoder.run(["mean"], {"x": x[:0]})[0].shape == (0, 3)
    assert decoder.run(["x"], {"z": mean[:0]})[0].shape == (0, *shape)


def test_a_network_of_one_s_own_is_refused_by_its_name(copy):
    member = {**chosen(copy, 3), "network": "mynet:Pair"}
    with pytest.raises(RunFolderError) as caught:
        write_onnx(copy, member)
    assert str(caught.value) == (
        "network: one that ONNX files are made for is needed (dense, convolutional, "
        "linear-decoder), got 'mynet:Pair'; load such a network with the code that defines it "
        "(--to parquet takes any)"
    )
    assert len(write_codes(copy, member)[1]) == len(codes(copy, member))


def test_runs_from_before_there_was_a_choice_have_one_dense_layer(copy):
    member = {**chosen(copy, 3), "hidden_size": 16}
    del member["network"]
    before = [path.read_bytes() for path in write_onnx(copy, chosen(copy, 3))]
    assert [path.read_bytes() for path in write_onnx(copy, member)] == before


def test_no_examples_are_no_examples(copy):
    encoder, decoder = map(session, write_onnx(copy, chosen(copy, 2)))
    mean, sigma = encoder.run(None, {"x": IMAGES[:0]})
    assert mean.shape == sigma.shape == (0, 2)
    assert [each.shape for each in decoder.run(None, {"z": mean})] == [(0, 8, 8, 1), (0, 1, 64)]


@pytest.mark.parametrize("objective", ["elbo", "keras-blog"])
def test_sigma_is_what_the_run_measured(copy, objective):
    arrays, shown = copy.arrays(f"{objective}-k02-s0"), copy.examples()
    x = np.rint(shown.values / 255 * 16).astype(np.float32)  # 8-bit greys of digits from 0 to 16
    encoder, _ = map(session, write_onnx(copy, chosen(copy, 2, objective)))
    mean, sigma = encoder.run(None, {"x": x})
    close(mean, arrays["test/codes"][shown.indices])
    close(sigma, arrays["test/code_scales"][shown.indices])


def test_a_file_is_whole_and_says_where_it_is_from(copy):
    paths = write_onnx(copy, chosen(copy, 3))
    names = ["elbo-k03-s0-encoder.onnx", "elbo-k03-s0-decoder.onnx"]
    assert list(paths) == [copy.path / "export" / name for name in names]
    versions = copy.manifest()["versions"]
    for path in paths:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert (model.ir_version, model.opset_import[0].version) == (FILE_VERSION, OPERATORS)
        assert (model.producer_name, model.producer_version) == (
            "latentsweep",
            latentsweep.__version__,
        )
        assert session(path).get_modelmeta().custom_metadata_map == {
            "made_by": f"latentsweep {latentsweep.__version__}",
            "network": "elbo-k03-s0",
            "objective": "elbo",
            "latent_size": "3",
            "seed": "0",
            "data": "digits",
            "data_sha256": copy.manifest()["data"]["hash"],
            "likelihood": "bernoulli",
            "shared": "0.0",
            "trained_with": ", ".join(f"{name} {what}" for name, what in versions.items()),
        }


def test_the_same_network_is_the_same_file(copy, tmp_path):
    for path in write_onnx(copy, chosen(copy, 3)):
        again = write_onnx(copy, chosen(copy, 3), tmp_path / "again")
        assert path.read_bytes() in [other.read_bytes() for other in again]


def test_without_a_choice_it_is_elbo_and_the_first_seed(copy):
    assert chosen(copy, 3)["name"] == "elbo-k03-s0"
    manifest = copy.manifest()
    alone = [m for m in manifest["members"] if m["name"] == "keras-blog-k02-s0"]
    second = {**alone[0], "name": "keras-blog-k02-s1", "seed": 1}
    copy.write_manifest({**manifest, "members": [*alone, second]})
    assert chosen(copy)["name"] == "keras-blog-k02-s0"
    assert chosen(copy, seed=1)["name"] == "keras-blog-k02-s1"
    with pytest.raises(RunFolderError) as caught:
        chosen(copy, objective="elbo")
    assert str(caught.value) == (
        "objective: one of the run's objectives is needed (keras-blog), got elbo; write e.g. "
        "--objective keras-blog"
    )


def test_a_search_that_has_trained_nothing_is_said_to(copy):
    copy.write_manifest({**copy.manifest(), "members": []})
    with pytest.raises(RunFolderError, match="has no network yet; wait until it is trained"):
        chosen(copy, 3)


def test_an_unknown_likelihood_is_refused(copy):
    change_data(copy, {"likelihood": "weibull"})
    with pytest.raises(RunFolderError) as caught:
        chosen(copy, 3)
    assert "is not as latentsweep wrote it (data.likelihood: " in str(caught.value)
    assert not (copy.path / "export").exists()


ODD = {
    "encoder/second/weight": (np.zeros((16, 16)), "encoder/second/weight [16, 16]"),
    "decoder/output/weight": (np.zeros((16, 128)), "decoder/output/weight [16, 128]"),
    "encoder/heads/bias": (None, "no encoder/heads/bias"),
    "encoder/path/weight": (np.zeros((64, 3)), "no encoder/path/bias"),
    "decoder/path/bias": (np.zeros(128), "decoder/path/bias [128]"),
}


@pytest.mark.parametrize("name", ODD)
def test_other_layers_are_refused(copy, name):
    path = copy.member_path("elbo-k03-s0") / "weights.safetensors"
    array, got = ODD[name]
    arrays = {k: a for k, a in {**read_arrays(path), name: array}.items() if a is not None}
    write_weights(path, arrays)
    with pytest.raises(RunFolderError) as caught:
        write_onnx(copy, chosen(copy, 3))
    assert str(caught.value) == (
        "elbo-k03-s0: the arrays of a dense network of hidden_size [16] are needed, got "
        f"{got}; load such a network with the code that defines it (--to parquet takes any)"
    )


def test_a_likelihood_whose_mean_no_graph_has_is_refused_by_its_name(copy, monkeypatch):
    assert {facts.mean for facts in FACTS.values()} == set(MEANS)
    monkeypatch.setitem(FACTS, "bernoulli", FACTS["bernoulli"]._replace(mean=None))
    with pytest.raises(
        RunFolderError, match=r"likelihood: .* \(continuous-bernoulli, .*'bernoulli'"
    ):
        write_onnx(copy, chosen(copy, 3))


def test_a_network_that_fits_no_file_is_refused(copy, monkeypatch):
    monkeypatch.setattr("latentsweep.export.onnx._MOST_BYTES", 1000)
    with pytest.raises(RunFolderError, match="at most 2 GiB of weights are needed for ONNX"):
        write_onnx(copy, chosen(copy, 3))


def test_without_onnx_one_line_says_how_to_get_it(copy, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(LatentsweepError) as caught:
        write_onnx(copy, chosen(copy, 3))
    assert str(caught.value) == (
        "--to onnx: the package onnx is needed, got none; pip install 'latentsweep[onnx]'"
    )


def test_the_table_of_codes_has_a_row_a_test_example(copy):
    path, _ = write_codes(copy, chosen(copy, 3))
    table = read_table(path)
    arrays, shown = copy.arrays("elbo-k03-s0"), copy.examples()
    assert list(table) == ["index", "split", "row", "label", "z1", "z2", "z3", "x", "y", "neg_elbo"]
    assert table["index"].tolist() == list(range(len(arrays["test/neg_elbo"])))
    np.testing.assert_array_equal(table[["z1", "z2", "z3"]], arrays["test/codes"])
    np.testing.assert_array_equal(table["neg_elbo"], arrays["test/neg_elbo"])
    assert shown.labels is not None
    assert table["label"].tolist() == [str(label) for label in shown.labels]


def test_only_what_was_projected_has_a_place(copy):
    table, panel = codes(copy, chosen(copy, 3)), copy.projections()
    panel = panel[panel["member"] == "elbo-k03-s0"]
    assert len(panel) == 50
    placed = table.dropna()
    assert sorted(placed["index"]) == sorted(panel["example"])
    expected = panel.set_index("example").loc[placed["index"]]
    np.testing.assert_array_equal(placed[["x", "y"]], expected[["x", "y"]])


def test_what_a_run_lacks_is_no_column(copy):
    change_data(copy, {"label_names": None})
    copy.projections_path.unlink()
    columns = ["index", "split", "row", "z1", "z2", "z3", "neg_elbo"]
    assert list(codes(copy, chosen(copy, 3))) == columns
    none = RunFolder(copy.path).results()[["member"]].iloc[:0]
    copy.write_projections(none.assign(example=0, x=0.0, y=0.0, method="codes"))
    assert list(codes(copy, chosen(copy, 3))) == columns


@pytest.fixture
def page(monkeypatch):
    """The program that takes the lines from docs/weights.md."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    import weights

    return weights


@pytest.mark.parametrize("objective", ["elbo", "keras-blog"])
@pytest.mark.parametrize("title", ["NumPy", "ONNX"])
def test_the_lines_of_the_page_give_what_the_model_gives(any_data, page, title, objective):
    member, x = chosen(any_data, 3, objective), items(any_data, 7)
    write_onnx(any_data, member)
    lines: dict = {}
    exec(page.code(title, str(any_data.path), member["name"]), lines)
    model = Run(any_data).model(objective, 3)
    mean, sigma = lines["encode"](x)
    close(mean, model.encode(x))
    close(sigma, expected_sigma(model, x))
    close(lines["decode"](mean), model.decode(mean))


def test_the_pytorch_lines_are_short_and_whole(page):
    code = page.code("PyTorch", "RUN", "elbo-k02-s0")
    compile(code, "PyTorch", "exec")
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 22
    assert max(map(len, code.splitlines())) <= 100


def test_the_page_lists_all_that_a_file_says(copy, page):
    text = page.PAGE.read_text("utf-8")
    path = next(iter(write_onnx(copy, chosen(copy, 2))))
    for key in session(path).get_modelmeta().custom_metadata_map:
        assert f"`{key}`" in text
