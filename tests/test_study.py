import os
import tomllib
from typing import get_args

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from latentsweep.errors import StudyError
from latentsweep.study import (
    OBJECTIVE_LABELS,
    ObjectiveName,
    Study,
    built_in_studies,
    load_study,
    objective_of,
    parse_setting,
)
from latentsweep.study.fields import Missing, ProductPrecision, Reduction, Scaling
from latentsweep.study.other_words import OTHER_WORDS

FIELDS = ", ".join(Study.model_fields)


def message_of(function, *arguments) -> str:
    with pytest.raises(StudyError) as caught:
        function(*arguments)
    return str(caught.value)


def distinct(values):
    return st.lists(values, min_size=1, max_size=5, unique=True).map(tuple)


positive = st.floats(1e-12, 1e6)
share = st.floats(0, 0.5)
studies = st.builds(
    Study,
    name=st.text("aZ_9.-é日", min_size=1, max_size=20).filter(lambda name: name[0] not in ".-"),
    description=st.text(st.characters(codec="utf-8"), max_size=30),
    data=st.text(st.characters(codec="utf-8"), max_size=30),
    label=st.text(st.characters(codec="utf-8"), max_size=9),
    id=st.text(st.characters(codec="utf-8"), max_size=9),
    drop=distinct(st.text(st.characters(codec="utf-8"), max_size=9)),
    missing=st.sampled_from(get_args(Missing)),
    scale=st.sampled_from(get_args(Scaling)),
    split_by=st.text(st.characters(codec="utf-8"), max_size=9),
    resize=st.sampled_from(["", "32", "24x32"]),
    test_fraction=st.floats(0.01, 0.99),
    train_examples=st.integers(0, 2**31 - 1),
    validation_fraction=st.floats(0, 0.99),
    validation_folds=st.just(0),
    split_seed=st.integers(0, 2**31 - 1),
    latent_sizes=distinct(st.integers(1, 4096)),
    objectives=distinct(st.sampled_from(get_args(ObjectiveName))),
    seeds=distinct(st.integers(0, 2**31 - 1)),
    likelihood=st.sampled_from(["auto", "bernoulli", "gaussian", "continuous-bernoulli"]),
    binarisation=st.just("none"),
    kl_weight=distinct(st.floats(0, 1e6)),
    kl_warm_up=distinct(st.floats(0, 1)),
    network=st.sampled_from(["dense", "convolutional", "a.module:A.Class"]),
    reduction=st.sampled_from(get_args(Reduction)),
    hidden_size=st.lists(st.integers(1, 10**6), min_size=1, max_size=3).map(tuple),
    batch_size=st.integers(1, 10**6),
    epochs=st.integers(1, 10**6),
    learning_rate=positive,
    warm_up=share,
    decay=share,
    init=st.just("random"),
    stopping_fraction=st.floats(0, 0.9),
    patience=st.integers(1, 30),
    weight_decay=st.floats(0, 10),
    adam_beta1=st.floats(0, 0.999),
    adam_beta2=st.floats(0, 0.999),
    adam_epsilon=positive,
    products=st.sampled_from(get_args(ProductPrecision)),
    draws=st.integers(1, 10**6),
    projected_examples=st.integers(1, 10**6),
)


@given(studies)
def test_a_study_comes_back_from_its_toml(study):
    assert Study(**tomllib.loads(study.to_toml())) == study


def test_the_strategy_above_knows_every_field():
    assert set(studies.wrapped_strategy.kwargs) == set(Study.model_fields)


def test_every_default_is_written_out():
    written = tomllib.loads(Study(name="own").to_toml())
    assert list(written) == list(Study.model_fields)
    assert written["learning_rate"] == 1e-3


@given(studies)
def test_a_study_does_not_differ_from_itself_whatever_it_is_called(study):
    assert study.first_difference(study) is None
    assert study.first_difference(study.changed({"name": "other", "description": "x"})) is None


def test_a_study_written_before_there_was_a_field_is_the_same_study(tmp_path):
    now = tomllib.loads(load_study("mnist").to_toml())
    new = ("label", "id", "drop", "missing", "scale", "split_by", "resize")
    path = tmp_path / "study.toml"
    path.write_text(tomli_w.dumps({k: v for k, v in now.items() if k not in new}))
    assert load_study(str(path)).first_difference(load_study("mnist")) is None


def test_a_folder_beside_a_study_needs_a_slash(tmp_path):
    (tmp_path / "images").mkdir()
    for written, data in (("images/", str(tmp_path / "images")), ("images", "images")):
        (tmp_path / "own.toml").write_text(f'data = "{written}"')
        assert load_study(str(tmp_path / "own.toml")).data == data


def test_names_of_columns_may_be_numbers():
    study = Study(name="own").changed({"label": 3, "drop": [1, "two"], "resize": 32})
    assert (study.label, study.drop, study.resize) == ("3", ("1", "two"), "32")


@pytest.mark.parametrize("size", ["0", "32x", "x32", "32x0", "big", "-3"])
def test_a_size_of_images_is_a_side_or_two(size):
    assert "resize: string should match" in message_of(Study(name="own").changed, {"resize": size})


@pytest.mark.parametrize("name", built_in_studies())
def test_every_built_in_study_loads_and_bears_its_name(name):
    study = load_study(name)
    assert study.name == name
    assert study.description


def test_these_studies_are_built_in():
    assert built_in_studies() == ("digits", "mnist", "mnist-claims", "mnist-fast")


def test_mnist_is_the_report_exactly():
    assert load_study("mnist").model_dump(exclude={"name", "description"}) == {
        "data": "mnist",
        "label": "",
        "id": "",
        "drop": (),
        "missing": "error",
        "scale": "auto",
        "split_by": "",
        "resize": "",
        "test_fraction": 0.2,
        "train_examples": 0,
        "validation_fraction": 0.0,
        "validation_folds": 0,
        "split_seed": 0,
        "latent_sizes": (2, 4, 8, 16, 32),
        "objectives": ("keras-blog", "elbo"),
        "seeds": (0,),
        "likelihood": "bernoulli",
        "binarisation": "none",
        "kl_weight": (1.0,),
        "kl_warm_up": (0.0,),
        "reduction": "sum",
        "network": "dense",
        "hidden_size": (512,),
        "batch_size": 32,
        "epochs": 10,
        "learning_rate": 1e-3,
        "warm_up": 0.0,
        "decay": 0.0,
        "init": "random",
        "stopping_fraction": 0.0,
        "patience": 10,
        "weight_decay": 0.0,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_epsilon": 1e-7,
        "products": "float32",
        "draws": 16,
        "projected_examples": 5000,
    }


def test_only_values_of_a_bernoulli_become_binary():
    study = load_study("mnist").changed({"binarisation": "dynamic"})
    assert message_of(study.changed, {"likelihood": "gaussian"}) == (
        "study mnist: binarisation: only with likelihood bernoulli, got gaussian; set one of them "
        "anew"
    )


def test_mnist_claims_is_mnist_six_times():
    changes = {"seeds": (0, 1, 2, 3, 4, 5), "name": "mnist-claims"}
    claims = load_study("mnist-claims")
    changes["description"] = claims.description
    assert load_study("mnist").changed(changes) == claims


def test_mnist_fast_trains_the_same_networks_on_another_schedule():
    schedule = {"epochs", "learning_rate", "warm_up", "decay", "kl_warm_up"}
    said = {"name", "description"}
    mnist, fast = (load_study(n).model_dump(exclude=said) for n in ("mnist", "mnist-fast"))
    assert {field for field in mnist if mnist[field] != fast[field]} == schedule


def test_every_objective_has_a_label_and_the_reports_says_what_it_is_not():
    assert set(OBJECTIVE_LABELS) == set(get_args(ObjectiveName))
    assert OBJECTIVE_LABELS["keras-blog"] == "Keras-blog loss (not an ELBO)"


@pytest.mark.parametrize("field", Study.model_fields)
def test_every_field_is_described_and_says_where_it_may_differ(field):
    info = Study.model_fields[field]
    assert info.description
    assert isinstance(info.json_schema_extra, dict)
    assert info.json_schema_extra["differs"] in ("static", "member")


def test_members_differ_in_these_fields():
    fields = Study.model_fields.items()
    differing = {n for n, info in fields if info.json_schema_extra == {"differs": "member"}}
    assert differing == {"latent_sizes", "objectives", "seeds", "kl_weight", "kl_warm_up"}


def test_a_study_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load_study("digits").epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("given", [8, "8", [8], (8,)])
def test_one_latent_size_may_be_given_bare(given):
    assert load_study("digits").changed({"latent_sizes": given}).latent_sizes == (8,)


@pytest.mark.parametrize("given", ["2,4,8", "2, 4 ,8,", [2, 4, 8], (2, 4, 8), ["2", "4", "8"]])
def test_several_latent_sizes_may_be_given_in_any_way(given):
    assert load_study("digits").changed({"latent_sizes": given}).latent_sizes == (2, 4, 8)


RULES = {
    "learning_rat": (
        1,
        "unknown field 'learning_rat'; did you mean 'learning_rate'?",
    ),
    "xyzzy": (1, f"unknown field 'xyzzy'; known: {FIELDS}"),
    "epochs": (
        0,
        "epochs: input should be greater than or equal to 1, got 0; epochs is passes over the "
        "training split",
    ),
    "learning_rate": (
        "fast",
        "learning_rate: input should be a valid number, unable to parse string as a number, got "
        "'fast'; learning_rate is Adam's step size (its peak, with a schedule)",
    ),
    "latent_sizes": (
        "2,4,2",
        "latent_sizes: each value once, got [2, 4, 2]; drop the repeats",
    ),
    "objectives": (
        "beta",
        "objectives: input should be 'keras-blog' or 'elbo', got 'beta'; objectives is what is "
        "minimised: keras-blog (the report's) or elbo",
    ),
    "split_seed": (
        -1,
        "split_seed: input should be greater than or equal to 0, got -1; split_seed is seed of "
        "these splits",
    ),
    "adam_epsilon": (
        float("nan"),
        "adam_epsilon: input should be a finite number, got nan; adam_epsilon is added to the "
        "root of that mean",
    ),
    "name": (
        "my study",
        "name: string should match pattern '^\\w[\\w.-]*$', got 'my study'; name is names the run "
        "folder and the report",
    ),
}


@pytest.mark.parametrize("field", RULES)
def test_a_broken_rule_says_field_rule_value_and_meaning(field):
    value, message = RULES[field]
    digits = load_study("digits")
    assert message_of(digits.changed, {field: value}) == f"study digits: {message}"


@pytest.mark.parametrize("value", [0, 4097, -3])
def test_a_latent_size_has_bounds(value):
    assert "latent_sizes: input should be" in message_of(
        load_study("digits").changed, {"latent_sizes": [2, value]}
    )


def test_warm_up_and_decay_share_the_steps():
    digits = load_study("digits")
    assert digits.changed({"warm_up": 0.5, "decay": 0.5}).decay == 0.5
    assert message_of(digits.changed, {"warm_up": 0.5, "decay": 0.75}) == (
        "study digits: warm_up + decay: at most 1, got 1.25; lower one of them"
    )


def test_folds_are_two_or_more_and_in_the_place_of_a_fraction():
    digits = load_study("digits")
    assert digits.changed({"validation_folds": 2}).validation_folds == 2
    assert message_of(digits.changed, {"validation_folds": 1}) == (
        "study digits: validation_folds: 0, or 2 and more, got 1; set it to 0 for none"
    )
    assert message_of(digits.changed, {"validation_folds": 5, "validation_fraction": 0.1}) == (
        "study digits: validation_folds: only with validation_fraction 0, got 0.1; set one of them "
        "to 0"
    )


@pytest.mark.parametrize("field", ["latent_sizes", "objectives", "seeds"])
def test_at_least_one_of_each(field):
    assert f"{field}: tuple should have at least 1 item" in message_of(
        load_study("digits").changed, {field: []}
    )


def test_other_words_stand_for_fields_and_are_none_themselves():
    assert set(OTHER_WORDS.values()) <= set(Study.model_fields)
    assert not set(OTHER_WORDS) & set(Study.model_fields)


@pytest.mark.parametrize("word", ["n_latent", "latent_dim", "zdim", "latent-dim", "Latent_Dim"])
def test_the_other_words_of_the_field_are_understood(word):
    assert message_of(load_study("digits").changed, {word: 3}) == (
        f"study digits: unknown field '{word}'; did you mean 'latent_sizes'?"
    )


def test_the_first_difference_is_named_in_the_order_of_the_fields():
    digits = load_study("digits")
    other = digits.changed({"epochs": 2, "latent_sizes": [2, 3]})
    assert digits.first_difference(other) == "latent_sizes: [2, 4, 8, 16, 32] there, [2, 3] here"
    assert digits.first_difference(digits.changed({"epochs": 2})) == "epochs: 60 there, 2 here"
    assert digits.first_difference(digits.changed({"data": "a.npy"})) == (
        "data: 'digits' there, 'a.npy' here"
    )


@pytest.mark.parametrize(
    ("setting", "parsed"),
    [
        ("epochs=5", ("epochs", 5)),
        ("learning_rate=1e-4", ("learning_rate", 1e-4)),
        ("latent_sizes=[2, 3]", ("latent_sizes", [2, 3])),
        ("likelihood=gaussian", ("likelihood", "gaussian")),
        ("description='a = b'", ("description", "a = b")),
        ("description=a = b", ("description", "a = b")),
        (" data = /tmp/my file.npy ", ("data", "/tmp/my file.npy")),
        ("epochs=", ("epochs", "")),
    ],
)
def test_a_setting_is_a_field_and_a_toml_value_or_bare_text(setting, parsed):
    assert parse_setting(setting) == parsed


def test_a_setting_needs_an_equals_sign():
    assert message_of(parse_setting, "epochs") == (
        "--set: KEY=VALUE is needed, got 'epochs'; write e.g. --set epochs=5"
    )


def test_a_users_file_is_named_after_its_stem(tmp_path):
    (tmp_path / "mine.toml").write_text("epochs = 3\n")
    study = load_study(str(tmp_path / "mine.toml"))
    assert (study.name, study.epochs, study.hidden_size) == ("mine", 3, (512,))


def test_a_users_file_may_have_a_name_of_its_own(tmp_path):
    (tmp_path / "mine.toml").write_text('name = "other"\n')
    assert load_study(str(tmp_path / "mine.toml")).name == "other"


def test_data_beside_the_file_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text('data = "my.npy"\n')
    (tmp_path / "my.npy").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert load_study("mine.toml").data == str(tmp_path / "my.npy")
    monkeypatch.chdir("/")
    assert load_study(str(tmp_path / "mine.toml")).data == str(tmp_path / "my.npy")


def test_data_that_is_not_beside_the_file_stays_as_it_is_written(tmp_path):
    (tmp_path / "mine.toml").write_text('data = "digits"\n')
    assert load_study(str(tmp_path / "mine.toml")).data == "digits"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("mnits", "; did you mean 'mnist'?"), ("elephant", "; see latentsweep studies")],
)
def test_an_unknown_study_is_refused_with_the_nearest(name, hint):
    assert message_of(load_study, name) == (
        "study: a built-in name (digits, mnist, mnist-claims, mnist-fast) or a .toml file is "
        f"needed, got '{name}'{hint}"
    )


def test_a_missing_file_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    assert message_of(load_study, str(path)) == (
        f"study: cannot read '{path}' (No such file or directory); check the path"
    )


def test_what_is_not_toml_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("epochs: 3\n")
    message = message_of(load_study, str(path))
    assert message.startswith(f"{path}: not valid TOML: ")
    assert "line 1" in message


def test_what_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes('description = "Münze"'.encode("latin-1"))
    assert message_of(load_study, str(path)) == (
        f"study: '{path}' is not a UTF-8 text file; write it as TOML"
    )


def test_a_field_in_a_file_that_breaks_its_rule_names_the_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("n_latent = 3\n")
    assert message_of(load_study, str(path)) == (
        f"{path}: unknown field 'n_latent'; did you mean 'latent_sizes'?"
    )


def variants(**changes) -> list[str]:
    return [variant.name for variant in load_study("mnist").changed(changes).variants]


def test_a_variant_is_an_objective_with_a_weight_and_a_warm_up():
    assert variants() == ["keras-blog", "elbo"]
    assert variants(objectives="elbo", kl_weight=[0.5, 1, 4]) == ["elbo", "elbo_b0.5", "elbo_b4"]
    assert variants(objectives="elbo", kl_warm_up=[0, 0.25]) == ["elbo", "elbo_b1_w0.25"]
    both = variants(kl_weight=[2, 1], kl_warm_up=[0.1, 0])
    assert len(both) == len(set(both)) == 8
    assert both[:4] == ["keras-blog", "elbo", "keras-blog_b2_w0.1", "elbo_b2_w0.1"]


def test_without_the_loss_as_it_is_the_first_has_the_plain_name():
    """A study of one weight names its networks as ever."""
    assert variants(kl_weight=4.0) == ["keras-blog", "elbo"]
    assert variants(objectives="elbo", kl_weight=[4, 2]) == ["elbo", "elbo_b2"]
    study = load_study("mnist").changed({"kl_weight": [4, 2], "kl_warm_up": 0.5})
    assert study.variant("elbo")[1:] == ("elbo", 4.0, 0.5)
    assert study.variant("keras-blog_b2_w0.5")[1:] == ("keras-blog", 2.0, 0.5)
    assert objective_of("keras-blog_b2_w0.5") == "keras-blog"


@pytest.mark.parametrize("name", ["lstm", "a b:C", ":C", "a:", "a:b:c"])
def test_a_network_is_a_kind_or_a_class(name):
    message = message_of(load_study("mnist").changed, {"network": name})
    assert message.startswith("study mnist: network: string should match pattern")
    assert "module:Class of your own (docs/networks.md)" in message


def test_a_pipe_is_no_study(tmp_path):
    """It would be waited for."""
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(StudyError, match="no regular file"):
        load_study(str(tmp_path / "pipe.toml"))
