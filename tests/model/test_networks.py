"""Every kind of network obeys the family laws: what a member becomes does not depend on others."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from latentsweep.data.dataset import Scale
from latentsweep.errors import StudyError
from latentsweep.model import consent, family
from latentsweep.model.convolutional import Convolution
from latentsweep.model.family import Settings, initial_member
from latentsweep.model.gaussian import column_noise
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import VAE, forward, initial_vae
from latentsweep.study import load_study
from latentsweep.training.cpu_kernel.dense_adam import exists
from latentsweep.training.optimiser import adam
from latentsweep.training.orders import Recipe
from latentsweep.training.steps import initial_state, train_step
from latentsweep.training.update import FUSED

ITEM = 9, 10, 2
SHAPES = {
    "deeper": NetworkShape(ITEM, 1, (7, 6, 5), 4),
    "convolutional": NetworkShape(ITEM, 1, (7,), 4, "convolutional"),
    "path": NetworkShape(ITEM, 1, (7,), 4, path=True),
    "convolutional path": NetworkShape(ITEM, 1, (7,), 4, "convolutional", path=True),
    "linear decoder": NetworkShape(ITEM, 1, (7, 6), 4, "linear-decoder"),
    "own": NetworkShape(ITEM, 1, (1,), 3, "model.own_networks:Pair"),
}
PADDED = [kind for kind, shape in SHAPES.items() if shape.is_padded]


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(__file__.rsplit("/", 2)[0])
    monkeypatch.setattr(consent, "_trusted", {SHAPES["own"].network})


def settings(latent_size: int, seed: int = 0) -> Settings:
    numbers = jax.tree.map(jnp.float32, OBJECTIVES["elbo"])
    return Settings(jnp.int32(seed), jnp.int32(latent_size), numbers, jnp.float32(0))


def recipe(shape: NetworkShape) -> Recipe:
    study = load_study("mnist").changed({"batch_size": 8})
    return Recipe(
        shape=shape,
        likelihood=LIKELIHOODS["bernoulli"],
        scale=Scale(0.0, 255.0),
        optimiser=adam(study, 9),
        batch_size=8,
        examples=20,
        products="float32",
    )


VALUES = np.random.default_rng(0).integers(0, 256, (20, 180)).astype(np.uint8)


def stepped(member: Settings, parts: Recipe) -> VAE:
    """A member's weights after one step."""
    state = initial_state(member, parts)
    x, rate = jnp.asarray(VALUES[:8] / np.float32(255)), jnp.float32(1e-3)
    noise = column_noise(jax.random.key(5), (8,), parts.shape.width)
    (vae, _), _ = train_step((state.vae, state.optimiser), (x, noise), rate, member, parts)
    return vae


@functools.cache
def trained(kind: str, size: int, width: int, beside: int = 0) -> VAE:
    """A network of a latent size after a step, in a family of a width with so many others."""
    others = [settings(1 + seed % width, seed) for seed in range(1, beside + 1)]
    parts = recipe(SHAPES[kind]._replace(width=width))
    step = jax.jit(family.each(functools.partial(stepped, parts=parts), "vmap"))
    return family.member(jax.device_get(step(family.stacked([settings(size), *others]))), 0)


def close(one, other, tolerance=1e-5):
    def same(a, b):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)

    jax.tree.map(same, one, other)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_member_alone_is_the_member_in_the_family(kind):
    shape = SHAPES[kind]
    size = 2 if shape.is_padded else shape.width
    inside = trained(kind, size, shape.width, beside=2)
    close(family.unpadded(inside, size, shape), trained(kind, size, size))


@pytest.mark.parametrize("kind", PADDED)
def test_padding_begins_and_stays_at_zero(kind):
    shape = SHAPES[kind]
    vae = trained(kind, 2, shape.width, beside=2)
    assert not np.any(vae.encoder.heads.weight[..., 2:])
    alone = jax.tree.map(jnp.asarray, family.unpadded(vae, 2, shape))
    close(family.padded(alone, shape), vae, 0)


@pytest.mark.parametrize("kind", SHAPES)
def test_every_weight_learns(kind):
    shape = SHAPES[kind]
    size = 2 if shape.is_padded else shape.width
    begun = jax.jit(lambda: initial_member(settings(size), shape._replace(width=size)))()
    pair = jax.device_get((begun, trained(kind, size, size)))
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), *pair)
    assert all(jax.tree.leaves(moved)), moved


@pytest.mark.skipif(not exists(), reason="no kernel for this processor")
@pytest.mark.parametrize("kind", PADDED)
def test_the_kernel_s_steps_are_those_of_plain_gradients(kind):
    parts = recipe(SHAPES[kind]._replace(width=2))
    with_kernel = dataclasses.replace(parts, rule=FUSED)
    found = jax.jit(functools.partial(stepped, parts=with_kernel))(settings(2))
    close(found, trained(kind, 2, 2), 1e-4)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("per_feature", [1, 2])
def test_outputs_have_the_shapes_that_are_asked_for(kind, per_feature):
    shape = SHAPES[kind]._replace(parameters_per_feature=per_feature)
    vae = jax.eval_shape(lambda: initial_member(settings(3), shape))
    assert vae.encoder.width == shape.width
    x, noise = jnp.zeros(180), jnp.zeros(shape.width)
    objective = settings(3).objective
    made = jax.eval_shape(lambda vae: forward(vae, x, noise, noise, objective), vae)
    assert made.parameters.shape == (per_feature, 180)


def test_one_layer_is_the_report_s_network():
    """The deeper layers' keys are not those of the others, which stay as they were."""
    shape = NetworkShape((12,), 1, (5,), 3)
    shapes = shape, shape._replace(hidden=(5, 5))
    begun = jax.jit(initial_vae, static_argnums=1)
    one, two = jax.device_get([begun(jax.random.key(0), each, jnp.float32(3)) for each in shapes])
    close(one.encoder.hidden, two.encoder.hidden, 0)
    close(one.encoder.heads, two.encoder.heads, 0)
    drawn = [np.asarray(leaf).ravel()[:9] for leaf in jax.tree.leaves(two) if np.any(leaf)]
    assert len({tuple(np.round(each / abs(each).max(), 4)) for each in drawn}) == 6


def test_a_transposed_convolution_undoes_the_shape_of_a_convolution():
    """At 9 x 10 the sides on the way are 5 x 5, and the picture comes back whole."""
    begun = lambda shape: jax.eval_shape(lambda: initial_member(settings(3), shape))  # noqa: E731
    vae = begun(SHAPES["convolutional"])
    assert vae.decoder.sides == ((5, 5), (9, 10))
    assert [c.kernel.shape for c in vae.encoder.convolutions] == [(4, 4, 2, 32)]
    assert [c.kernel.shape for c in vae.decoder.convolutions] == [(4, 4, 32, 2)]
    large = SHAPES["convolutional"]._replace(item_shape=(64, 40, 3))
    sides = begun(large).decoder.sides
    assert sides == ((8, 5), (16, 10), (32, 20), (64, 40))[-len(sides) :]


@pytest.mark.parametrize("sides", [(8, 8), (9, 10), (4, 7)])
def test_convolutions_are_those_of_jax(sides):
    vae = jax.jit(lambda: initial_member(settings(3), SHAPES["convolutional"]))()
    convolution = eqx.tree_at(lambda c: c.bias, vae.encoder.convolutions[0], jnp.arange(32.0))
    picture = jax.random.normal(jax.random.key(1), (*sides, 2))
    layout = ("NHWC", "HWIO", "NHWC")

    def strided(x):
        made = jax.lax.conv_general_dilated(
            x[None], convolution.kernel, (2, 2), "SAME", dimension_numbers=layout
        )
        return made[0]

    expected = strided(picture) + jnp.arange(32.0)[None, None]
    np.testing.assert_allclose(convolution.halved(picture), expected, rtol=1e-4, atol=1e-4)
    # The transpose of a linear function is its gradient.
    small = jax.random.normal(jax.random.key(2), expected.shape)
    (back,) = jax.jit(lambda small: jax.vjp(strided, picture)[1](small))(small)
    kernel = jnp.swapaxes(convolution.kernel, 2, 3)
    doubled = Convolution(kernel, jnp.ones(2)).doubled(small, sides)
    np.testing.assert_allclose(doubled, back + 1, rtol=1e-4, atol=1e-4)


def test_a_parameter_s_pixels_are_in_the_data_s_order():
    """The second parameter of a pixel and channel stands where its first does."""
    shape = SHAPES["convolutional"]._replace(parameters_per_feature=2)
    vae = initial_member(settings(3), shape)
    last = vae.decoder.convolutions[-1]
    marked = jnp.arange(4.0)  # of a pixel: parameter 0 of both channels, then parameter 1
    vae = eqx_set(vae, last.kernel * 0, marked)
    made = vae.decoder(jnp.ones(4)).reshape(2, *ITEM)
    np.testing.assert_array_equal(made[0], np.broadcast_to([0.0, 1.0], ITEM))
    np.testing.assert_array_equal(made[1], np.broadcast_to([2.0, 3.0], ITEM))


def eqx_set(vae, kernel, bias):
    def place(v):
        return v.decoder.convolutions[-1].kernel, v.decoder.convolutions[-1].bias

    return eqx.tree_at(place, vae, (kernel, bias))


def test_a_user_s_pair_compiles_once():
    shape = SHAPES["own"]
    count = 0

    @jax.jit
    def penalty(vae):
        nonlocal count
        count += 1
        return jnp.sum(vae.encoder(jnp.ones(180))[0])

    for seed in range(2):
        penalty(initial_member(settings(3, seed), shape))
    assert count == 1


def test_a_user_s_class_is_named_and_found_again():
    from model.own_networks import Pair

    assert consent.named(Pair) == "model.own_networks:Pair"
    assert consent.class_of("model.own_networks:Pair") is Pair

    class Inside:
        pass

    for made in (Inside, Pair.__init__, 3):
        with pytest.raises(StudyError, match=r"^network: a class at the top of a module is needed"):
            consent.named(made)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "no_such_module:Pair",
            "a class that can be imported is needed, got 'no_such_module:Pair'",
        ),
        ("model.own_networks:Nothing", "a class that can be imported is needed"),
        ("model.own_networks:Encoder", "the class of model.own_networks:Encoder failed for items"),
        ("model.odd_networks:NoDecoder", "got none as decoder of model.odd_networks:NoDecoder"),
        ("model.odd_networks:OneHead", r"must give two arrays of \[3\], .* got \[3\] from"),
        ("model.odd_networks:Short", r"must give one array of 180 numbers .* got \[7\] from"),
        ("model.odd_networks:Broken", r"decoder\(z\) of .* failed .* \(RuntimeError: no good\)"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused(name, message):
    consent.consent(name, trust=True)
    with pytest.raises(StudyError, match=f"^network: .*{message}"):
        initial_vae(jax.random.key(0), SHAPES["own"]._replace(network=name), jnp.float32(3))
