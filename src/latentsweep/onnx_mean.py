"""What sets the likelihoods apart in an ONNX graph: what encoders see, and the expected data.

encoders see        x, of counts log(1 + x)
bernoulli           sigmoid(l)
continuous          for |l| = t >= 1/2 1 / t - 1 / (e^t - 1), for l > 0 one less that;
bernoulli           below it 1 / 2 + l / 12 - l^3 / 720 + l^5 / 30240
gaussian            the outputs themselves
poisson             exp of the outputs, cut off at +-20
negative-binomial   the same of the first half of them
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

# How many of the decoder's outputs each data feature has.
PARAMETERS = {
    "bernoulli": 1,
    "continuous-bernoulli": 1,
    "gaussian": 1,
    "poisson": 1,
    "negative-binomial": 2,
}


class Step(NamedTuple):
    """An operator, what it takes, the name of what it gives, and its attributes."""

    operator: str
    taken: Sequence[str]
    given: str
    attributes: Mapping[str, Any] = MappingProxyType({})


class Piece(NamedTuple):
    """Steps of a graph, and the constants that they take."""

    steps: Sequence[Step]
    constants: Mapping[str, np.ndarray]

    @property
    def given(self) -> str:
        """The name of what the last step gives."""
        return self.steps[-1].given

    def then(self, other: "Piece") -> "Piece":
        """Both, one after the other."""
        return Piece([*self.steps, *other.steps], {**self.constants, **other.constants})


def seen(likelihood: str) -> Piece:
    """From "row", a scaled example, to "seen", what its encoder is given."""
    if likelihood in ("poisson", "negative-binomial"):
        steps = [Step("Add", ["row", "one"], "above"), Step("Log", ["above"], "seen")]
        return Piece(steps, {"one": _number(1)})
    return Piece([Step("Identity", ["row"], "seen")], {})


def mean(likelihood: str, features: int) -> Piece:
    """From "outputs", the decoder's, to "scaled", the expected data."""
    if likelihood == "continuous-bernoulli":
        return Piece(_CONTINUOUS, _CONSTANTS)
    if likelihood == "poisson":
        return _rate("outputs")
    if likelihood == "negative-binomial":
        return _first(features).then(_rate("first"))
    operator = {"bernoulli": "Sigmoid", "gaussian": "Identity"}[likelihood]
    return Piece([Step(operator, ["outputs"], "scaled")], {})


def _rate(source: str) -> Piece:
    steps = [Step("Clip", [source, "least", "most"], "log"), Step("Exp", ["log"], "scaled")]
    return Piece(steps, {"least": _number(-20), "most": _number(20)})


def _first(features: int) -> Piece:
    """The first `features` of the outputs."""
    ends = {"start": 0, "end": features, "axis": 1}
    constants = {name: np.array([number], np.int64) for name, number in ends.items()}
    return Piece([Step("Slice", ["outputs", *ends], "first")], constants)


def _number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


_CONTINUOUS = [
    Step("Abs", ["outputs"], "size"),
    Step("Less", ["size", "half"], "near"),
    Step("Max", ["size", "half"], "t"),
    Step("Neg", ["t"], "-t"),
    Step("Exp", ["-t"], "e^-t"),
    Step("Sub", ["one", "e^-t"], "1 - e^-t"),
    Step("Div", ["e^-t", "1 - e^-t"], "1 / (e^t - 1)"),
    Step("Reciprocal", ["t"], "1 / t"),
    Step("Sub", ["1 / t", "1 / (e^t - 1)"], "least"),
    Step("Sub", ["one", "least"], "greatest"),
    Step("Less", ["outputs", "zero"], "negative"),
    Step("Where", ["negative", "least", "greatest"], "far"),
    Step("Mul", ["outputs", "outputs"], "square"),
    Step("Mul", ["square", "fifth"], "fifth term"),
    Step("Add", ["fifth term", "third"], "third term"),
    Step("Mul", ["square", "third term"], "above first"),
    Step("Add", ["above first", "first order"], "slope"),
    Step("Mul", ["outputs", "slope"], "from half"),
    Step("Add", ["from half", "half"], "series"),
    Step("Where", ["near", "series", "far"], "scaled"),
]
_CONSTANTS = {
    "half": _number(0.5),
    "one": _number(1),
    "zero": _number(0),
    "first order": _number(1 / 12),
    "third": _number(-1 / 720),
    "fifth": _number(1 / 30240),
}
