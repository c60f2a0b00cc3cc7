"""The members of a study or a run, and one of them as it was trained."""

import dataclasses

import jax
import jax.numpy as jnp

from latentsweep.data.dataset import Scale
from latentsweep.errors import RunFolderError
from latentsweep.model.family import Settings, padded
from latentsweep.model.likelihoods import LIKELIHOODS, Likelihood
from latentsweep.model.objective import OBJECTIVES
from latentsweep.model.shape import NetworkShape
from latentsweep.model.trained import Trained
from latentsweep.model.user_network import fingerprint
from latentsweep.model.vae import initial_vae
from latentsweep.record.folder import RunFolder
from latentsweep.record.reading import reading
from latentsweep.study import Study
from latentsweep.training.checkpoint import from_named_arrays


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of the family; its objective is a variant's name."""

    objective: str
    latent_size: int
    seed: int

    @property
    def name(self) -> str:
        """Names its folder, such as `elbo-k02-s0`."""
        return f"{self.objective}-k{self.latent_size:02d}-s{self.seed}"

    def settings(
        self, study: Study, features: int, rounding: float = 0.0, start: int = 0
    ) -> Settings:
        """The member as numbers, as the family takes it, for examples of so many features.

        Args:
            rounding: the least variance of a Gaussian of the data.
            start: which beginning of the seed it has: 0, or after a bad training another.
        """
        variant = study.variant(self.objective)
        objective = OBJECTIVES[variant.objective].weighed(
            variant.kl_weight, study.reduction, features, self.latent_size
        )
        numbers = jax.tree.map(jnp.float32, objective)
        warm_up = jnp.float32(variant.kl_warm_up * study.epochs)
        seed, latent_size, start_ = map(jnp.int32, (self.seed, self.latent_size, start))
        return Settings(seed, latent_size, numbers, warm_up, jnp.float32(rounding), start_)


def members_of(study: Study) -> list[Member]:
    """The study's members, in the order in which they train and stand in the results."""
    return [
        Member(variant.name, latent_size, seed)
        for seed in study.seeds
        for latent_size in sorted(study.latent_sizes)
        for variant in study.variants
    ]


def members_in(folder: RunFolder, study: Study) -> list[Member]:
    """The members of a run: its study's, or those that a search has decided on so far."""
    if not (decisions := folder.decisions()):
        return members_of(study)
    decided = {
        Member("elbo", size, seed)
        for step in decisions
        for size in step["latent_sizes"]
        for seed in step["seeds"]
    }
    return sorted(decided, key=lambda member: (member.seed, member.latent_size))


def shape_of(
    study: Study, item_shape: tuple[int, ...], likelihood: Likelihood, width: int
) -> NetworkShape:
    """The sizes of a study's network, for such examples, at a latent width."""
    return NetworkShape(
        item_shape=item_shape,
        parameters_per_feature=likelihood.parameters_per_feature,
        hidden=study.hidden_size,
        width=width,
        network=study.network,
        path=study.init == "pca",
    )


def parameters(shape: NetworkShape) -> int:
    """Numbers in one padded network."""
    vae = jax.eval_shape(lambda: initial_vae(jax.random.key(0), shape, jnp.ones(())))
    return sum(leaf.size for leaf in jax.tree.leaves(vae))


def code_of(study: Study, item_shape: tuple[int, ...], likelihood: Likelihood) -> str | None:
    """The fingerprint of a user's own network, at a study's least size; None of built-in ones."""
    shape = shape_of(study, item_shape, likelihood, min(study.latent_sizes))
    return None if shape.is_padded else fingerprint(shape)


def check_code(folder: RunFolder, study: Study) -> None:
    """Refuse a user's own network that is not as it was when its run began.

    Under another version of JAX that can't be told.

    Raises:
        RunFolderError: its code has changed.
    """
    manifest = folder.manifest()
    begun = manifest.get("code")
    if begun is None or ":" not in study.network or manifest["versions"]["jax"] != jax.__version__:
        return
    data = manifest["data"]
    if code_of(study, tuple(data["item_shape"]), LIKELIHOODS[data["likelihood"]]) != begun:
        raise RunFolderError(
            f"{folder.path}: the code of its network {study.network} has changed since it began; "
            "bring back what it was, or choose another folder with -o"
        )


def load_trained(folder: RunFolder, member: Member, width: int | None = None) -> Trained:
    """A member's network from its run folder.

    Args:
        width: pad it to this latent width.

    Raises:
        RunFolderError: its weights are missing or damaged, or the code of a user's own network has
            changed.
    """
    data, study = folder.manifest()["data"], folder.study()
    likelihood = LIKELIHOODS[data["likelihood"]]
    check_code(folder, study)
    shape = shape_of(study, tuple(data["item_shape"]), likelihood, member.latent_size)
    weights = folder.weights(member.name)
    template = jax.eval_shape(lambda: initial_vae(jax.random.key(0), shape, jnp.ones(())))
    with reading(folder.member_path(member.name) / "weights.safetensors"):
        vae = jax.tree.map(jnp.asarray, from_named_arrays(template, weights))
    if width is not None:
        vae = padded(vae, shape._replace(width=width))
    scale = Scale.from_json(data["scale"])
    settings = member.settings(study, shape.features)
    return Trained(vae, settings, likelihood, jnp.asarray(weights["shared"]), scale)
