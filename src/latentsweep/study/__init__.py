"""A study: every choice that decides its numbers, in one frozen value that is also a TOML file."""

from latentsweep.study.fields import (
    Init,
    ProductPrecision,
    Reduction,
    Scaling,
    Study,
)
from latentsweep.study.files import built_in_studies, load_study, parse_setting
from latentsweep.study.likelihood_facts import FACTS, LikelihoodName
from latentsweep.study.variants import OBJECTIVE_LABELS, ObjectiveName, Variant, objective_of

__all__ = [
    "FACTS",
    "OBJECTIVE_LABELS",
    "Init",
    "LikelihoodName",
    "ObjectiveName",
    "ProductPrecision",
    "Reduction",
    "Scaling",
    "Study",
    "Variant",
    "built_in_studies",
    "load_study",
    "objective_of",
    "parse_setting",
]
