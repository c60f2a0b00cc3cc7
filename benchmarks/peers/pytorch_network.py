"""The network and its loss in PyTorch, for the peers that write their own training loop."""

import torch
from contract import BETAS, EPSILON, FEATURES, HIDDEN, LEARNING_RATE
from torch import Tensor, nn
from torch.nn import functional


class VAE(nn.Module):
    """784-512-K-512-784; both heads are one layer."""

    def __init__(self, latent: int):
        super().__init__()
        self.encoder = nn.Linear(FEATURES, HIDDEN)
        self.heads = nn.Linear(HIDDEN, 2 * latent)
        self.decoder = nn.Linear(latent, HIDDEN)
        self.output = nn.Linear(HIDDEN, FEATURES)
        glorot(self, latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, mean and log-variance."""
        mean, log_var = self.heads(functional.relu(self.encoder(x))).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return self.output(functional.relu(self.decoder(z))), mean, log_var


def loss(model: VAE, x: Tensor) -> Tensor:
    """-ELBO, in nats an image."""
    logits, mean, log_var = model(x)
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
    return (cross_entropy + kl) / len(x)


def fused_adam(model: nn.Module) -> torch.optim.Adam:
    """Adam in one kernel."""
    parameters = model.parameters()
    return torch.optim.Adam(parameters, LEARNING_RATE, BETAS, EPSILON, fused=True)


def glorot(model: nn.Module, latent: int) -> None:
    """Glorot-uniform kernels and zero biases; two heads in one layer count as two."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            for kernel in layer.weight.split(latent if layer.out_features == 2 * latent else 10**6):
                nn.init.xavier_uniform_(kernel.data)
            nn.init.zeros_(layer.bias)


def weights(model: VAE) -> dict[str, Tensor]:
    """The weights, by the names that `loss.py` gives them."""
    mean, log_var = model.heads.weight.chunk(2)
    mean_bias, log_var_bias = model.heads.bias.chunk(2)
    named = {
        "encoder": (model.encoder.weight, model.encoder.bias),
        "mean": (mean, mean_bias),
        "log_var": (log_var, log_var_bias),
        "decoder": (model.decoder.weight, model.decoder.bias),
        "output": (model.output.weight, model.output.bias),
    }
    return arrays(named)


def arrays(layers: dict[str, tuple[Tensor, Tensor]]) -> dict:
    """Kernels, turned to [fan_in, fan_out], and biases as NumPy arrays."""
    named = {}
    for name, (kernel, bias) in layers.items():
        named[f"{name}_kernel"] = kernel.detach().numpy().T
        named[f"{name}_bias"] = bias.detach().numpy()
    return named


def product(left, right):
    """Multiplies two matrices."""
    left, right = torch.from_numpy(left), torch.from_numpy(right)
    return lambda: left @ right
