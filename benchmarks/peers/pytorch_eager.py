"""PyTorch, eager: the data is one tensor, batches are taken by index, Adam is fused."""

import time

import numpy as np
import torch
from contract import Peer, batches, main
from pytorch_network import VAE, fused_adam, loss, product, weights


class Training:
    """The usual PyTorch loop."""

    def __init__(self, images: np.ndarray, latent: int):
        torch.manual_seed(0)
        self.images = torch.from_numpy(images)
        self.model = VAE(latent)
        self.optimiser = fused_adam(self.model)
        self.loss = loss
        self.generator = np.random.default_rng(0)

    def advance(self, steps: int) -> float:
        """Train; the seconds that it took."""
        started = time.perf_counter()
        order = torch.from_numpy(batches(self.generator, len(self.images), steps))
        for indices in order:
            self.optimiser.zero_grad()
            self.loss(self.model, self.images[indices]).backward()
            self.optimiser.step()
        return time.perf_counter() - started

    def weights(self) -> dict[str, np.ndarray]:
        """The weights by name."""
        return weights(self.model)


if __name__ == "__main__":
    main(Peer(Training, product, ("torch", "numpy")))
