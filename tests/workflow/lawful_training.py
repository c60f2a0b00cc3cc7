"""What stands for training where a test is of the search: losses of a known law."""

import numpy as np

from latentsweep.record.arrays import write_arrays
from latentsweep.record.atomic import write_json
from latentsweep.training.members import members_in
from latentsweep.workflow.executors import Local
from latentsweep.workflow.tasks import timed

KNEE = 5  # the size from which on the networks of `by_a_law` gain nothing


def by_a_law(here: Local, blocks: object = None) -> None:
    """Stands for a search's training: networks measured on what they held out, in no time.

    Each dimension up to the knee gains three nats on the model without a latent, and those beyond
    are idle; networks of a size differ a little, and so do examples between networks.
    """
    del blocks
    with timed(here.run, "train"):
        for member in members_in(here.run, here.experiment.study):
            path = here.run.member_path(member.name) / "validation.safetensors"
            if path.exists():
                continue
            chance = np.random.default_rng([member.latent_size, member.seed])
            without = here.run.no_latent("validation")
            noise = chance.normal(0, 0.05) + chance.normal(0, 0.1, len(without))
            losses = without - 3 * min(member.latent_size, KNEE) + noise
            used = np.arange(member.latent_size) < KNEE
            arrays = {"neg_elbo": losses, "mse_of_mean": losses / 100}
            arrays = {f"validation/{name}": a.astype(np.float32) for name, a in arrays.items()}
            units = {"rho": 0.9 * used, "kl_per_dimension": 2.0 * used}
            write_json(here.run.member_path(member.name) / "member.json", {"failed_epoch": 0})
            write_arrays(path, arrays | {n: a.astype(np.float32) for n, a in units.items()})
