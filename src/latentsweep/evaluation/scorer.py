"""The scorer: a small convolutional classifier that says what a generated picture looks like.

It is trained on the training split of a labelled data set of grey pictures, then frozen, and scores
every network's pictures alike: probabilities of the classes, and the features from which it tells
them. Pixels make a poor measure of likeness, since a stroke that moves by its own width is as far
as another digit; what a trained classifier has learned to ignore doesn't count among its features.

    32 windows of 5 x 5, every second place, relu      28 x 28 -> 14 x 14
    64 windows of 3 x 3, every second place, relu      14 x 14 -> 7 x 7
    128 features, relu                                 from all of them
    logits of the classes

A convolution is a matrix product of its windows with its weights, and is computed as one: within a
loop on a CPU XLA's own convolution takes ten times as long or more. The pictures lie with the
examples after rows and columns, so that a window's pixel of all examples is one piece of memory.

The recipe was chosen on 10,000 held-out pictures of MNIST's training split, and then fixed: Adam
with a rate that rises and falls once, and pictures shifted by up to two pixels either way. The same
data gives the same weights on the same machine.

References:
    LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document recognition.
    Chellapilla, Puri & Simard (2006), High performance convolutional neural networks for document
        processing, on convolutions as matrix products.
    He, Zhang, Ren & Sun (2015), Delving deep into rectifiers, equation 10, on the fresh weights.
    Smith & Topin (2019), Super-convergence, on a rate that rises and falls once.
"""

import hashlib
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from filelock import FileLock
from jaxtyping import Array, Float, Int, Key, Num, UInt8

from latentsweep.errors import RunFolderError
from latentsweep.model.family import Stream, stream
from latentsweep.model.network import Linear
from latentsweep.model.precision import products_in
from latentsweep.record.arrays import read_arrays, write_arrays
from latentsweep.training.checkpoint import from_named_arrays, named_arrays
from latentsweep.training.optimiser import Adam, Moments, rate_factor

VERSION = 1  # of network and recipe: raise it whenever the same data would give other weights
EDGES, STROKES, FEATURES = 32, 64, 128
EPOCHS, BATCH = 8, 128
LEARNING_RATE, WARM_UP = 4e-3, 0.2
SHIFT = 2
_STRIDE = 2
_WHITE = 255.0
_IMAGES_AT_ONCE = 256
_CHECKSUM = "sha256"


class Scores(NamedTuple):
    """What the scorer says of images: probabilities of the classes, and features."""

    probabilities: np.ndarray
    features: np.ndarray


class Scorer(eqx.Module):
    """A frozen classifier of grey images of one size, float32 in [0, 1]."""

    edges: Linear
    strokes: Linear
    hidden: Linear
    classes: Linear

    def probabilities(
        self, images: Float[np.ndarray, "N height width"]
    ) -> Float[np.ndarray, "N classes"]:
        """How probable each class is for each image; they sum to 1."""
        return self.scores(images).probabilities

    def features(
        self, images: Float[np.ndarray, "N height width"]
    ) -> Float[np.ndarray, "N features"]:
        """What the last layer tells the classes from, never negative."""
        return self.scores(images).features

    def scores(self, images: Float[np.ndarray, "N height width"]) -> Scores:
        """Both, for the price of one. An image that is not finite gets NaN."""
        starts = range(0, max(1, len(images)), _IMAGES_AT_ONCE)
        blocks = [_scored_block(self, images[s : s + _IMAGES_AT_ONCE]) for s in starts]
        return Scores(*map(np.concatenate, zip(*blocks, strict=True)))


def accuracy(
    scorer: Scorer, values: UInt8[np.ndarray, "N height width 1"], labels: Int[np.ndarray, " N"]
) -> float:
    """Share of stored images whose most probable class is their label."""
    probabilities = scorer.probabilities(values[..., 0] / np.float32(_WHITE))
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def scorer_for(
    values: UInt8[np.ndarray, "N height width 1"],
    labels: Int[np.ndarray, " N"],
    data_hash: str,
    cache: Path,
) -> Scorer:
    """The scorer of a data set's training images, trained only if the cache doesn't hold it whole.

    Args:
        data_hash: of the data set, by which it is found again.
        cache: a folder, made if need be; if it can't be written, a warning says so.
    """
    path = cache / f"scorer-v{VERSION}-{data_hash[:16]}.safetensors"
    scorer = _kept(path)
    if scorer is None:
        scorer = trained(values, labels)
        _keep(scorer, path)
    return scorer


def trained(
    values: UInt8[np.ndarray, "N height width 1"], labels: Int[np.ndarray, " N"], seed: int = 0
) -> Scorer:
    """A scorer trained on stored images and their class numbers, which count from 0."""
    classes = int(labels.max()) + 1
    scorer = initial_scorer(stream(seed, Stream.WEIGHTS), values.shape[1:3], classes)
    moments = _optimiser(len(values)).initial(scorer)
    on_device = jnp.asarray(values[..., 0]), jnp.asarray(labels)
    for epoch in range(EPOCHS):
        scorer, moments = _train_epoch(scorer, moments, on_device, seed, epoch)
    return scorer


@partial(jax.jit, static_argnames=("size", "classes"))
def initial_scorer(key: Key[Array, ""], size: tuple[int, int], classes: int) -> Scorer:
    """A scorer of images of a size (height, width) before its training.

    Weights are normal with variance 2 / fan_in, biases 0.
    """
    height, width = (-(-pixels // _STRIDE**2) for pixels in size)
    fans = (5 * 5, EDGES), (3 * 3 * EDGES, STROKES), (height * width * STROKES, FEATURES)
    keys = jax.random.split(key, 4)
    return Scorer(*map(_initial_linear, keys, (*fans, (FEATURES, classes))))


def logits_and_features(
    scorer: Scorer, images: Float[Array, "B height width"]
) -> tuple[Float[Array, "B classes"], Float[Array, "B features"]]:
    """The logarithms of the probabilities but for a constant of each image, and the features."""
    with products_in("float32"):
        x = jnp.transpose(images, (1, 2, 0))[..., jnp.newaxis]
        for layer, side in ((scorer.edges, 5), (scorer.strokes, 3)):
            x = jax.nn.relu(_on_last(layer, windows(x, side)))
        flat = jnp.transpose(x, (2, 0, 1, 3)).reshape(len(images), -1)
        features = jax.nn.relu(_on_last(scorer.hidden, flat))
        return _on_last(scorer.classes, features), features


def windows(
    x: Float[Array, "height width B channels"], side: int
) -> Float[Array, "down across B window"]:
    """The windows of side x side pixels around every second place, all channels of each pixel.

    Pixels beyond the border are 0; of an uneven number of them the odd one is below or to the
    right.
    """
    down, across = (-(-pixels // _STRIDE) for pixels in x.shape[:2])
    beyond = [_beyond(pixels, side) for pixels in x.shape[:2]]
    x = jnp.pad(x, (*beyond, (0, 0), (0, 0)))
    rows = [slice(i, i + _STRIDE * (down - 1) + 1, _STRIDE) for i in range(side)]
    columns = [slice(i, i + _STRIDE * (across - 1) + 1, _STRIDE) for i in range(side)]
    return jnp.concatenate([x[row, column] for row in rows for column in columns], axis=-1)


def to_arrays(scorer: Scorer) -> dict[str, np.ndarray]:
    """The scorer's weights by name, such as `edges/weight`."""
    return named_arrays(scorer)


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Scorer:
    """The scorer that `to_arrays` gave these arrays for.

    Raises:
        ValueError: they are no scorer's.
    """
    places, classes = len(arrays["hidden/weight"]) // STROKES, len(arrays["classes/bias"])
    initial = partial(initial_scorer, size=(places * _STRIDE**2, _STRIDE**2), classes=classes)
    template = jax.eval_shape(initial, jax.random.key(0))
    return jax.tree.map(jnp.asarray, from_named_arrays(template, dict(arrays)))


def fingerprint(scorer: Scorer) -> str:
    """SHA-256, in hexadecimal, of the weights: name, type, shape and bytes of each."""
    digest = hashlib.sha256()
    for name, array in sorted(to_arrays(scorer).items()):
        digest.update(f"{name} {array.dtype.name} {array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _kept(path: Path) -> Scorer | None:
    """The scorer of a file, None if there is none that is whole."""
    try:
        arrays = read_arrays(path)
        checksum = arrays.pop(_CHECKSUM).tobytes().hex()
        scorer = from_arrays(arrays)
    except (RunFolderError, KeyError, ValueError):
        return None
    return scorer if fingerprint(scorer) == checksum else None


def _keep(scorer: Scorer, path: Path) -> None:
    """Write the scorer's file; warn if that can't be done."""
    checksum = np.frombuffer(bytes.fromhex(fingerprint(scorer)), np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.stem}.lock")):
            write_arrays(path, to_arrays(scorer) | {_CHECKSUM: checksum})
    except OSError as error:
        warnings.warn(
            f"{path.parent}: the scorer cannot be kept there ({error.strerror}) and will be "
            "trained again next time; make the folder writable",
            stacklevel=3,
        )


def _scored_block(
    scorer: Scorer, images: Float[np.ndarray, "N height width"]
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of at most as many images as are scored at once, computed for just as many."""
    padded = np.zeros((_IMAGES_AT_ONCE, *images.shape[1:]), np.float32)
    padded[: len(images)] = images
    probabilities, features = jax.device_get(_score(scorer, padded))
    return probabilities[: len(images)], features[: len(images)]


@jax.jit
def _score(
    scorer: Scorer, images: Float[Array, "B height width"]
) -> tuple[Float[Array, "B classes"], Float[Array, "B features"]]:
    logits, features = logits_and_features(scorer, images)
    return jax.nn.softmax(logits), features


@jax.jit
def _train_epoch(
    scorer: Scorer,
    moments: Moments,
    data: tuple[UInt8[Array, "N height width"], Int[Array, " N"]],
    seed: Int[Array, ""] | int,
    epoch: Int[Array, ""] | int,
) -> tuple[Scorer, Moments]:
    """Scorer and optimiser after every image once more, in a fresh random order."""
    values, labels = data
    optimiser, steps = _optimiser(len(values)), _steps_per_epoch(len(values))
    order_key, shift_key = (
        jax.random.fold_in(stream(seed, purpose), epoch) for purpose in (Stream.ORDER, Stream.NOISE)
    )
    order = jnp.resize(jax.random.permutation(order_key, len(values)), (steps, BATCH))
    shifts = jax.random.randint(shift_key, (steps, BATCH, 2), 0, 2 * SHIFT + 1)

    def step(carry, batch):
        (scorer, moments), (indices, shift, rate) = carry, batch
        images = shifted(values[indices], shift).astype(float) / _WHITE
        gradient = jax.grad(_loss)(scorer, images, labels[indices])
        return optimiser.step(scorer, gradient, moments, rate), None

    batches = (order, shifts, optimiser.rates(moments, steps))
    return jax.lax.scan(step, (scorer, moments), batches)[0]


def shifted(
    images: Num[Array, "B height width"], shift: Int[Array, "B 2"]
) -> Num[Array, "B height width"]:
    """Each image moved up and left by its shift less 2, pixels beyond the border being 0."""
    border = (SHIFT, SHIFT)
    framed = jnp.pad(images, ((0, 0), border, border))
    cut = partial(jax.lax.dynamic_slice, slice_sizes=images.shape[1:])
    return jax.vmap(cut)(framed, shift)


def _loss(
    scorer: Scorer, images: Float[Array, "B height width"], labels: Int[Array, " B"]
) -> Float[Array, ""]:
    """Mean of -log p(label | image), in nats."""
    logits, _ = logits_and_features(scorer, images)
    target = jax.nn.one_hot(labels, logits.shape[1])
    return -jnp.mean(jnp.sum(target * jax.nn.log_softmax(logits), axis=1))


def _optimiser(examples: int) -> Adam:
    steps = EPOCHS * _steps_per_epoch(examples)

    def rate(step: Int[Array, " T"]) -> Float[Array, "*T"]:
        return LEARNING_RATE * rate_factor(step, steps, WARM_UP, 1 - WARM_UP)

    return Adam(rate, beta1=0.9, beta2=0.99, epsilon=1e-7)


def _steps_per_epoch(examples: int) -> int:
    return -(-examples // BATCH)


def _initial_linear(key: Key[Array, ""], fans: tuple[int, int]) -> Linear:
    weight = jnp.sqrt(2 / fans[0]) * jax.random.normal(key, fans)
    return Linear(weight, jnp.zeros(fans[1]))


def _on_last(layer: Linear, x: Float[Array, "*rows fan_in"]) -> Float[Array, "*rows fan_out"]:
    """A layer on the last axis of x, as one matrix product."""
    flat = jax.vmap(layer)(x.reshape(-1, x.shape[-1]))
    return flat.reshape(*x.shape[:-1], -1)


def _beyond(pixels: int, side: int) -> tuple[int, int]:
    """Pixels that windows reach beyond the border, before the first pixel and after the last."""
    places = -(-pixels // _STRIDE)
    reach = max(0, _STRIDE * (places - 1) + side - pixels)
    return reach // 2, reach - reach // 2
