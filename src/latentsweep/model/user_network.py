"""A user's own pair of Equinox modules.

It is named as `module:Class`, and made by

    pair = Class(item_shape, latent_size, parameters_per_feature, key=key)

with two fields that are modules of their own:

    pair.encoder(x [*item_shape]) -> mean [K], s [K]      s: what the objective takes (log-variance)
    pair.decoder(z [K]) -> parameters, as many as P x item_shape, in that order

Its weights are its floating-point arrays. Everything else is fixed when the class is first called
with such sizes. Networks of different latent sizes need not look alike, so these are not padded:
each size is a family of its own.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from latentsweep.errors import StudyError
from latentsweep.model.consent import class_of
from latentsweep.model.shape import NetworkShape

_PARTS = ("encoder", "decoder")


class OwnEncoder(eqx.Module):
    """A user's encoder, its weights apart from what is fixed."""

    weights: Any
    fixed: Any = eqx.field(static=True)
    item_shape: tuple[int, ...] = eqx.field(static=True)
    width: int = eqx.field(static=True)

    def __call__(self, x: Float[Array, " D"]) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
        """The mean and the log-scale s."""
        mean, log_scale = eqx.combine(self.weights, self.fixed)(x.reshape(self.item_shape))
        return mean, log_scale


class OwnDecoder(eqx.Module):
    """A user's decoder, its weights apart from what is fixed."""

    weights: Any
    fixed: Any = eqx.field(static=True)
    parameters_per_feature: int = eqx.field(static=True)

    def __call__(self, z: Float[Array, " K"]) -> Float[Array, "P D"]:
        """The likelihood's parameters of each feature."""
        made = eqx.combine(self.weights, self.fixed)(z)
        return made.reshape(self.parameters_per_feature, -1)


def initial_pair(key: Key[Array, ""], shape: NetworkShape) -> tuple[OwnEncoder, OwnDecoder]:
    """A fresh pair of `shape.width` latent dimensions.

    Raises:
        StudyError: the class cannot be called so, or its parts do not fit.
    """
    return _initial(key, shape, class_of(shape.network))


def fingerprint(shape: NetworkShape) -> str:
    """SHA-256 of what the class does: of the program that makes a pair and applies it.

    It changes with any code that has a part in a network, also beside the class, and not with
    comments; and with the version of JAX.

    Raises:
        StudyError: as `initial_pair`.
    """
    return _fingerprint(shape, class_of(shape.network))


@lru_cache
def _fingerprint(shape: NetworkShape, kind: Callable[..., Any]) -> str:
    def applied(key: Key[Array, ""], x: Array, z: Array) -> Any:
        encoder, decoder = _initial(key, shape, kind)
        return encoder(x), decoder(z)

    arguments = jax.random.key(0), jnp.zeros(shape.features), jnp.zeros(shape.width)
    program = jax.jit(applied).trace(*arguments).lower(lowering_platforms=("cpu",))
    return hashlib.sha256(program.as_text().encode()).hexdigest()


def _initial(
    key: Key[Array, ""], shape: NetworkShape, kind: Callable[..., Any]
) -> tuple[OwnEncoder, OwnDecoder]:
    fixed = _fixed(shape, kind)
    encoder, decoder = (
        jax.tree.unflatten(each.structure, [leaf.astype(float) for leaf in _weights(part)])
        for part, each in zip(_made(key, shape, kind), fixed, strict=True)
    )
    return (
        OwnEncoder(encoder, fixed[0].rest, shape.item_shape, shape.width),
        OwnDecoder(decoder, fixed[1].rest, shape.parameters_per_feature),
    )


class _Fixed(NamedTuple):
    """What is no weight: the structure of the weights, and the rest of the module."""

    structure: Any
    rest: Any


@lru_cache
def _fixed(shape: NetworkShape, kind: Callable[..., Any]) -> tuple[_Fixed, _Fixed]:
    """What is fixed of both parts, from one call of the class: a second may make other functions.

    It is kept by the class itself, since its name may come to mean another, as in a notebook.

    Raises:
        StudyError: as `initial_pair`.
    """
    parts = eqx.filter_eval_shape(partial(_made, shape=shape, kind=kind), jax.random.key(0))
    _check_encoder(parts[0], shape)
    _check_decoder(parts[1], shape)
    encoder, decoder = (eqx.partition(part, _is_weight) for part in parts)
    return (
        _Fixed(jax.tree.structure(encoder[0]), encoder[1]),
        _Fixed(jax.tree.structure(decoder[0]), decoder[1]),
    )


def _made(key: Key[Array, ""], shape: NetworkShape, kind: Callable[..., Any]) -> tuple[Any, Any]:
    """What the class makes: its encoder and its decoder."""
    sizes = shape.item_shape, shape.width, shape.parameters_per_feature
    pair = _tried(shape, "the class", partial(kind, *sizes, key=key))
    missing = [part for part in _PARTS if not isinstance(getattr(pair, part, None), eqx.Module)]
    if missing:
        raise StudyError(
            f"network: a pair with the fields encoder and decoder, both Equinox modules, is "
            f"needed, got none as {' and '.join(missing)} of {shape.network}; set them when it is "
            "made"
        )
    return pair.encoder, pair.decoder


def _check_encoder(encoder: Any, shape: NetworkShape) -> None:
    x = jax.ShapeDtypeStruct(shape.item_shape, jnp.zeros(()).dtype)
    call = partial(eqx.filter_eval_shape, lambda part, x: part(x), encoder, x)
    made = _tried(shape, "encoder(x)", call)
    got = [getattr(each, "shape", None) for each in jax.tree.leaves(made)]
    if got != [(shape.width,)] * 2:
        raise StudyError(
            f"network: encoder(x) must give two arrays of [{shape.width}], the mean and the "
            f"log-variance, for x of {list(shape.item_shape)}, got {_shapes(got)} from "
            f"{shape.network}; mend its last layer"
        )


def _check_decoder(decoder: Any, shape: NetworkShape) -> None:
    z = jax.ShapeDtypeStruct((shape.width,), jnp.zeros(()).dtype)
    call = partial(eqx.filter_eval_shape, lambda part, z: part(z), decoder, z)
    made = _tried(shape, "decoder(z)", call)
    got, needed = getattr(made, "size", None), shape.parameters_per_feature * shape.features
    if got != needed:
        raise StudyError(
            f"network: decoder(z) must give one array of {needed} numbers for z of "
            f"[{shape.width}], got {_shapes([getattr(made, 'shape', None)])} from "
            f"{shape.network}; mend its last layer"
        )


def _tried(shape: NetworkShape, what: str, call: Callable[[], Any]) -> Any:
    """What a call of a user's code gives."""
    try:
        return call()
    except StudyError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise StudyError(
            f"network: {what} of {shape.network} failed for items of {list(shape.item_shape)} and "
            f"{shape.width} latent dimensions ({type(error).__name__}: {reason}); see "
            "docs/networks.md for how it is called"
        ) from error


def _shapes(got: list[Any]) -> str:
    return " and ".join(str(list(each)) if each is not None else "no array" for each in got)


def _weights(part: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(part) if _is_weight(leaf)]


def _is_weight(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", None)
    return dtype is not None and jnp.issubdtype(dtype, jnp.floating)
