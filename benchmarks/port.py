"""Does the report's own Keras program learn the same as our port of it?

    python benchmarks/port.py pilot     the margin at two dimensions, from ours alone: five minutes
    python benchmarks/port.py           the comparison, which it writes to `port.md`: half an hour

Six seeds of the Keras blog's program on TensorFlow (`peers/keras_port.py`, a process each) and six
of ours, `keras-blog`, with the report's network and schedule. Compared is the objective as trained,
on the test images, by two one-sided tests (TOST) with Welch's standard error: the two means are
called equal within a margin if a difference of the margin or more is rejected at 5 % on both sides,
that is, if the 90 % interval of their difference lies inside.

The margin is 0.5 nats; at two dimensions, whose trainings differ by more than that from seed to
seed, it is what six and six seeds find with 80 % power if the means are the same and seeds spread
as in a pilot. The pilot is twelve seeds of ours that are not compared, and came first.

All is kept in `runs/port`: what was interrupted goes on, and what is removed there is done again.
"""

import argparse
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import environments
import numpy as np
import pandas as pd
import tables
from scipy import optimize, stats

import latentsweep
from latentsweep.data.sources import mnist
from latentsweep.workflow.opened_run import Run

RUNS = Path("runs") / "port"
SEEDS = tuple(range(6))
PILOT_SEEDS = tuple(range(100, 112))
MARGINS = {2: 1.88, 16: 0.5}
EPOCHS = 10
DRAWS = 16
NOISE = 0.1
LEVEL, POWER = 0.05, 0.8
# On two cores one thread is faster than the library's own number (`results.md`).
VARIABLES = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}

_HERE = Path(__file__).parent
_PLACES = {"encoder": "encoder/hidden", "decoder": "decoder/hidden", "output": "decoder/output"}
_INTRODUCTION = """# The port and the program that it is a port of

`python benchmarks/port.py` made this file. The report's VAE, 784-512-K-512-784, as the Keras blog
writes it (`benchmarks/peers/keras_port.py`: Keras's own layers, losses, Adam and `model.fit`), and
ours with the objective `keras-blog`: MNIST's 60,000 training images, batches of {batch} in a fresh
order each epoch, {epochs} epochs. The numbers are the objective as trained, in nats an image, on
the 10,000 test images with {draws} noisy codes each: Keras's by `model.evaluate`, ours by
`latentsweep run`. Each has {seeds} seeds a size, which share no random number: nothing is paired.

{hardware}; {versions}.
"""
_TEST = """
Difference: ours - Keras's, with the 90 % interval of Welch's t; sd: the standard deviation over
seeds. The p is that of two one-sided tests (TOST) that the means differ by the margin or more:
below {level} they are *equal* within the margin; they are *different* where the whole interval is
outside it, and *undecided* else. The margin is {margin:g} nats. At K = 2 seeds alone spread by more
than that, and it is what {seeds} and {seeds} seeds find with {power:.0f} % power if the means are
the same and seeds spread as {pilot} others of ours did, before the comparison: {small:g} nats.
"""
_CHECK = """
As a check of both measurements, the same loss computed from each network's weights by one NumPy
function with noise of its own, for Keras's and ours alike: at most {keras:.3f} nats from
`model.evaluate`, at most {ours:.3f} from `latentsweep run`.

## Seed by seed
"""


class Equivalence(NamedTuple):
    """Two one-sided tests of the difference of two means."""

    margin: float
    difference: float
    low: float
    high: float
    p: float

    @property
    def verdict(self) -> str:
        """Equal within the margin, different by more, or neither is shown."""
        if self.p < LEVEL:
            return "equal"
        outside = self.low > self.margin or self.high < -self.margin
        return "different" if outside else "undecided"


def equivalence(ours: np.ndarray, theirs: np.ndarray, margin: float) -> Equivalence:
    """TOST with Welch's standard error, and the interval that goes with it.

    References:
        Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach.
    """

    def welch(shift: float, alternative: str) -> Any:
        return stats.ttest_ind(ours + shift, theirs, equal_var=False, alternative=alternative)

    low, high = welch(0, "two-sided").confidence_interval(1 - 2 * LEVEL)
    p = max(welch(margin, "greater").pvalue, welch(-margin, "less").pvalue)
    return Equivalence(margin, float(ours.mean() - theirs.mean()), low, high, p)


def margin_for(spread: float, seeds: int) -> float:
    """The margin within which so many seeds of each kind show equal means, with power POWER.

    power = E[2 Phi(margin / e - t R) - 1]+,    e = spread sqrt(2 / seeds),

    for equal means and spreads, R being the estimated spread over the true one, whose square is
    chi-squared over its degrees of freedom, and t the quantile of Student's t at 1 - LEVEL. That is
    with a pooled spread; Welch's, which is not, has one or two hundredths less.
    """
    freedom = 2 * (seeds - 1)
    error = spread * np.sqrt(2 / seeds)
    ratios = np.sqrt(stats.chi2.ppf((np.arange(10_000) + 0.5) / 10_000, freedom) / freedom)
    quantile = stats.t.ppf(1 - LEVEL, freedom)

    def excess(margin: float) -> float:
        reach = np.maximum(margin / error - quantile * ratios, 0)
        return float(np.mean(2 * stats.norm.cdf(reach) - 1)) - POWER

    return float(optimize.brentq(excess, 0, 20 * error))


def ours(name: str, latents: tuple[int, ...], seeds: tuple[int, ...]) -> Run:
    """Our networks, trained and measured."""
    settings = {
        "objectives": ("keras-blog",),
        "seeds": seeds,
        "epochs": EPOCHS,
        "draws": DRAWS,
        "projected_examples": 100,
    }
    return latentsweep.run("mnist", RUNS / name, latents=latents, settings=settings)


def keras() -> pd.DataFrame:
    """Keras's networks, one row each, trained where they are not yet."""
    done = RUNS / "keras.jsonl"
    rows = [json.loads(line) for line in done.read_text().splitlines()] if done.exists() else []
    images = {split: RUNS / f"{split}.npy" for split in ("train", "test")}
    for split, path in images.items():
        np.save(path, images_of(split))
    known = {(row["latent_size"], row["seed"]) for row in rows}
    for seed in SEEDS:
        for latent_size in MARGINS:
            if (latent_size, seed) in known:
                continue
            rows.append(keras_run(latent_size, seed, images))
            with done.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(f"Keras, K = {latent_size}, seed {seed}: {rows[-1]['loss']:.3f}", flush=True)
    return pd.DataFrame(rows)


def keras_run(latent_size: int, seed: int, images: Mapping[str, Path]) -> dict[str, Any]:
    """What a process of Keras says of one network; its weights are left in a file.

    Raises:
        CalledProcessError: it failed; its own words are on standard error.
    """
    options = {
        "images": images["train"],
        "tests": images["test"],
        "latent": latent_size,
        "seed": seed,
        "epochs": EPOCHS,
        "draws": DRAWS,
        "out": keras_weights_path(latent_size, seed),
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    program = [environments.python_of("keras"), _HERE / "peers" / "keras_port.py", *words]
    environment = os.environ | VARIABLES
    answer = subprocess.run(program, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    said = json.loads(answer.stdout.strip().splitlines()[-1])
    return {"latent_size": latent_size, "seed": seed, **said}


def keras_weights_path(latent_size: int, seed: int) -> Path:
    """Where the weights of one of Keras's networks are."""
    return RUNS / f"keras-k{latent_size:02d}-s{seed}.npz"


def images_of(split: str) -> np.ndarray:
    """MNIST's images [N, 784], uint8."""
    found = mnist.read()
    return found.values[found.split == split].reshape(-1, 28 * 28)


def loss_by_numpy(weights: Mapping[str, np.ndarray], images: np.ndarray) -> float:
    """The Keras blog's loss of images [N, 784] in [0, 1], in nats an image.

    z = mean + exp(s) e,    e ~ N(0, 0.1^2),    the mean of some draws of

    loss = sum_d softplus(l_d) - x_d l_d  -  1/2 sum_k (1 + s_k - mean_k^2 - exp(s_k))

    Args:
        weights: kernels [fan_in, fan_out] and biases of the layers encoder, mean, log_scale,
            decoder and output, as NAME_kernel and NAME_bias.
    """

    def dense(name: str, x: np.ndarray) -> np.ndarray:
        return x @ weights[f"{name}_kernel"] + weights[f"{name}_bias"]

    def cross_entropy(noise: np.ndarray) -> float:
        logits = dense("output", np.maximum(dense("decoder", mean + np.exp(s) * noise), 0))
        pixels = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - images * logits
        return float(pixels.sum(axis=1, dtype=np.float64).mean())

    hidden = np.maximum(dense("encoder", images), 0)
    mean, s = dense("mean", hidden), dense("log_scale", hidden)
    penalty = -0.5 * np.sum(1 + s - mean**2 - np.exp(s), axis=1, dtype=np.float64).mean()
    rng = np.random.default_rng(1)
    noises = (NOISE * rng.standard_normal(mean.shape, np.float32) for _ in range(DRAWS))
    return float(penalty + np.mean([cross_entropy(noise) for noise in noises]))


def our_weights(run: Run, member: str) -> dict[str, np.ndarray]:
    """The weights of one of our networks, by the names that `loss_by_numpy` gives them."""
    kept = run.folder.weights(member)
    named = {
        f"{layer}_{ending}": kept[f"{place}/{kind}"]
        for layer, place in _PLACES.items()
        for ending, kind in (("kernel", "weight"), ("bias", "bias"))
    }
    for index, head in enumerate(("mean", "log_scale")):
        named[f"{head}_kernel"] = kept["encoder/heads/weight"][:, index]
        named[f"{head}_bias"] = kept["encoder/heads/bias"][index]
    return named


def text(run: Run, theirs: pd.DataFrame) -> str:
    """The whole of `port.md`."""
    study, results = run.study, run.results
    versions = {"Python": platform.python_version(), **theirs["versions"].iloc[0]}
    versions |= {name: run.folder.manifest()["versions"][name] for name in ("latentsweep", "jax")}
    introduction = _INTRODUCTION.format(
        batch=study.batch_size,
        epochs=EPOCHS,
        draws=DRAWS,
        seeds=len(SEEDS),
        hardware=tables.hardware(),
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
    )
    test = _TEST.format(
        level=LEVEL,
        margin=MARGINS[16],
        seeds=len(SEEDS),
        power=100 * POWER,
        small=MARGINS[2],
        pilot=len(PILOT_SEEDS),
    )
    check = _CHECK.format(**furthest(run, theirs))
    return "\n".join([introduction, compared(results, theirs), test, check, each(results, theirs)])


def compared(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """The tests, one row a size."""
    header = ["", "Keras", "latentsweep", "difference", "90 % interval", "margin", "p", "verdict"]
    rows = []
    for latent_size, margin in MARGINS.items():
        a, b = losses(ours, latent_size), losses(theirs, latent_size)
        test = equivalence(a, b, margin)
        rows.append(
            [
                f"K = {latent_size}",
                f"{b.mean():.2f} (sd {b.std(ddof=1):.2f})",
                f"{a.mean():.2f} (sd {a.std(ddof=1):.2f})",
                f"{test.difference:+.2f}",
                f"{test.low:+.2f} to {test.high:+.2f}",
                f"{margin:g}",
                f"{test.p:.2g}",
                f"**{test.verdict}**",
            ]
        )
    return tables.table(header, rows)


def each(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Every network's loss."""
    rows = [
        [f"K = {latent_size}, {name}", *(f"{loss:.2f}" for loss in losses(table, latent_size))]
        for latent_size in MARGINS
        for name, table in (("Keras", theirs), ("latentsweep", ours))
    ]
    return tables.table(["seed", *map(str, SEEDS)], rows)


def losses(table: pd.DataFrame, latent_size: int) -> np.ndarray:
    """The losses of one size, seed by seed."""
    return table[table["latent_size"] == latent_size].sort_values("seed")["loss"].to_numpy()


def furthest(run: Run, theirs: pd.DataFrame) -> dict[str, float]:
    """How far the losses as measured are at most from those that NumPy finds."""
    images = images_of("test").astype(np.float32) / 255
    ours_apart = [
        abs(row.loss - loss_by_numpy(our_weights(run, row.member), images))
        for row in run.results.itertuples()
    ]
    theirs_apart = []
    for row in theirs.itertuples():
        with np.load(keras_weights_path(row.latent_size, row.seed)) as weights:
            theirs_apart.append(abs(row.loss - loss_by_numpy(dict(weights), images)))
    return {"ours": max(ours_apart), "keras": max(theirs_apart)}


def main() -> None:
    """The pilot, or the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=["pilot", "comparison"], default="comparison")
    part = parser.parse_args().part
    RUNS.mkdir(parents=True, exist_ok=True)
    if part == "pilot":
        spread = ours("pilot", (2,), PILOT_SEEDS).results["loss"].std(ddof=1)
        print(f"Standard deviation of {len(PILOT_SEEDS)} seeds: {spread:.3f} nats")
        print(f"Margin of {len(SEEDS)} and {len(SEEDS)}: {margin_for(spread, len(SEEDS)):.3f} nats")
        return
    theirs = keras()
    written = text(ours("ours", tuple(MARGINS), SEEDS), theirs)
    print(f"\n{written}")
    (_HERE / "port.md").write_text(written)
    print("Written to benchmarks/port.md")


if __name__ == "__main__":
    main()
