"""Networks with a linear decoder beside a search whose likelihood leaves no closed form.

They are trained like the others, at the sizes that matter: the one that is recommended and the
best, with the first seeds. They are a run of their own in the search's folder.
"""

from latentsweep.answers.recommendation import Recommendation
from latentsweep.data.splits import HELD_OUT
from latentsweep.record import atomic
from latentsweep.training.experiment import Experiment
from latentsweep.workflow.executors import Local
from latentsweep.workflow.linear import rivals_of
from latentsweep.workflow.run import train_and_measure

LINEAR_DECODER = "linear-decoder"


def train_rivals(here: Local, found: Recommendation, seeds: int) -> None:
    """Train and measure them where they are not yet.

    Args:
        seeds: how many each size has.
    """
    study, data = here.experiment.study, here.experiment.dataset
    if data.likelihood == "gaussian" or study.network == LINEAR_DECODER:
        return
    sizes = sorted({found.best, *([found.latent_size] if found.latent_size else [])})
    changes = {"network": LINEAR_DECODER, "latent_sizes": sizes, "seeds": tuple(range(seeds))}
    run = rivals_of(here.run)
    here.observer.say(f"rival   linear decoders: sizes {', '.join(map(str, sizes))}")
    begun = here.run.study()  # as it was written, whoever goes on
    atomic.write_text(run.study_path, begun.changed(changes).to_toml())
    run.write_manifest({**here.run.manifest(), "members": []})
    rivals = Local(run, Experiment(study.changed(changes), data), here.observer)
    train_and_measure(rivals, (HELD_OUT,))
