"""Simulated searches in which networks run away, or are absurd on a few held-out examples.

    python benchmarks/absurd.py [TRIALS]

Losses are drawn from a known law, 100 nats without a latent: a knee at 5, or gain that fades. Each
search is the product's own. In the worlds of "networks" one in ten is worse by 300 to 10^11 nats;
of "examples" three of every third network's are, by 10^4 to 10^11; of "bad trainings" one in ten
networks by 1 to 30 nats, which is noise of training, and no intervals get rid of.
"""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from latentsweep.answers import recommendation
from latentsweep.answers.losses import Losses
from latentsweep.answers.search import Goal, Step, first_step, next_step

LIMIT, EXAMPLES, MOST_STEPS = 64, 1_000, 60
TRUTHS: dict[str, Callable[[int], float]] = {
    "knee at 5": lambda k: 20 + 60 * max(0.0, 1 - k / 5),
    "fades": lambda k: 20 + 80 * float(np.exp(-k / 3.2)),
}
WORLDS = "as usual", "networks", "examples", "bad trainings"


class Trainer:
    """Networks whose losses are drawn when a step asks for them."""

    def __init__(self, truth: Callable[[int], float], world: str, rng: np.random.Generator):
        self.truth, self.world, self.rng = truth, world, rng
        self.level = 20 * rng.normal(size=EXAMPLES)
        self.of_size: dict[int, np.ndarray] = {}
        self.networks: dict[tuple[int, int], np.ndarray] = {}

    def train(self, step: Step) -> None:
        """Draw the losses of a step's networks that are not there."""
        for size in step.latent_sizes:
            paired = self.of_size.setdefault(size, self.rng.normal(size=EXAMPLES))
            for seed in step.seeds:
                if (size, seed) not in self.networks:
                    own = 2 * self.rng.normal(size=EXAMPLES) + 0.1 * self.rng.normal()
                    losses = self.truth(size) + self.level + paired + own
                    self.networks[size, seed] = self.spoiled(losses)

    def spoiled(self, losses: np.ndarray) -> np.ndarray:
        """A network's losses with what its world does to them."""
        chance, rng = self.rng.random(), self.rng
        if self.world == "networks" and chance < 0.1:
            return losses + 10 ** rng.uniform(2.5, 11)
        if self.world == "bad trainings" and chance < 0.1:
            return losses + rng.uniform(1, 30)
        if self.world == "examples" and chance < 0.3:
            losses[rng.integers(EXAMPLES, size=3)] += 10 ** rng.uniform(4, 11, 3)
        return losses

    def losses(self) -> Losses:
        """All that were drawn."""
        sizes, seeds = (tuple(sorted({key[i] for key in self.networks})) for i in (0, 1))
        values = np.full((len(sizes), len(seeds), EXAMPLES), np.nan)
        for (size, seed), each in self.networks.items():
            values[sizes.index(size), seeds.index(seed)] = each
        return Losses(sizes, seeds, values, 100 + self.level)


def search(task: tuple[str, str, int]) -> tuple[int | None, int | None, int | None, int]:
    """What a search names, the ends of its set, and how many networks it took."""
    truth, world, trial = task
    recommendation.REPLICATES = 1_000
    rng = np.random.default_rng([list(TRUTHS).index(truth), trial])
    trainer, goal = Trainer(TRUTHS[truth], world, rng), Goal(limit=LIMIT)
    step: Step | None = first_step(goal)
    found = None
    for _ in range(MOST_STEPS):
        if step is None:
            break
        trainer.train(step)
        found = recommendation.recommend(trainer.losses(), limit=LIMIT)
        step = next_step(found, goal)
    assert found is not None
    return found.latent_size, found.low, found.high, len(trainer.networks)


def main() -> None:
    """Print a line for each truth and world."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(f"{'truth':10} {'world':14} right  named  off by  covers  width  networks")
    with ProcessPoolExecutor(2) as pool:
        for truth, law in TRUTHS.items():
            means = np.array([law(size) for size in range(1, LIMIT + 1)])
            right = 1 + int(np.argmax(means - means.min() <= 0.01 * (100 - means.min())))
            for world in WORLDS:
                rows = list(pool.map(search, [(truth, world, i) for i in range(trials)]))
                off = [abs(named - right) for named, *_ in rows if named is not None]
                ends = [(low, high) for _, low, high, _ in rows if low is not None]
                covers = np.mean([low <= right <= high for low, high in ends]) if ends else np.nan
                print(
                    f"{truth:10} {world:14} {right:5} {len(off) / trials:6.0%} "
                    f"{np.mean(off) if off else np.nan:7.1f} {covers:7.0%} "
                    f"{np.median([high - low for low, high in ends]):6.1f} "
                    f"{np.median([row[-1] for row in rows]):9.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
