"""The results as Markdown: what was measured, and how."""

import platform
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentsweep.model.shape import NetworkShape
from latentsweep.training.cost import step_flop
from latentsweep.training.placement import cores

if TYPE_CHECKING:
    from bench import Record

Rounds = list[dict[str, Any]]
_BATCH = 32

_INTRODUCTION = """# The training engine and its peers

`make bench` made this file. A VAE 784-512-K-512-784 with ReLU, Bernoulli cross-entropy, the true
ELBO, batches of {batch} in a fresh random order, Adam (rate 0.001, epsilon 1e-7), float32, MNIST's
60,000 training images. Milliseconds a training step of one model, compilation and the first steps
left out: the median of {rounds} rounds, with the least and the most. In a round the peers take
turns, each in a process of its own that trains the sizes {latents}; a peer is timed for {steps:,}
steps a size and round, latentsweep for whole epochs (1,875 steps of each model, all sizes as one
family padded to the widest; one epoch before is not timed, nor are the checkpoints that a run
writes, since the peers write none).

{hardware}; {versions}.
"""
_CHECK = """
## What else they need

-ELBO after one real epoch of K = 16, in nats an image: from the weights, by one NumPy function with
one fixed noise, on the first 10,000 training images. A peer that is more than 2 nats from the
median of all has failed, and no speed is shown. Start-up: from starting the process until libraries
and data are there. Compiling: building five models and their first 25 steps each (latentsweep: all
programs, without steps), with empty caches and in the later rounds, where what a library keeps on
disk is there (for latentsweep JAX's persistent cache). Memory: the most that the process held.
Threads: the library's own number, or one where that was faster in a trial before.
"""
_SCALE = """
## The cost is linear

latentsweep with models of width 32 and epochs of 100 steps; the passes that it plans itself.
"""
_SPREAD = """
## Over several CPU devices

The same with JAX's `jax_num_cpu_devices`; with one device, both its threads share each product.
"""


def text(
    records: "list[Record]",
    latents: Sequence[int],
    rates: list[tuple[str, float]],
    scale: list[tuple[int, Rounds]],
    spread: list[tuple[int, int, Rounds]],
) -> str:
    """The whole of `results.md`.

    Args:
        records: ours first.
        rates: FLOP a second of each library's matrix products.
        scale: numbers of models and their rounds.
        spread: numbers of models and of CPU devices, and their rounds.
    """
    introduction = _INTRODUCTION.format(
        batch=_BATCH,
        rounds=len(records[0].rounds),
        latents=", ".join(map(str, latents)),
        steps=records[-1].peer.steps,
        hardware=hardware(),
        versions=_versions(records),
    )
    parts = [introduction, _speeds(records, latents), _floor(records[0], latents, rates)]
    parts += [_CHECK, _needs(records)]
    if scale:
        parts += [_SCALE, _scale(scale)]
    if spread:
        parts += [_SPREAD, _spread(spread)]
    return "\n".join(parts)


def hardware() -> str:
    """The processor's name and the cores that may be used."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {cores()} cores, {platform.system()}"


def _versions(records: "list[Record]") -> str:
    found = {k: v for r in records for each in r.rounds[:1] for k, v in each["versions"].items()}
    named = ", ".join(f"{name} {version}" for name, version in found.items())
    return f"Python {platform.python_version()}, {named}"


def _speeds(records: "list[Record]", latents: Sequence[int]) -> str:
    ours = records[0]
    header = ["", *(f"K = {k}" for k in latents), "mean of the sizes", "latentsweep is faster by"]
    rows = []
    for record in records:
        if record.failure:
            rows.append([record.peer.title, *[""] * len(latents), f"failed: {record.failure}", ""])
            continue
        sizes = [_median(r["milliseconds"][str(k)] for r in record.rounds) for k in latents]
        ratios = [peer / own for peer, own in zip(record.means, ours.means, strict=True)]
        faster = "" if record is ours else _spanned(ratios, " times")
        rows.append([record.peer.title, *sizes, f"**{_spanned(record.means, ' ms')}**", faster])
    return table(header, rows)


def _floor(ours: "Record", latents: Sequence[int], rates: list[tuple[str, float]]) -> str:
    """What the step's matrix products would take at the best rate that was seen."""
    library, rate = max(rates, key=lambda pair: pair[1])
    flop = statistics.mean(step_flop(NetworkShape((784,), 1, (512,), k), _BATCH) for k in latents)
    floor = 1000 * flop / rate
    ratios = [own / floor for own in ours.means]
    best = {name: max(r for n, r in rates if n == name) / 1e9 for name, _ in rates}
    seen = ", ".join(f"{name} {value:.0f}" for name, value in best.items())
    return (
        f"The floor is {floor:.2f} ms: the matrix products of a step ({flop / 1e6:.0f} MFLOP, the "
        f"mean of the sizes, each with its own K) at {rate / 1e9:.0f} GFLOP/s, the best float32 "
        f"matrix rate of all cores in the same run ({library}; GFLOP/s before and after: {seen}). "
        f"latentsweep takes {_spanned(ratios, ' times')} the floor.\n"
    )


def _needs(records: "list[Record]") -> str:
    header = ["", "-ELBO", "start-up", "compiling, cold", "compiling, later", "memory", "threads"]
    return table(header, [_needs_row(record) for record in records if not record.failure])


def _needs_row(record: "Record") -> list[str]:
    first, *later = record.rounds
    return [
        record.peer.title,
        "" if record.loss is None else f"{record.loss:.2f}",
        f"{_median(r['start_up_seconds'] for r in record.rounds)} s",
        f"{first['compile_seconds']:.1f} s",
        f"{statistics.median(r['compile_seconds'] for r in later):.1f} s" if later else "",
        f"{statistics.median(r['peak_mb'] for r in record.rounds):.0f} MB",
        "one" if record.threads else "its own",
    ]


def _scale(scale: list[tuple[int, Rounds]]) -> str:
    header = ["models", "ms a step and model", "compiling, cold", "compiling, cached", "memory"]
    rows = []
    for models, rounds in scale:
        first, *later = rounds
        rows.append(
            [
                str(models),
                _spanned(_means(rounds)),
                f"{first['compile_seconds']:.2f} s",
                f"{statistics.median(r['compile_seconds'] for r in later):.2f} s" if later else "",
                f"{statistics.median(r['peak_mb'] for r in rounds):.0f} MB",
            ]
        )
    return table(header, rows)


def _spread(spread: list[tuple[int, int, Rounds]]) -> str:
    single = {models: _means(rounds) for models, devices, rounds in spread if devices == 1}
    header = ["models", "CPU devices", "ms a step and model", "speed-up"]
    rows = []
    for models, devices, rounds in spread:
        means = _means(rounds)
        ratios = [one / many for one, many in zip(single[models], means, strict=True)]
        speed_up = "" if devices == 1 else _spanned(ratios, " times")
        rows.append([str(models), str(devices), _spanned(means), speed_up])
    return table(header, rows)


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, its first column text and the others numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [header, rule, *rows])


def _means(rounds: Rounds) -> list[float]:
    return [statistics.mean(each["milliseconds"].values()) for each in rounds]


def _median(values: Iterable[float]) -> str:
    return f"{statistics.median(values):.2f}"


def _spanned(values: Sequence[float], unit: str = "") -> str:
    """The median, the least and the most."""
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f}-{max(values):.2f})"
