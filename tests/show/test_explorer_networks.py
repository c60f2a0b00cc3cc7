"""What the explorer's modules make of codes, items and addresses, against NumPy and SciPy."""

import functools
import string
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, log_expit
from scipy.stats import nbinom, norm, poisson

from exploring import ODD_FRAGMENTS, SIZES, TOOLS, relu_network
from latentsweep.model.shape import NetworkShape
from latentsweep.model.vae import initial_vae
from latentsweep.show.explorer.content import content
from latentsweep.training.checkpoint import from_named_arrays

FORWARD = """(data, inputs, codes) => {
  const made = family.makeFamily(data);
  const { mean, nats } = dense.likelihoods[data.likelihood];
  return made.networks.map((network, place) => {
    const parameters = codes[place].map((code) => dense.decode(network.layers, code));
    return {
      member: network.member,
      encoded: inputs.map((x) => dense.encode(network.layers, x)),
      parameters,
      means: parameters.map(mean),
      decoded: codes[place].map((code) => made.decoded(network, code)),
      nats: inputs.map((x, i) => nats(x, parameters[i], network.shared)),
    };
  });
}"""
LIKELIHOOD = """(name, x, parameters) => {
  const { seen = (item) => item, mean, nats } = dense.likelihoods[name];
  return { seen: seen(x), mean: mean(parameters), nats: nats(x, parameters) };
}"""
OF_EXAMPLE = """(data, row) => {
  const made = family.makeFamily(data);
  const there = { ...state.initialState(data), base: row };
  return made.networks.map((network) => ({
    member: network.member,
    code: made.code(network, there),
    reconstruction: made.reconstruction(network, there),
    loss: made.loss(network, there),
  }));
}"""


@pytest.mark.parametrize("name", ["usual", "vectors", "60 members"])
def test_networks_compute_what_numpy_computes(call, run_of, name):
    run, noise = run_of(name), np.random.default_rng(3)
    data, gaussian = content(run), name == "vectors"
    features = int(np.prod(run.manifest()["data"]["item_shape"]))
    x = noise.normal(size=(100, features)) if gaussian else noise.uniform(size=(100, features))
    codes = [noise.normal(0, 2, (100, network["size"])) for network in data["networks"]]
    [found] = call(FORWARD, [(data, x, codes)])
    assert len(found) == {"usual": 6, "vectors": 6, "60 members": 10}[name]
    for network, z in zip(found, codes, strict=True):
        arrays = run.weights(network["member"])
        encode, decode = relu_network(arrays)
        parameters = decode(z)
        means = parameters if gaussian else expit(parameters)
        likely = (
            norm.logpdf(x, parameters, np.sqrt(arrays["shared"]))
            if gaussian
            else x * log_expit(parameters) + (1 - x) * log_expit(-parameters)
        )
        near = functools.partial(np.testing.assert_allclose, atol=1e-3, rtol=0)
        near(network["encoded"], encode(x))
        near(network["parameters"], parameters)
        near(network["means"], means)
        near(
            network["decoded"],
            means * (1 if gaussian else 255),
            atol=1e-3 * (1 if gaussian else 255),
        )
        near(network["nats"], -likely.sum(axis=1), atol=2e-3, rtol=1e-5)


@pytest.mark.parametrize("name", ["usual", "vectors", "counts"])
def test_networks_with_a_linear_path_compute_what_the_model_computes(call, make_run, recipes, name):
    recipe, noise = replace(recipes[name], path=True), np.random.default_rng(4)
    run = make_run(recipe)
    data = content(run)
    sizes = [network["size"] for network in data["networks"]]
    x = noise.poisson(2.0, (20, np.prod(recipe.item_shape))).astype(np.float32)
    codes = [noise.normal(0, 2, (20, size)).astype(np.float32) for size in sizes]
    [found] = call(FORWARD, [(data, x.tolist(), [z.tolist() for z in codes])])
    assert len(found) == len(recipe.sizes) * len(recipe.objectives)
    for network, z in zip(found, codes, strict=True):
        model = rounded(run.weights(network["member"]), recipe, z.shape[1])
        means, _ = jax.vmap(model.encoder)(x)
        outputs = jax.vmap(model.decoder)(z).reshape(20, -1)
        np.testing.assert_allclose(network["encoded"], means, atol=1e-3)
        np.testing.assert_allclose(network["parameters"], outputs, atol=1e-3)


def rounded(arrays, recipe, size):
    """The model of a recipe's network with a linear path, its weights rounded as the page's are."""
    outputs = 2 if recipe.likelihood == "negative-binomial" else 1
    hidden = (recipe.hidden, *recipe.deeper)
    shape = NetworkShape(recipe.item_shape, outputs, hidden, size, path=True)
    template = jax.eval_shape(lambda: initial_vae(jax.random.key(0), shape, jnp.ones(())))
    halves = {name: array.astype("f2").astype("f4") for name, array in arrays.items()}
    return jax.tree.map(jnp.asarray, from_named_arrays(template, halves))


def laws(likelihood, parameters):
    """The mean of a feature and its log probability as a function of x."""
    if likelihood == "continuous-bernoulli":
        integral = np.where(parameters, np.expm1(parameters) / parameters, 1)
        return None, lambda x: x * parameters - np.log(integral)
    rates = np.exp(np.clip(parameters, -20, 20))
    if likelihood == "poisson":
        return rates, poisson(rates).logpmf
    mean, dispersion = rates[0], np.exp(np.clip(parameters[1], -10, 15))
    return mean, nbinom(dispersion, dispersion / (dispersion + mean)).logpmf


@pytest.mark.parametrize("likelihood", ["continuous-bernoulli", "poisson", "negative-binomial"])
def test_likelihoods_are_known_as_scipy_knows_them(call, likelihood):
    counts = np.array([0.0, 1, 2, 9, 40, 700, 3])
    logits = np.array([-30.0, -2, -0.3, 0.02, 1, 5, 30])
    means = np.array([-25.0, -1, 0.5, 2, 4, 6.5, 1])
    both = {"continuous-bernoulli": logits, "poisson": means}
    parameters = both.get(likelihood, np.array([means, [-12.0, -2, 0, 2, 5, 9, 14]]))
    x = counts / 700 if likelihood == "continuous-bernoulli" else counts
    [found] = call(LIKELIHOOD, [(likelihood, x, parameters.ravel())])
    mean, log_prob = laws(likelihood, parameters)
    if mean is None:
        mean = 1 / -np.expm1(-logits) - 1 / logits
    np.testing.assert_allclose(found["mean"], mean, rtol=1e-6)
    assert found["nats"] == pytest.approx(-log_prob(x).sum(), rel=1e-6)
    seen = x if likelihood == "continuous-bernoulli" else np.log1p(x)
    np.testing.assert_allclose(found["seen"], seen, rtol=1e-6)


def test_counts_are_encoded_as_logarithms_and_decoded_to_the_first_half(call, run_of):
    run = run_of("counts")
    x, arrays = run.examples().values[5], run.weights("elbo-k02-s0")
    encode, decode = relu_network(arrays)
    parameters = decode(encode(np.log1p(x)))
    mean, log_prob = laws("negative-binomial", parameters.reshape(2, -1))
    [[found]] = call(OF_EXAMPLE, [(content(run), 5)])
    np.testing.assert_allclose(found["code"], encode(np.log1p(x)), atol=1e-3)
    np.testing.assert_allclose(found["reconstruction"], mean, rtol=1e-3)
    assert found["loss"] == pytest.approx(-log_prob(x).sum(), rel=1e-3)


@pytest.mark.parametrize("name", ["usual", "vectors"])
def test_an_example_is_encoded_decoded_and_costs_what_it_does_in_numpy(call, run_of, name):
    run, factor = run_of(name), 1 if name == "vectors" else 255
    x = run.examples().values[5].ravel() / factor
    [networks] = call(OF_EXAMPLE, [(content(run), 5)])
    assert len(networks) == 6
    for found in networks:
        arrays = run.weights(found["member"])
        encode, decode = relu_network(arrays)
        out = decode(encode(x))
        if name == "vectors":
            mean, nats = out, -norm.logpdf(x, out, np.sqrt(arrays["shared"])).sum()
        else:
            mean, nats = expit(out), -(x * log_expit(out) + (1 - x) * log_expit(-out)).sum()
        np.testing.assert_allclose(found["code"], encode(x), atol=1e-3)
        np.testing.assert_allclose(found["reconstruction"], mean * factor, atol=1e-3 * factor)
        assert found["loss"] == pytest.approx(nats, abs=2e-3, rel=1e-5)


def test_samples_are_normal_codes(call, run_of):
    source = "(size, seed) => prior.sampledCodes({ size }, seed)"
    codes = np.array(call(source, [(8, seed) for seed in range(20)]))
    assert codes.shape == (20, 10, 8)
    assert abs(codes.mean()) < 0.1
    assert codes.std() == pytest.approx(1, abs=0.08)


# -- the address


def sensible(state, first):
    """Whether a state is one that the usual page can come to by itself."""
    size = state["size"]
    numbers = [*(state["code"] or []), state["seed"]]
    return (
        state.keys() == first.keys()
        and (state["base"] is None or state["base"] in range(12))
        and all(stroke["points"] for stroke in state["strokes"])
        and {type(state["over"]), type(state["fit"])} == {bool}
        and 1 <= len(set(state["picked"])) == len(state["picked"]) <= 3
        and set(state["picked"]) | set(state["selected"]) <= set(range(12))
        and (state["code"] is None or len(state["code"]) == size)
        and np.isfinite(numbers).all()
        and max(map(abs, state["code"] or [0])) < 1e7
        and {state["across"], state["up"]} <= set(range(size))
        and state["across"] != state["up"]
        and state["wide"] in (None, *SIZES)
        and size in SIZES
        and state["tool"] in TOOLS
        and state["marks"] in ("dots", "pictures")
        and state["objective"] in ("keras-blog", "elbo")
        and state["plane"] in ("dimensions", "principal", "three")
    )


FROM_FRAGMENTS = """(data, fragments) => ({
  first: state.initialState(data),
  states: fragments.map((fragment) => state.stateFrom(fragment, data)),
})"""


def garbage(noise):
    """Random fragments, most with names that mean something."""
    characters = list(string.ascii_letters + string.digits + "-_,.%&=+ é")
    names = "objective base strokes over fit picked selected marks wide tool size plane across up"
    for _ in range(400):
        name = noise.choice([*names.split(), "code", "seed"])
        yield f"{name}={''.join(noise.choice(characters, noise.integers(0, 30)))}"
        yield f"{name}={''.join(noise.choice(list('0123456789,-_.'), noise.integers(0, 12)))}"


def test_malformed_addresses_give_a_sensible_state(call, run_of):
    fragments = [*ODD_FRAGMENTS, *garbage(np.random.default_rng(8))]
    [found] = call(FROM_FRAGMENTS, [(content(run_of("usual")), fragments)])
    for fragment, state in zip(fragments, found["states"], strict=True):
        assert sensible(state, found["first"]), (fragment, state)
