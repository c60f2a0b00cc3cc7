"""Run the snippets of docs/own-losses.md, each where its library is, and ask for a size.

    python benchmarks/snippets.py                   # all of them: minutes on two cores
    python benchmarks/snippets.py pythae            # one
    python benchmarks/snippets.py PyTorch --write   # the answer is put into the page

Small networks are trained on made-up data of 3 factors, binary or counts, in the environment of
their library; the snippet, as it stands on the page, writes its table; the mean of every network's
losses is held to another way to the same number; then `latentsweep recommend` answers, in the
product's own environment.
"""

import argparse
import logging
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import environments
import numpy as np

FACTORS = 3
SIZES = 2, 3, 4, 8
SEEDS = 0, 1, 2
PAGE = Path(__file__).resolve().parents[1] / "docs" / "own-losses.md"
ENVIRONMENTS = {"PyTorch": "snippets", "pythae": "snippets", "scvi-tools": "scvi"}
COMMAND = "latentsweep recommend --losses losses.csv"

_TRAINED, _HELD_OUT, _FEATURES = 4_000, 1_000, 60
_COUNTS = 500  # a cell
_HIDDEN, _EPOCHS, _BATCH, _RATE = 64, 25, 128, 4e-3
_TOLERANCE = 0.005
_SNIPPET = re.compile(r"^## From ([^\n]+)\n((?:(?!^## ).)*?)^```py\n(.*?)^```", re.M | re.S)
_ANSWER = re.compile(rf"(?<=^```text\n)\$ {COMMAND}\n.*?(?=^```)", re.M | re.S)

Key = tuple[int, int]


class Snippet(NamedTuple):
    """A snippet of the page, and what the page says before it."""

    introduction: str
    code: str


class Trained(NamedTuple):
    """What a snippet expects, by name, and each network's mean loss by another way."""

    names: Mapping[str, Any]
    mean_loss: Callable[[Any], float]


def snippets() -> dict[str, Snippet]:
    """The page's snippets by their library."""
    found = _SNIPPET.findall(PAGE.read_text("utf-8"))
    return {library: Snippet(introduction, code) for library, introduction, code in found}


def pytorch() -> Trained:
    """VAEs of one layer each way."""
    import torch
    from torch import nn
    from torch.distributions import Bernoulli, Normal, kl_divergence

    class Network(nn.Module):
        def __init__(self, latent_size: int) -> None:
            super().__init__()
            hidden = nn.Sequential(nn.Linear(_FEATURES, _HIDDEN), nn.ReLU())
            self.encoder = nn.Sequential(hidden, nn.Linear(_HIDDEN, 2 * latent_size))
            hidden = nn.Sequential(nn.Linear(latent_size, _HIDDEN), nn.ReLU())
            self.decoder = nn.Sequential(hidden, nn.Linear(_HIDDEN, _FEATURES))

        def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return self.encoder(x).chunk(2, dim=1)

        def decode(self, z: torch.Tensor) -> torch.Tensor:
            return self.decoder(z)

    def loss(network: Network, x: torch.Tensor) -> torch.Tensor:
        mean, log_var = network.encode(x)
        posterior = Normal(mean, torch.exp(log_var / 2))
        likelihood = Bernoulli(logits=network.decode(posterior.rsample()))
        rate = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
        return torch.mean(rate - likelihood.log_prob(x).sum(1))

    return _trained_with_torch(Network, loss)


def pythae() -> Trained:
    """pythae's VAE with its default networks."""
    from pythae.models import VAE, VAEConfig

    def model(latent_size: int) -> VAE:
        return VAE(VAEConfig((_FEATURES,), latent_size, reconstruction_loss="bce"))

    return _trained_with_torch(model, lambda model, x: model({"data": x}).loss)


def scvi_tools() -> Trained:
    """scvi-tools' SCVI on counts."""
    import scvi
    from anndata import AnnData

    logging.disable(logging.WARNING)
    shares = np.exp(_logits() / 3)
    shares *= _COUNTS / shares.sum(axis=1, keepdims=True)
    counts = np.random.default_rng(1).poisson(shares).astype(np.float32)
    adata, adata_test = AnnData(counts[:_TRAINED]), AnnData(counts[_TRAINED:])
    scvi.model.SCVI.setup_anndata(adata)
    training = {"max_epochs": _EPOCHS, "plan_kwargs": {"lr": _RATE, "n_epochs_kl_warmup": 5}}
    quiet = {"accelerator": "cpu", "enable_progress_bar": False, "logger": False}
    models = {}
    for key in _keys():
        scvi.settings.seed = key[1]
        network = {"n_latent": key[0], "n_hidden": _HIDDEN, "gene_likelihood": "poisson"}
        models[key] = scvi.model.SCVI(adata, **network)
        models[key].train(**training, **quiet)

    def mean_loss(model: scvi.model.SCVI) -> float:
        costs = [
            float(model.get_reconstruction_error(adata_test)["reconstruction_loss"])
            for _ in range(16)
        ]
        mean, variance = model.get_latent_representation(adata_test, return_dist=True)
        rate = np.sum(mean**2 + variance - 1 - np.log(variance), axis=1) / 2
        return float(np.mean(costs) + rate.mean())

    return Trained({"models": models, "adata_test": adata_test}, mean_loss)


LIBRARIES: dict[str, Callable[[], Trained]] = {
    "PyTorch": pytorch,
    "pythae": pythae,
    "scvi-tools": scvi_tools,
}


def write_table(library: str) -> None:
    """Train, run the snippet and check its table, in this folder and this environment."""
    import pandas as pd

    warnings.simplefilter("ignore")
    trained = LIBRARIES[library]()
    exec(compile(snippets()[library].code, f"{PAGE.name}, {library}", "exec"), {**trained.names})
    table = pd.read_csv("losses.csv")
    means = table.groupby(["latent_size", "seed"])["loss"].mean()
    for key, model in trained.names["models"].items():
        expected = trained.mean_loss(model)
        if not abs(means[key] - expected) <= _TOLERANCE * abs(expected):
            sys.exit(f"{library}, {key}: the table's mean is {means[key]}, not {expected}")
    others = sorted(set(means.index) - set(trained.names["models"]))
    print(
        f"{library}: {len(table):,} rows; {len(means) - len(others)} networks, whose mean losses "
        f"are {means.min():.2f} to {means.drop(others).max():.2f} and agree with another way; "
        f"without a latent {', '.join(f'{means[key]:.2f}' for key in others) or 'not known'}"
    )


def answer(library: str) -> str:
    """What `latentsweep recommend` prints of a snippet's table."""
    python = environments.python_of(ENVIRONMENTS[library])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as folder:
        inside = [python, Path(__file__).resolve(), library, "--inside"]
        subprocess.run(inside, check=True, cwd=folder, env=environment)
        asked = [sys.executable, "-m", *COMMAND.split()]
        done = subprocess.run(asked, check=True, cwd=folder, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip("\n")


def main() -> None:
    """Each snippet's answer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", nargs="?", choices=LIBRARIES)
    parser.add_argument("--write", action="store_true", help="put PyTorch's answer into the page")
    parser.add_argument("--inside", action="store_true", help="used by the program itself")
    asked = parser.parse_args()
    if asked.inside:
        write_table(asked.library)
        return
    for library in [asked.library] if asked.library else LIBRARIES:
        printed = answer(library)
        print(f"$ {COMMAND}\n{printed}\n", flush=True)
        if asked.write and library == "PyTorch":
            before, after = _ANSWER.split(PAGE.read_text("utf-8"))
            PAGE.write_text(f"{before}$ {COMMAND}\n{printed}\n{after}", "utf-8")


def _trained_with_torch(make: Callable[[int], Any], loss: Callable[[Any, Any], Any]) -> Trained:
    import torch

    torch.set_num_threads(1)
    probabilities = 1 / (1 + np.exp(-_logits()))
    drawn = np.random.default_rng(1).random(probabilities.shape) < probabilities
    x_train, x_test = torch.tensor(drawn, dtype=torch.float32).split([_TRAINED, _HELD_OUT])
    models = {}
    for key in _keys():
        torch.manual_seed(key[1])
        models[key] = make(key[0])
        optimiser = torch.optim.Adam(models[key].parameters(), _RATE)
        decay = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, _EPOCHS)
        for _ in range(_EPOCHS):
            for batch in torch.randperm(_TRAINED).split(_BATCH):
                optimiser.zero_grad()
                loss(models[key], x_train[batch]).backward()
                optimiser.step()
            decay.step()

    def mean_loss(model: Any) -> float:
        with torch.no_grad():
            return float(np.mean([float(loss(model, x_test)) for _ in range(16)]))

    return Trained({"models": models, "x_train": x_train, "x_test": x_test}, mean_loss)


def _logits() -> np.ndarray:
    """[examples, features], linear in the factors."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((_TRAINED + _HELD_OUT, FACTORS))
    return factors @ (2 * rng.standard_normal((FACTORS, _FEATURES)))


def _keys() -> list[Key]:
    return [(latent_size, seed) for latent_size in SIZES for seed in SEEDS]


if __name__ == "__main__":
    main()
