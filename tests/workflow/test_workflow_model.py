import shutil

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

import latentsweep as ls
from latentsweep import Run
from latentsweep.errors import RunFolderError, ShapeError
from latentsweep.export.member import chosen
from latentsweep.export.onnx import write_onnx
from latentsweep.workflow import model as workflow_model

IMAGES = load_digits().images[..., None]  # 0 to 16


@pytest.fixture(scope="module")
def run(tiny_run):
    return Run.opened(tiny_run)


@pytest.fixture(scope="module")
def model(run):
    return run.model("elbo", 3)


def test_codes_are_one_a_row(model):
    codes = model.encode(IMAGES[:5])
    assert (codes.shape, codes.dtype) == ((5, 3), np.float32)


def test_decoded_data_is_in_its_own_unit(model):
    decoded = model.decode(np.zeros((5, 3)))
    assert (decoded.shape, decoded.dtype) == ((5, 8, 8, 1), np.float32)
    assert decoded.min() >= 0
    assert 1 < decoded.max() <= 16


def test_reconstruction_is_decoding_the_code_and_resembles_the_data(model):
    reconstructed = model.reconstruct(IMAGES)
    np.testing.assert_array_equal(reconstructed, model.decode(model.encode(IMAGES)))
    # Better than the wrong picture, though so small a network knows little after two epochs.
    shuffled = np.roll(IMAGES, 1, axis=0)
    assert np.square(reconstructed - IMAGES).mean() < np.square(reconstructed - shuffled).mean()


def test_codes_are_those_of_the_run(run, model):
    shown = run.folder.examples()
    stored = run.folder.arrays("elbo-k03-s0")
    grey = shown.values / 255 * 16  # 8-bit greys of digits from 0 to 16
    codes = model.encode(np.rint(grey))
    np.testing.assert_allclose(codes, stored["test/codes"][shown.indices], rtol=1e-5, atol=1e-6)
    decoded = model.reconstruct(np.rint(grey)) / 16 * 255
    assert np.abs(decoded - stored["shown/decodes"]).max() < 0.51


def test_a_model_multiplies_in_float32(model):
    for function, width in ((workflow_model._encoded, 64), (workflow_model._decoded, 3)):
        text = function.lower(model.trained, np.zeros((5, width), np.float32)).as_text()
        assert text.count("stablehlo.dot_general") == 2
        assert text.count("precision = [HIGHEST, HIGHEST]") == 2


@pytest.mark.parametrize("count", [0, 1, 513])
def test_any_number_of_examples_at_once_is_the_same_as_one_by_one(model, count):
    images = IMAGES[:count]
    codes, decoded = model.encode(images), model.decode(model.encode(images))
    assert codes.shape == (count, 3)
    assert decoded.shape == (count, 8, 8, 1)
    for row in {0, 511, 512} & set(range(count)):
        np.testing.assert_array_equal(model.encode(images[row : row + 1])[0], codes[row])
        np.testing.assert_array_equal(model.decode(codes[row : row + 1])[0], decoded[row])


def test_any_number_of_examples_compiles_once(model):
    from latentsweep.workflow import model as module

    model.reconstruct(IMAGES[:3])
    sizes = module._encoded._cache_size(), module._decoded._cache_size()
    model.reconstruct(IMAGES[:700].astype(np.float64))
    assert (module._encoded._cache_size(), module._decoded._cache_size()) <= (
        sizes[0] + 1,  # another stored type
        sizes[1],
    )


def test_images_without_their_channel_axis_and_other_types_are_taken(model):
    codes = model.encode(IMAGES[:5])
    np.testing.assert_array_equal(model.encode(IMAGES[:5, :, :, 0]), codes)
    np.testing.assert_array_equal(model.encode(IMAGES[:5].astype(np.uint8)), codes)
    np.testing.assert_array_equal(model.encode(IMAGES[:5].tolist()), codes)


def test_samples_are_decoded_draws_from_the_prior(model):
    samples = model.sample(7, seed=3)
    codes = np.random.default_rng(3).standard_normal((7, 3))
    np.testing.assert_array_equal(samples, model.decode(codes))
    assert not np.array_equal(samples, model.sample(7))
    np.testing.assert_array_equal(samples, model.sample(7, seed=3))


@pytest.mark.parametrize(
    ("shape", "got"), [((5, 7, 8, 1), "(5, 7, 8, 1)"), ((8, 8, 1), "(8, 8, 1)"), ((), "()")]
)
def test_data_of_another_shape_is_refused(model, shape, got):
    with pytest.raises(ShapeError) as caught:
        model.encode(np.zeros(shape))
    assert str(caught.value) == f"data: expected [N, 8, 8, 1]; got {got}"


@pytest.mark.parametrize(("shape", "got"), [((5, 2), "(5, 2)"), ((3,), "(3,)")])
def test_codes_of_another_shape_are_refused(model, shape, got):
    with pytest.raises(ShapeError) as caught:
        model.decode(np.zeros(shape))
    assert str(caught.value) == f"codes: expected [N, 3]; got {got}"


def test_a_model_says_what_it_is(model):
    assert repr(model) == "Model(elbo-k03-s0, items of shape (8, 8, 1))"
    assert model.member.latent_size == 3


def test_an_unknown_model_is_refused_with_the_nearest(run):
    with pytest.raises(RunFolderError) as caught:
        run.model("elbo", 4)
    assert str(caught.value) == (
        "model: one of the study's is needed (keras-blog-k02-s0, elbo-k02-s0, keras-blog-k03-s0, "
        "elbo-k03-s0), got 'elbo-k04-s0'; did you mean 'elbo-k03-s0'?"
    )


def test_a_model_needs_neither_the_data_nor_the_rest_of_the_run(tiny_run, model, tmp_path):
    folder = tmp_path / "run"
    member = folder / "members" / "elbo-k03-s0"
    member.mkdir(parents=True)
    for name in ("study.toml", "manifest.json", "members/elbo-k03-s0/weights.safetensors"):
        shutil.copy(tiny_run / name, folder / name)
    study = (folder / "study.toml").read_text().replace('"digits"', '"gone.npy"')
    (folder / "study.toml").write_text(study)
    loaded = Run.opened(folder).model("elbo", 3)
    np.testing.assert_array_equal(loaded.encode(IMAGES[:9]), model.encode(IMAGES[:9]))


def test_a_model_that_is_not_trained_yet_is_refused(tiny_run, tmp_path):
    for name in ("study.toml", "manifest.json"):
        shutil.copy(tiny_run / name, tmp_path / name)
    path = tmp_path / "members" / "elbo-k03-s0" / "weights.safetensors"
    with pytest.raises(RunFolderError) as caught:
        Run.opened(tmp_path).model("elbo", 3)
    assert str(caught.value).startswith(f"{path}: is not there; ")


def test_a_padded_model_is_the_same_model(run, model):
    from latentsweep.training.members import load_trained

    wide = load_trained(run.folder, model.member, width=5)
    assert wide.width == 5
    x = IMAGES[0].reshape(-1).astype(np.float32)
    mean, _ = jax.jit(lambda t, x: t.encoded(t.scaled(x)))(wide, x)
    np.testing.assert_allclose(mean[:3], model.encode(IMAGES[:1])[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(mean[3:], 0)


def test_a_data_frame_is_taken_by_the_names_of_its_columns(tmp_path, without_report):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)) @ rng.normal(size=(2, 4)), columns=list("abcd"))
    far = frame.add([5_400_000, 0, 0, 1e9])
    settings = {"epochs": 2, "hidden_size": 8, "objectives": "elbo", "projected_examples": 20}
    done = ls.run(data=far, latents=[2], output=tmp_path / "run", settings=settings)
    model = done.model("elbo", 2)
    codes = model.encode(far)
    np.testing.assert_array_equal(model.encode(far[list("dbca")].assign(more=1)), codes)
    np.testing.assert_allclose(model.encode(far.to_numpy()), codes, atol=1e-6)
    stand = done.folder.ids()
    tested = stand[stand["split"] == "test"]["row"].to_numpy()
    kept = done.folder.arrays("elbo-k02-s0")["test/codes"]
    np.testing.assert_allclose(codes[tested], kept, atol=1e-5)
    made = model.decode(codes)
    assert np.abs(made[:, 0] - far["a"]).max() < 10  # float32 has one in two of such numbers
    with pytest.raises(ShapeError) as caught:
        model.encode(far.drop(columns="c"))
    assert str(caught.value) == "data: expected the columns a, b, c, d; got none named c"
    with pytest.raises(RunFolderError, match="values that float32 holds are needed for ONNX"):
        write_onnx(done.folder, chosen(done.folder, 2))
