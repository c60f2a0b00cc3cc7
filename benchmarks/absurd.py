"""coverage.py's searches with absurd networks or absurd examples put in."""

import sys

sys.path.insert(0, "/work/shared/tools")
import coverage as C, numpy as np
from concurrent.futures import ProcessPoolExecutor


class Trainer(C.Trainer):
    kind = "none"

    def train(self, step):
        before = set(self.networks)
        super().train(step)
        for key in self.networks:
            if key in before:
                continue
            if self.kind == "network" and self.rng.random() < 0.1:
                self.networks[key] = self.networks[key] + 10 ** self.rng.uniform(2.5, 11)
            if self.kind == "moderate" and self.rng.random() < 0.1:
                self.networks[key] = self.networks[key] + self.rng.uniform(1, 30)
            if self.kind == "examples" and self.rng.random() < 0.3:
                some = self.rng.integers(self.examples, size=3)
                self.networks[key][some] += 10 ** self.rng.uniform(4, 11, 3)


def one(task):
    truth, noise, kind, trial = task
    rng = np.random.default_rng(
        [sorted(C.TRUTHS).index(truth), sorted(C.NOISES).index(noise), trial]
    )
    t = Trainer(C.TRUTHS[truth], rng, **C.NOISES[noise])
    t.kind = kind
    return (*C.search(t), len(t.networks))


if __name__ == "__main__":
    trials = int(sys.argv[1])
    with ProcessPoolExecutor(2) as pool:
        for truth in ("knee at 5", "fades as MNIST does"):
            for noise in ("10,000 held out, quiet", "1,000 held out"):
                for kind in sys.argv[2:] or ("none", "network", "examples", "moderate"):
                    rows = list(pool.map(one, [(truth, noise, kind, i) for i in range(trials)]))
                    r = C.right(C.TRUTHS[truth])
                    off = [k - r for k, *_ in rows if k is not None]
                    cov = [lo is not None and lo <= r <= hi for _, lo, hi, *_ in rows]
                    w = [hi - lo for _, lo, hi, *_ in rows if lo is not None]
                    print(
                        f"{truth:20} {noise:24} {kind:9} right {r} named {len(off) / trials:4.0%} off {np.mean(np.abs(off)) if off else np.nan:5.1f} covers {np.mean(cov):4.0%} width {np.median(w) if w else np.nan:5.1f} networks {np.median([n for *_, n in rows]):5.0f}",
                        flush=True,
                    )
