"""What a run folder's files hold: names, types and shapes; `docs/formats.md` says what they mean.

Names that are not listed are not looked at. Those that are may be missing where it is not said
otherwise, since older runs have fewer: `record.reading` tells what is asked for and not there.
"""

import re
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from latentsweep.study import FACTS

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]*-k[0-9]+-s[0-9]+")

Count = Annotated[int, Field(ge=0, le=2**53)]
Size = Annotated[int, Field(ge=1, le=2**31)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=rf"^{NAME.pattern}$", max_length=150)]
Likelihood = Annotated[str, Field(pattern=f"^({'|'.join(FACTS)})$")]
Label = str | int | float | bool
_strict = with_config(ConfigDict(strict=True))


@_strict
class Scale(TypedDict, total=False):
    """What scales the data."""

    offset: Number | list[Number]
    factor: Number | list[Number]


@_strict
class Data(TypedDict, total=False):
    """The manifest's account of the data."""

    name: str
    source: str
    known_as: str | None
    hash: str
    hash_of: str
    item_shape: Annotated[list[Size], Field(min_length=1, max_length=8)]
    splits: dict[str, Count]
    measured: dict[str, Count]
    label_names: list[Label] | None
    image: bool
    white: Number | None
    likelihood: Likelihood
    rounding: Number
    columns: list[str] | None
    origin: Number | list[Number]
    scale: Scale


@_strict
class Bounds(TypedDict, total=False):
    """What the losses are held against."""

    no_latent: Number
    entropy_floor: Number | None


@_strict
class Device(TypedDict, total=False):
    """What a run was made on."""

    kind: str
    name: str
    count: Count
    cores: Count


@_strict
class Setting(TypedDict, total=False):
    """A network's own settings, and the study's."""

    name: Name
    objective: str
    latent_size: Size
    seed: Count
    network: str
    learning_rate: Number
    hidden_size: Size | list[Size]


@_strict
class Manifest(TypedDict, total=False):
    """manifest.json."""

    format: int
    status: Literal["beginning", "running", "complete"]
    command: str
    versions: dict[str, str]
    device: Device
    data: Data
    bounds: Bounds
    members: list[Setting]
    seconds: dict[str, Number]


@_strict
class Plan(TypedDict):
    """plan.json of a pass."""

    members: Annotated[list[Name], Field(min_length=1)]
    width: Size
    mapping: Literal["map", "vmap"]
    devices: Size
    epochs: Size
    steps_per_epoch: Size
    fused: NotRequired[bool]


@_strict
class Facts(TypedDict, total=False):
    """member.json."""

    objective: str
    latent_size: Size
    seed: Count
    failed_epoch: Count
    train_seconds: Number
    start: Count
    kept_epoch: Count
    apart_loss: Number | None
    least_loss: Number | None
    weights_sha256: str


@_strict
class Alarm(TypedDict):
    """One of alarms.json."""

    member: Name
    alarm: str
    reason: NotRequired[str]
    numbers: NotRequired[dict[str, Number | None]]
    seen: str
    remedy: str


@_strict
class Decision(TypedDict):
    """A line of decisions.jsonl."""

    action: str
    latent_sizes: Annotated[list[Annotated[int, Field(ge=1, le=10**6)]], Field(max_length=10**4)]
    seeds: Annotated[list[Count], Field(max_length=10**4)]
    reason: NotRequired[dict[str, str | int | list[int]]]
    why: str


@_strict
class Estimate(TypedDict, total=False):
    """The data's dimension at one scale."""

    method: str
    neighbours: Count
    points: Count
    dimension: Number | None


@_strict
class Dimension(TypedDict, total=False):
    """What neighbours say of the data's dimension."""

    points: Count
    duplicates: Count
    two_nn: Number | None
    mle: Number | None
    low: Number | None
    high: Number | None
    scale_dependent: bool | None
    estimates: list[Estimate]


@_strict
class Yardsticks(TypedDict, total=False):
    """yardsticks.json."""

    dimension: Dimension
    features: dict[str, str | Number]
    floor: dict[str, Number | None]
    pixel_midpoint_confident: Number | None


@_strict
class Row(TypedDict, total=False):
    """What a recommendation says of one size."""

    latent_size: Size
    seeds: Count
    loss: Number
    behind: Number
    low: Number
    high: Number
    verdict: str
    probability: Number | None
    active_units: Number | None
    linear: Number | None
    difference: Number | None


@_strict
class Share(TypedDict, total=False):
    """The answer at another share of the gain."""

    share: Number
    latent_size: Size | None


@_strict
class Linear(TypedDict, total=False):
    """The linear model beside the networks."""

    latent_size: Size | None
    wins: list[Size]
    loses: list[Size]
    sizes: list[Row]


@_strict
class Recommendation(TypedDict, total=False):
    """The recommended size, and what it rests on."""

    status: str
    latent_size: Size | None
    set: Annotated[list[Size], Field(min_length=2, max_length=2)] | None
    delta: Number | None
    share: Number | None
    target: Number | None
    gain: Number | None
    best: Size | None
    exhausted: bool
    criterion: str
    setting: dict[str, Any]
    remarks: list[dict[str, Any]]
    reason: dict[str, Any]
    ending: dict[str, Any] | None
    doubt: str | None
    gradual_at: Size | None
    measure: str
    unit: str | None
    data: str
    answer: str
    sentence: str
    methods: str | None
    scope: str
    evidence_sentences: list[str]
    notes: list[str]
    open: str | None
    at_shares: list[Share]
    rows: list[Row]
    linear: Linear | None


@_strict
class Claim(TypedDict, total=False):
    """A judged claim."""

    part: str
    says: str
    objective: str
    verdict: str
    up_to: Size | None
    found: dict[str, Any]
    sentence: str
    notes: list[str]
    lacking: Count
    lacking_seconds: Number | None


@_strict
class Answers(TypedDict, total=False):
    """answers.json."""

    recommendation: Recommendation
    claims: list[Claim]


Column = bool | int | float | Literal["nan", "inf", "-inf"]  # a number that JSON lacks by its name

# Tables: these columns are text and these whole numbers from 0; all others are numbers.
TEXTS = ["member", "objective", "data", "split", "status", "method", "representation", "id"]
WHOLE = ["latent_size", "other_size", "seed", "failed_epoch", "example", "row", "epoch"]
RESULTS = [
    "member",
    "objective",
    "latent_size",
    "seed",
    "status",
    "failed_epoch",
    "train_seconds",
    "loss",
    "reconstruction",
    "penalty",
    "rate",
    "neg_elbo",
    "reconstruction_of_mean",
    "mse_of_mean",
    "active_units",
]
PROJECTIONS = ["member", "example", "x", "y", "method"]
IDS = ["split", "example", "row"]
HISTORY = ["epoch", "loss", "reconstruction", "penalty"]
BASELINES = ["representation", "latent_size"]
SIMILARITIES = ["objective", "seed", "latent_size", "other_size", "overlap", "cka"]

# Arrays: the kind (f: floats, i: whole numbers) and the axes. An axis is a number, or a letter that
# stands for the same number in the whole file; `*` are those of an item, `<N` says below what.
LAYOUT = {
    "arrays": {
        "test/codes": "f N K",
        "test/code_scales": "f N K",
        "test/": "f N",
        "kl_per_dimension": "f K",
        "rho": "f K",
        "shift": "f K",
        "stretch": "f K",
        "shown/decodes": "n E *",
        "shown/ssim_": "f E",
        "grid/decodes": "n 9 9 *",
        "grid/dimensions": "i 2 <K",
    },
    "validation": {
        "validation/": "n V",
        "kl_per_dimension": "f K",
        "rho": "f K",
        "units_by_class": "i C",
    },
    "structure": {"projected/neighbours": "i P 10 <P", "test/knn_hits": "i N"},
    "likelihood": {
        "examples": "i L <N",
        "iw_": "f L",
        "exact_nll": "f L",
        "test/iw_nll": "f N",
    },
    "regularity": {"grid/probabilities": "f 81 10"},
    "examples": {"values": "n E *", "indices": "i E <N", "test/labels": "i N <classes"},
}
