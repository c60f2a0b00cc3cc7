"""pythae's `TrainingPipeline`: its own VAE, whose default networks are the ones asked for."""

import tempfile
import time

import numpy as np
from contract import BATCH, BETAS, EPSILON, FEATURES, LEARNING_RATE, Peer, batches, main
from pythae.models import VAE, VAEConfig
from pythae.pipelines import TrainingPipeline
from pythae.trainers import BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from pytorch_network import arrays, glorot, product
from torch import nn


class Clock(TrainingCallback):
    """Seconds from the begin of the first step to the end of the last."""

    def on_train_step_begin(self, *_, **__) -> None:
        """The loop over an epoch's batches begins."""
        self.started = time.perf_counter()

    def on_train_step_end(self, *_, **__) -> None:
        """A step is done."""
        self.ended = time.perf_counter()


class Training:
    """One pipeline a call: pythae trains whole epochs, so it gets the images of so many steps."""

    def __init__(self, images: np.ndarray, latent: int):
        self.images = images
        config = VAEConfig((FEATURES,), latent, reconstruction_loss="bce")
        self.model = VAE(config)
        glorot(self.model, latent=0)
        self.generator = np.random.default_rng(0)

    def advance(self, steps: int) -> float:
        """Train; the seconds that its steps took."""
        order = batches(self.generator, len(self.images), steps).ravel()
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=1,
                per_device_train_batch_size=BATCH,
                learning_rate=LEARNING_RATE,
                optimizer_cls="Adam",
                optimizer_params={"betas": BETAS, "eps": EPSILON, "fused": True},
                keep_best_on_train=True,
                no_cuda=True,
            )
            pipeline = TrainingPipeline(model=self.model, training_config=config)
            pipeline(self.images[order], callbacks=[clock])
        return clock.ended - clock.started

    def weights(self) -> dict[str, np.ndarray]:
        """The weights by name."""
        encoder, decoder = self.model.encoder, self.model.decoder
        layers = {
            "encoder": encoder.layers,
            "mean": encoder.embedding,
            "log_var": encoder.log_var,
            "decoder": decoder.layers[0],
            "output": decoder.layers[1],
        }
        return arrays({name: _parameters(part) for name, part in layers.items()})


def _parameters(part: nn.Module) -> tuple:
    """Kernel and bias of the one dense layer in a part of a network."""
    (layer,) = (module for module in part.modules() if isinstance(module, nn.Linear))
    return layer.weight, layer.bias


if __name__ == "__main__":
    main(Peer(Training, product, ("torch", "pythae", "numpy")))
