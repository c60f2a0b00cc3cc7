"""Counts the kernels of one training step: `python benchmarks/kernels.py [STUDY]`.

Compiles the epoch of a study's `elbo` members of one seed, as on one device, and counts in the body
of its loop over steps what a device starts one after another: fusions, products, library calls,
copies. On a GPU these are launches, whose number bounds the time of a step of so small a network.
No data is needed, nothing is trained.
"""

import argparse
import re
from collections import Counter

import jax
import jax.numpy as jnp

from latentsweep.data.dataset import Scale
from latentsweep.model import family
from latentsweep.model.likelihoods import LIKELIHOODS
from latentsweep.model.shape import NetworkShape
from latentsweep.study import Study, load_study, parse_setting
from latentsweep.training.members import members_of
from latentsweep.training.optimiser import adam
from latentsweep.training.orders import Recipe
from latentsweep.training.placement import Placement
from latentsweep.training.programs import compiled
from latentsweep.training.supply import Held

FEATURES, EXAMPLES = 784, 60_000
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.-]+) .*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.-]+ = (?:\(.*?\)|\S+) ([a-z][\w-]*)\((.*)$")
_NO_KERNEL = {"parameter", "constant", "get-tuple-element", "tuple", "bitcast", "after-all"}
_NO_KERNEL |= {"copy-done", "partition-id", "replica-id", "opt-barrier"}


def step_kernels(program: str, steps: int) -> Counter[str]:
    """How many kernels of each kind a program starts in each turn of its loop over so many steps.

    Args:
        program: optimised HLO as text.
    """
    computations = _computations(program)
    trips = rf'while\(.*body=%?([\w.-]+).*"known_trip_count":\{{"n":"{steps}"\}}'
    bodies = [_kernels(body, computations) for body in re.findall(trips, program)]
    return max(bodies, key=Counter.total)


def _computations(program: str) -> dict[str, list[str]]:
    """The lines of each computation of a program by its name."""
    found: dict[str, list[str]] = {}
    name = None
    for line in program.splitlines():
        if opening := _COMPUTATION.match(line):
            name = opening[1]
            found[name] = []
        elif name:
            found[name].append(line)
    return found


def _kernels(computation: str, computations: dict[str, list[str]]) -> Counter[str]:
    """Kernels by kind, those of called computations in the place of their calls."""
    counted: Counter[str] = Counter()
    for line in computations[computation]:
        instruction = _INSTRUCTION.match(line)
        if instruction is None or instruction[1] in _NO_KERNEL:
            continue
        called = re.search(r"to_apply=%?([\w.-]+)", instruction[2])
        if instruction[1] == "call" and called:
            counted += _kernels(called[1], computations)
        else:
            counted[_kind(*instruction.groups())] += 1
    return counted


def _kind(name: str, rest: str) -> str:
    """A kernel's kind: its instruction, and which sort of fusion or whose call it is."""
    sort = re.search(r'kind=k(\w+)|custom_call_target="([^"]+)"', rest)
    return f"{name} {sort[1] or sort[2]}" if sort else name


def epoch_program(study: Study, mapping: family.Mapping) -> tuple[str, int]:
    """The optimised program of an epoch on one device, and its number of steps."""
    steps = -(-EXAMPLES // study.batch_size)
    recipe = Recipe(
        shape=NetworkShape((FEATURES,), 1, study.hidden_size, max(study.latent_sizes)),
        likelihood=LIKELIHOODS["bernoulli"],
        scale=Scale(0.0, 255.0),
        optimiser=adam(study, study.epochs * steps),
        batch_size=study.batch_size,
        examples=EXAMPLES,
        products=study.products,
    )
    settings = family.stacked([member.settings(study, FEATURES) for member in members_of(study)])
    data = Held(jnp.zeros((EXAMPLES, FEATURES), jnp.uint8))
    mesh = Placement(tuple(jax.devices()[:1]), mapping).mesh(len(settings.seed))
    (programs,) = compiled(recipe, mapping, [(settings, data, mesh)])
    return programs.last.as_text(), steps


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", nargs="?", default="mnist")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()
    changes = {"objectives": ["elbo"], "seeds": [0], **dict(map(parse_setting, asked.set))}
    study = load_study(asked.study).changed(changes)
    counted = {mapping: step_kernels(*epoch_program(study, mapping)) for mapping in ("map", "vmap")}
    print(f"kernels of a step: {study.name}, {len(members_of(study))} members, ", end="")
    print(f"{jax.devices()[0].device_kind}, JAX {jax.__version__}")
    print(f"{'':28}{'map':>6}{'vmap':>6}")
    for kind in sorted(counted["map"] | counted["vmap"]):
        print(f"{kind:28}{counted['map'][kind]:6}{counted['vmap'][kind]:6}")
    print(f"{'all':28}{counted['map'].total():6}{counted['vmap'].total():6}")


if __name__ == "__main__":
    main()
