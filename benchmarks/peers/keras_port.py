"""The report's own program: a VAE as the Keras blog writes it, on Keras and TensorFlow.

    python keras_port.py --images TRAIN.npy --tests TEST.npy --latent 16 --seed 0 \\
        --epochs 10 --draws 16 --out WEIGHTS.npz

trains it with `model.fit`, keeps its weights, and prints one line of JSON with the mean of its loss
on the test images, as `model.evaluate` gives it. Nothing here comes from latentsweep, and nothing
is set that Keras sets itself, but for the number of steps a call, which decides only the speed.
"""

import argparse
import json
import os
import time
from importlib.metadata import version
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # (reads the variables above)
import numpy as np
import tensorflow as tf
from contract import BATCH, FEATURES, HIDDEN
from keras import layers, ops

NOISE = 0.1
STEPS_PER_EXECUTION = 25
TEST_BATCH = 400  # 25 steps are the 10,000 test images


class Sampling(layers.Layer):
    """A noisy code; beside it the blog's penalty, added to the loss."""

    def __init__(self, seed: int):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        """z = z_mean + exp(z_log_sigma) * epsilon."""
        z_mean, z_log_sigma = inputs
        kl = 1 + z_log_sigma - ops.square(z_mean) - ops.exp(z_log_sigma)
        self.add_loss(ops.mean(-0.5 * ops.sum(kl, axis=-1)))
        shape = ops.shape(z_mean)
        epsilon = keras.random.normal(shape, mean=0.0, stddev=NOISE, seed=self.seed_generator)
        return z_mean + ops.exp(z_log_sigma) * epsilon


def reconstruction(x, decoded):
    """Cross-entropy summed over the pixels."""
    return FEATURES * keras.losses.binary_crossentropy(x, decoded)


def network(latent: int, seed: int) -> keras.Model:
    """The blog's VAE with the report's layers, compiled with Keras's Adam."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((FEATURES,))
    h = layers.Dense(HIDDEN, activation="relu", name="encoder")(x)
    z_mean = layers.Dense(latent, name="mean")(h)
    z_log_sigma = layers.Dense(latent, name="log_scale")(h)
    z = Sampling(seed)([z_mean, z_log_sigma])
    h = layers.Dense(HIDDEN, activation="relu", name="decoder")(z)
    vae = keras.Model(x, layers.Dense(FEATURES, activation="sigmoid", name="output")(h))
    vae.compile(optimizer="adam", loss=reconstruction, steps_per_execution=STEPS_PER_EXECUTION)
    return vae


def fit(vae: keras.Model, train: np.ndarray, seed: int, epochs: int) -> None:
    """Train on batches in a fresh random order each epoch.

    Without a seed `model.fit` draws a new order each epoch. Once TensorFlow has one, a single call
    goes through the same order in all its epochs; so here an epoch is a call, with its own seed.
    """
    for epoch in range(epochs):
        tf.random.set_seed(epochs * seed + epoch)
        vae.fit(train, train, batch_size=BATCH, epochs=1, verbose=0)


def weights(vae: keras.Model) -> dict[str, np.ndarray]:
    """Kernels [fan_in, fan_out] and biases, as NAME_kernel and NAME_bias."""
    named = {}
    for part in ("encoder", "mean", "log_scale", "decoder", "output"):
        named[f"{part}_kernel"], named[f"{part}_bias"] = vae.get_layer(part).get_weights()
    return named


def images(path: Path) -> np.ndarray:
    """Images [N, 784] in [0, 1]."""
    return np.load(path).astype(np.float32) / 255


def main() -> None:
    """Train, evaluate, keep."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=Path, help="to train on, uint8 [N, 784], as .npy")
    parser.add_argument("--tests", type=Path, help="to evaluate on, the same")
    parser.add_argument("--latent", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--draws", type=int, help="noisy codes a test image")
    parser.add_argument("--out", type=Path, help="where the weights go, as .npz")
    asked = parser.parse_args()
    train, test = images(asked.images), images(asked.tests)
    vae = network(asked.latent, asked.seed)
    started = time.perf_counter()
    fit(vae, train, asked.seed, asked.epochs)
    seconds = time.perf_counter() - started
    losses = [
        vae.evaluate(test, test, batch_size=TEST_BATCH, verbose=0) for _ in range(asked.draws)
    ]
    np.savez(asked.out, **weights(vae))
    answer = {
        "loss": float(np.mean(losses)),
        "loss_spread": float(np.std(losses)),
        "seconds": seconds,
        "versions": {name: version(name) for name in ("tensorflow", "keras", "numpy")},
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
