"""Keras on TensorFlow: a VAE as in Keras's own examples, trained by `model.fit`."""

import os
import time
from typing import ClassVar

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # (reads the variables above)
import numpy as np
import tensorflow as tf
from contract import (
    BATCH,
    BETAS,
    EPSILON,
    FEATURES,
    HIDDEN,
    LEARNING_RATE,
    Peer,
    batches,
    main,
)
from keras import layers, ops

# On two busy cores XLA with 10 or 25 steps a call beat XLA with 1 (the default of Keras) or 5,
# and than TensorFlow's own kernels with 1, 10 or 25; 10 and 25 were within the noise of each other.
# 25 divides every number of steps that is asked for.
STEPS_PER_EXECUTION = 25


class Sampling(layers.Layer):
    """A code from its mean and log-variance."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        """z = mean + exp(log_var / 2) * noise."""
        mean, log_var = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise


class VAE(keras.Model):
    """784-512-K-512-784, with the ELBO in its `train_step`."""

    def __init__(self, latent: int):
        super().__init__()
        self.encoder = layers.Dense(HIDDEN, activation="relu")
        self.mean = layers.Dense(latent)
        self.log_var = layers.Dense(latent)
        self.sampling = Sampling()
        self.decoder = layers.Dense(HIDDEN, activation="relu")
        self.logits = layers.Dense(FEATURES)

    def call(self, x):
        """Logits, mean and log-variance."""
        hidden = self.encoder(x)
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        return self.logits(self.decoder(self.sampling((mean, log_var)))), mean, log_var

    def train_step(self, data):
        """One step on one batch."""
        with tf.GradientTape() as tape:
            logits, mean, log_var = self(data, training=True)
            cross_entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=data, logits=logits)
            kl = -0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var))
            loss = ops.mean(ops.sum(cross_entropy, axis=1) + ops.sum(kl, axis=1))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return {"loss": loss}


class Clock(keras.callbacks.Callback):
    """Seconds from the begin of the epoch to its end."""

    def on_epoch_begin(self, *_):
        """The first step begins."""
        self.started = time.perf_counter()

    def on_epoch_end(self, *_):
        """The last step is done."""
        self.seconds = time.perf_counter() - self.started


class Training:
    """`model.fit` on the images in memory."""

    settings: ClassVar = {"jit_compile": True, "steps_per_execution": STEPS_PER_EXECUTION}

    def __init__(self, images: np.ndarray, latent: int):
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        self.images = images
        self.model = VAE(latent)
        adam = keras.optimizers.Adam(LEARNING_RATE, *BETAS, epsilon=EPSILON)
        self.model.compile(optimizer=adam, **self.settings)
        self.generator = np.random.default_rng(0)

    def advance(self, steps: int) -> float:
        """Train; the seconds that the epoch took."""
        clock = Clock()
        images = self.images[batches(self.generator, len(self.images), steps).ravel()]
        self.model.fit(images, batch_size=BATCH, epochs=1, verbose=0, callbacks=[clock])
        return clock.seconds

    def weights(self) -> dict[str, np.ndarray]:
        """The weights by name."""
        parts = ("encoder", "mean", "log_var", "decoder", "logits")
        named = {}
        for part in parts:
            name = "output" if part == "logits" else part
            kernel, bias = getattr(self.model, part).get_weights()
            named |= {f"{name}_kernel": kernel, f"{name}_bias": bias}
        return named


def product(left: np.ndarray, right: np.ndarray):
    """Multiplies two matrices."""
    left, right = tf.constant(left), tf.constant(right)
    return lambda: tf.linalg.matmul(left, right).numpy()


if __name__ == "__main__":
    main(Peer(Training, product, ("tensorflow", "keras", "numpy")))
