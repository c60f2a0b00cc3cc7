"""PyTorch with `torch.compile`: forward and backward are compiled as one graph; Adam is fused."""

import numpy as np
import pytorch_eager
import torch
from contract import Peer, main
from pytorch_network import loss, product


class Training(pytorch_eager.Training):
    """The usual PyTorch loop around a compiled loss."""

    def __init__(self, images: np.ndarray, latent: int):
        torch.compiler.reset()
        super().__init__(images, latent)
        self.loss = torch.compile(loss, fullgraph=True, dynamic=False)


if __name__ == "__main__":
    main(Peer(Training, product, ("torch", "numpy")))
