"""How many latent dimensions does my data need, and how sure can I be?

    import latentsweep as ls
    run = ls.run("digits", latents=[2, 16])
    run.results                                        # pandas.DataFrame, one row a model
    model = run.model(objective="elbo", latent_size=16)
    model.encode(images)

Importing the package is light: JAX and the rest load when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentsweep.errors import LatentsweepError
    from latentsweep.sklearn import VAE
    from latentsweep.study import Study, load_study
    from latentsweep.workflow.model import Model
    from latentsweep.workflow.opened_run import Run
    from latentsweep.workflow.own_losses import recommend_losses
    from latentsweep.workflow.recommend import recommend
    from latentsweep.workflow.run import run

__version__ = "0.1.0"
__all__ = [
    "VAE",
    "LatentsweepError",
    "Model",
    "Run",
    "Study",
    "__version__",
    "load_study",
    "recommend",
    "recommend_losses",
    "run",
]

_HOMES = {
    "LatentsweepError": "latentsweep.errors",
    "Model": "latentsweep.workflow.model",
    "Run": "latentsweep.workflow.opened_run",
    "Study": "latentsweep.study",
    "VAE": "latentsweep.sklearn",
    "load_study": "latentsweep.study",
    "recommend": "latentsweep.workflow.recommend",
    "recommend_losses": "latentsweep.workflow.own_losses",
    "run": "latentsweep.workflow.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latentsweep' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
