"""A study: every choice that decides its numbers, in one frozen value that is also a TOML file.

A field is *static* when it fixes the compiled program or the data, so that all members of a study
share it, or *member* when each network of the family may have its own value.
"""

import math
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from latentsweep.errors import StudyError, nearest
from latentsweep.study.likelihood_facts import FACTS, LikelihoodName
from latentsweep.study.other_words import OTHER_WORDS
from latentsweep.study.variants import ObjectiveName, Variant, variants

ProductPrecision = Literal["float32", "tf32", "bfloat16"]
Reduction = Literal["sum", "mean"]
Binarisation = Literal["none", "dynamic"]
Init = Literal["random", "pca"]
Missing = Literal["error", "drop", "mean"]
Scaling = Literal["auto", "standard", "minmax", "none"]
_MOST_VALUES = 10_000
_MOST_MEMBERS = 100_000


def _as_tuple(value: Any) -> Any:
    """One value or several: `8`, `"2,4,8"` and `[2, 4, 8]` all name latent sizes."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    several = isinstance(value, list | tuple | range)
    values = tuple(islice(value, _MOST_VALUES + 1)) if several else (value,)
    if len(values) > _MOST_VALUES:
        raise ValueError(f"at most {_MOST_VALUES:,} values")
    return values


def _as_text(value: Any) -> Any:
    """`--set label=3` names a column "3"."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _static(default: Any, description: str, **rule: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"differs": "static"}, **rule)


def _member(default: Any, description: str, **rule: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"differs": "member"}, **rule)


Size = Annotated[int, Field(ge=1, le=4096)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Text = Annotated[str, BeforeValidator(_as_text)]


class Study(BaseModel):
    """Every choice of a study; `docs/study.md` lists the fields with their rules."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = _static(..., "names the run folder and the report", pattern=r"^\w[\w.-]*$")
    description: str = _static("", "one line for people")
    data: str = _static(
        "mnist", "a known data set, or the path of a table, an array or a folder of images"
    )
    label: Text = _static("", "column of a table that names the classes")
    id: Text = _static("", "column of a table that names the rows; kept beside the codes")
    drop: Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)] = _static(
        (), "columns of a table that are left out"
    )
    missing: Missing = _static(
        "error",
        "what to do about missing values: refuse, drop the examples that have some, or fill in the "
        "mean of the training split",
    )
    scale: Scaling = _static(
        "auto",
        "standard (mean 0, deviation 1), minmax (0 to 1) or none, by column where there are "
        "columns; auto: chosen from the data (docs/data.md)",
    )
    split_by: Text = _static(
        "",
        "column of a table whose groups, or 20 blocks of time, are never divided between the "
        "splits; order: 20 blocks of consecutive examples",
    )
    resize: Text = _static(
        "",
        "side of the square, or height x width as 24x32, that images of a folder are brought to",
        pattern=r"^([1-9]\d{0,4}(x[1-9]\d{0,4})?)?$",
    )
    test_fraction: float = _static(
        0.2, "share held out for testing where the data has no test split of its own", gt=0, lt=1
    )
    train_examples: int = _static(
        0, "training examples at most, drawn at random where there are more; 0: all", ge=0, lt=2**31
    )
    validation_fraction: float = _static(
        0.0, "share of the training split held out to choose a latent size on", ge=0, lt=1
    )
    validation_folds: int = _static(
        0,
        "equal parts of the training split, of which seed s holds out number s mod "
        "validation_folds to choose on, in the place of a validation_fraction",
        ge=0,
        lt=2**31,
    )
    split_seed: Seed = _static(0, "seed of these splits")
    latent_sizes: Annotated[tuple[Size, ...], BeforeValidator(_as_tuple)] = _member(
        (2, 4, 8, 16, 32), "the latent sizes to compare", min_length=1
    )
    objectives: Annotated[tuple[ObjectiveName, ...], BeforeValidator(_as_tuple)] = _member(
        ("keras-blog", "elbo"), "what is minimised: keras-blog (the report's) or elbo", min_length=1
    )
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_as_tuple)] = _member(
        (0,), "each seed repeats the study: initial weights, order and noise", min_length=1
    )
    likelihood: LikelihoodName = _static(
        "auto", "distribution of a data feature; auto: chosen from the data (docs/data.md)"
    )
    binarisation: Binarisation = _static(
        "none",
        "dynamic: each pixel becomes 0 or 1, 1 with its grey value as probability, drawn anew "
        "each time in training and once for the test split",
    )
    kl_weight: Annotated[tuple[Weight, ...], BeforeValidator(_as_tuple)] = _member(
        (1.0,), "beta: what the penalty is multiplied by; 1 for a bound", min_length=1
    )
    kl_warm_up: Annotated[tuple[Share, ...], BeforeValidator(_as_tuple)] = _member(
        (0.0,), "share of the epochs over which beta rises from 0", min_length=1
    )
    reduction: Reduction = _static(
        "sum", "mean divides the reconstruction by the features and the penalty by the latent size"
    )
    network: str = _static(
        "dense",
        "dense, convolutional, linear-decoder, or module:Class of your own (docs/networks.md)",
        pattern=r"^(dense|convolutional|linear-decoder|[\w.]+:[\w.]+)$",
    )
    hidden_size: Annotated[tuple[Count, ...], BeforeValidator(_as_tuple)] = _static(
        (512,),
        "ReLU units of each dense layer of the encoder; of the decoder in reverse",
        min_length=1,
    )
    init: Init = _static(
        "random",
        "how networks begin: random, or pca: as probabilistic principal components, by a linear "
        "path beside their layers (built-in networks with likelihood gaussian)",
    )
    batch_size: Count = _static(32, "examples a step")
    epochs: Count = _static(10, "passes over the training split")
    stopping_fraction: float = _static(
        0.0,
        "share of each network's training examples (2,000 at most) that it does not learn: the "
        "epoch that does best on them is kept; 0 for none, and the last epoch is kept",
        ge=0,
        lt=1,
    )
    patience: Count = _static(10, "epochs without a gain there after which training is stopped")
    learning_rate: float = _static(1e-3, "Adam's step size (its peak, with a schedule)", gt=0)
    warm_up: float = _static(
        0.0, "share of the steps over which the learning rate rises from 0", ge=0, le=1
    )
    decay: float = _static(
        0.0, "share of the steps, at the end, over which it falls to 0", ge=0, le=1
    )
    adam_beta1: float = _static(0.9, "decay of Adam's mean of gradients", ge=0, lt=1)
    adam_beta2: float = _static(0.999, "decay of Adam's mean of squared gradients", ge=0, lt=1)
    adam_epsilon: float = _static(1e-7, "added to the root of that mean", gt=0)
    weight_decay: float = _static(
        0.0, "AdamW's, taken an epoch at a time, of the layers' kernels alone", ge=0
    )
    products: ProductPrecision = _static(
        "float32",
        "precision of matrix products in training: a GPU may train faster with tf32 or bfloat16; "
        "a CPU takes float32 all the same",
    )
    draws: Count = _static(16, "posterior samples a test example when measuring")
    projected_examples: Count = _static(5000, "test examples in the t-SNE panels at most")

    @model_validator(mode="after")
    def _repeats(self) -> Self:
        members = ("latent_sizes", "objectives", "seeds", "kl_weight", "kl_warm_up")
        if (count := math.prod(len(getattr(self, field)) for field in members)) > _MOST_MEMBERS:
            raise ValueError(
                f"{' x '.join(members)}: at most {_MOST_MEMBERS:,} networks, got {count:,}; give "
                "fewer of them"
            )
        for field in members:
            values = getattr(self, field)
            if len(set(values)) < len(values):
                raise ValueError(f"{field}: each value once, got {list(values)}; drop the repeats")
        if self.binarisation != "none" and self.likelihood not in ("auto", "bernoulli"):
            raise ValueError(
                f"binarisation: only with likelihood bernoulli, got {self.likelihood}; set one of "
                "them anew"
            )
        facts = FACTS.get(self.likelihood)
        if facts and facts.counts and self.scale not in ("auto", "none"):
            raise ValueError(
                f"scale: only none with likelihood {self.likelihood}, whose counts stay as they "
                f"are, got {self.scale}; leave it out, or set likelihood = 'gaussian'"
            )
        built_in = self.network in ("dense", "convolutional")
        if self.init == "pca" and not (built_in and (facts is None or facts.variance)):
            raise ValueError(
                "init: pca only of dense or convolutional networks with likelihood gaussian, got "
                f"{self.network}, {self.likelihood}; set them so, or init = 'random'"
            )
        if self.validation_folds == 1:
            raise ValueError("validation_folds: 0, or 2 and more, got 1; set it to 0 for none")
        if self.validation_folds and self.validation_fraction:
            raise ValueError(
                "validation_folds: only with validation_fraction 0, got "
                f"{self.validation_fraction:g}; set one of them to 0"
            )
        if self.warm_up + self.decay > 1:
            raise ValueError(
                f"warm_up + decay: at most 1, got {self.warm_up + self.decay:g}; lower one of them"
            )
        return self

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Every objective with every weight and warm-up of its penalty."""
        return variants(self.objectives, self.kl_weight, self.kl_warm_up)

    def variant(self, name: str) -> Variant:
        """The variant of this name."""
        return next(variant for variant in self.variants if variant.name == name)

    def changed(self, changes: Mapping[str, Any]) -> "Study":
        """This study with other values in some fields, validated again.

        Raises:
            StudyError: an unknown field or a value that breaks its rule.
        """
        return validated({**self.model_dump(), **changes}, source=f"study {self.name}")

    def first_difference(self, other: "Study") -> str | None:
        """The first field, in order, in which another study differs: "epochs: 10 there, 2 here"."""
        for field in type(self).model_fields:
            there, here = getattr(self, field), getattr(other, field)
            if field not in ("name", "description") and there != here:
                return f"{field}: {_plain(there)} there, {_plain(here)} here"
        return None

    def to_toml(self) -> str:
        """The complete study as TOML, every default written out."""
        return tomli_w.dumps(
            {k: list(v) if isinstance(v, tuple) else v for k, v in self.model_dump().items()}
        )


def validated(fields: Mapping[str, Any], source: str) -> Study:
    """The study of these fields.

    Raises:
        StudyError: an unknown field, or the first value that breaks its rule, of `source`.
    """
    try:
        return Study(**fields)
    except ValidationError as error:
        raise StudyError(f"{source}: {_complaint(error)}") from None


def _complaint(error: ValidationError) -> str:
    """What is wrong with a field, as field, rule, value and remedy."""
    first = error.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        known = list(Study.model_fields)
        other = OTHER_WORDS.get(field.lower().replace("-", "_"))
        hint = f"; did you mean '{other}'?" if other else nearest(field, known)
        return f"unknown field '{field}'{hint or '; known: ' + ', '.join(known)}"
    if first["type"] == "missing":
        return f"field '{field}' is missing; add it"
    message = first["msg"].removeprefix("Value error, ")
    if not field:
        return message
    rule = message[0].lower() + message[1:]
    meaning = Study.model_fields[field].description
    return f"{field}: {rule}, got {_plain(first['input'])}; {field} is {meaning}"


def _plain(value: Any) -> str:
    """A value as Python writes it, a tuple as a list."""
    try:
        return str(list(value)) if isinstance(value, tuple) else repr(value)
    except ValueError:
        return "a number of more digits than are written"
