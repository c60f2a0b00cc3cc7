"""Networks with a linear decoder beside a search whose likelihood leaves no closed form.

They are trained like the others, at the sizes that matter: the one that is recommended and the
best, with the first seeds. They are a run of their own in the search's folder.
"""

import dataclasses

from latentsweep.answers.recommendation import Recommendation
from latentsweep.pipeline.held_out import hold_out
from latentsweep.pipeline.linear import rivals_of
from latentsweep.pipeline.train import train
from latentsweep.pipeline.work import Work
from latentsweep.record import atomic

LINEAR_DECODER = "linear-decoder"


def train_rivals(work: Work, found: Recommendation, seeds: int) -> None:
    """Train and measure them where they are not yet.

    Args:
        seeds: how many each size has.
    """
    study = work.study
    if work.dataset.likelihood == "gaussian" or study.network == LINEAR_DECODER:
        return
    sizes = sorted({found.best, *([found.latent_size] if found.latent_size else [])})
    changes = {"network": LINEAR_DECODER, "latent_sizes": sizes, "seeds": tuple(range(seeds))}
    folder = rivals_of(work.folder)
    work.observer.say(f"rival   linear decoders: sizes {', '.join(map(str, sizes))}")
    rival = dataclasses.replace(work, study=study.changed(changes), folder=folder)
    begun = work.folder.study()  # as it was written, whoever goes on
    atomic.write_text(folder.study_path, begun.changed(changes).to_toml())
    folder.write_manifest({**work.folder.manifest(), "members": []})
    train(rival, hold_out)
