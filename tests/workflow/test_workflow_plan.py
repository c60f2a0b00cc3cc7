import dataclasses
import json
from typing import get_args

import jax
import pytest

from latentsweep import load_study
from latentsweep.data.catalogue import load_dataset
from latentsweep.errors import RunFolderError
from latentsweep.model import family
from latentsweep.model.shape import NetworkShape
from latentsweep.record.folder import RunFolder
from latentsweep.study import ProductPrecision
from latentsweep.training import cost
from latentsweep.training.cost import footprint
from latentsweep.training.experiment import Experiment
from latentsweep.training.members import members_of, parameters
from latentsweep.training.placement import Placement, on_all
from latentsweep.training.plan import Pass, passes_of, plan_more, planned_passes
from latentsweep.training.programs import compiled
from latentsweep.training.supply import Held
from latentsweep.training.update import fastest_rule
from latentsweep.workflow import train
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.train import Training


def a_pass(*members: str) -> Pass:
    return Pass(members, width=3, mapping="map", devices=2, epochs=2, steps_per_epoch=45)


def experiment(study) -> Experiment:
    return Experiment(study, load_dataset(study))


def recipe(study):
    return experiment(study).recipe(max(study.latent_sizes))


def names(study):
    return [member.name for member in members_of(study)]


def test_members_stand_by_seed_then_size_then_objective():
    study = load_study("digits").changed({"latent_sizes": [16, 2], "seeds": [1, 0]})
    assert [m.name for m in members_of(study)] == [
        f"{objective}-k{size:02d}-s{seed}"
        for seed in (1, 0)
        for size in (2, 16)
        for objective in ("keras-blog", "elbo")
    ]


def test_passes_hold_every_member_once_in_order(tiny):
    study = tiny.changed({"seeds": [0, 1, 2]})
    for devices in (1, 2, 5):
        placement = Placement(tuple(jax.devices()[:devices]), "map")
        passes = planned_passes(names(study), study, recipe(study), placement, at_once=1)
        assert [n for p in passes for n in p.members] == names(study)
        assert {p.width for p in passes} == {3}
        assert all(len(p.members) % p.devices == 0 <= devices - p.devices for p in passes)


@pytest.mark.parametrize("precision", get_args(ProductPrecision))
def test_products_are_as_the_study_asks(tiny, precision):
    assert recipe(tiny.changed({"products": precision})).products == precision


@pytest.mark.parametrize(
    ("members", "mapping", "changes"),
    [
        (1, "map", {"hidden_size": 256, "latent_sizes": [32]}),
        (1, "vmap", {"hidden_size": 256, "latent_sizes": [32]}),
        (5, "vmap", {"hidden_size": 256, "latent_sizes": [8]}),
        (4, "vmap", {"hidden_size": 512, "latent_sizes": [2]}),
    ],
)
def test_memory_is_what_xla_allots_to_a_quarter(tiny, members, mapping, changes):
    here = experiment(tiny.changed(changes))
    placement, whole = Placement(tuple(jax.devices()[:1]), mapping), recipe(here.study)
    plans = planned_passes(names(here.study), here.study, whole, placement, at_once=64)
    own, mesh = plans[0].recipe(whole), placement.mesh(1)
    settings = family.stacked([members_of(here.study)[0].settings(here.study, 64)] * members)
    data = Held(on_all(here.stored(here.dataset.splits["train"]), mesh))
    (programs,) = compiled(own, mapping, [(settings, data, mesh)])
    allotted = programs.last.memory_analysis()  # type: ignore[attr-defined]
    measured = allotted.argument_size_in_bytes + allotted.temp_size_in_bytes
    measured += allotted.output_size_in_bytes - allotted.alias_size_in_bytes
    measured += 4 * 3 * members * parameters(own.shape)  # of the epoch that is begun
    expected = footprint(own, here.train_bytes)
    assert expected.data == data.values.nbytes
    assert expected.data + members * expected.member == pytest.approx(measured, rel=0.25)


def training(here, plans, folder, monkeypatch) -> Training:
    """The stage as it is once it has prepared these passes."""
    plan_more(run := RunFolder(folder), plans, 0)
    stage = Training(run, here, Observer())
    with monkeypatch.context() as patch:
        patch.setattr(train, "passes_of", lambda _: plans)
        stage.prepare([str(number) for number in range(len(plans))])
    return stage


def test_training_is_given_the_noise_of_rounding_that_the_data_has(tiny, tmp_path, monkeypatch):
    here = experiment(tiny.changed({"likelihood": "gaussian", "objectives": ["elbo"]}))
    assert here.dataset.rounding > 0
    placement = Placement(tuple(jax.devices()[:1]), "map")
    plans = planned_passes(names(here.study), here.study, recipe(here.study), placement, at_once=1)
    stage = training(here, plans, tmp_path, monkeypatch)
    given = stage.settings(plans[0]).rounding
    assert given.tolist() == pytest.approx([here.dataset.rounding], rel=1e-6)


def test_programs_are_shared_by_passes_that_are_planned_alike_alone(tiny, tmp_path, monkeypatch):
    """Also where one was planned on another machine, without the kernel, or on an accelerator."""
    here, asked = experiment(tiny), []

    def told(recipe, mapping, kinds):
        asked.append((recipe.rule.fused, mapping, len(kinds)))
        return [f"{recipe.rule.fused} {mapping} {len(settings.seed)}" for settings, *_ in kinds]

    monkeypatch.setattr("latentsweep.workflow.train.compiled", told)
    one, two = names(tiny)[:2], names(tiny)[2:]
    planned = [
        dataclasses.replace(a_pass(*members), fused=fused, mapping=mapping)
        for members, fused, mapping in (
            (one, True, "map"),
            (two, True, "map"),
            (one[:1], True, "map"),
            (two, False, "map"),
            (two, False, "vmap"),
        )
    ]
    monkeypatch.setattr(train, "is_here", lambda _: True)
    found = training(here, planned, tmp_path, monkeypatch).programs
    assert asked == [(True, "map", 2), (False, "map", 1), (False, "vmap", 1)]
    got = [found[plan.kind] for plan in planned]
    assert got == ["True map 2", "True map 2", "True map 1", "False map 2", "False vmap 2"]


def test_kernels_are_chosen_with_the_mapping(tiny):
    whole = recipe(tiny)
    for mapping, fused in (("map", fastest_rule("map").fused), ("vmap", False)):
        devices = Placement(tuple(jax.devices()), mapping)
        (plan,) = planned_passes(names(tiny), tiny, whole, devices, 1)[:1]
        assert plan.fused == plan.recipe(whole).rule.fused == fused


A, B, C = (f"elbo-k02-s{seed}" for seed in range(3))


def test_a_plan_is_written_once_and_read_again(tmp_path):
    folder = RunFolder(tmp_path)
    first = [a_pass(A, B), a_pass(C)]
    assert passes_of(folder) == []
    plan_more(folder, first, 0)
    written = json.loads((folder.pass_path(0) / "plan.json").read_text())
    assert written == {**dataclasses.asdict(first[0]), "members": [A, B]}
    assert passes_of(folder) == first


def test_passes_that_are_added_follow_those_that_are_there(tmp_path):
    folder = RunFolder(tmp_path)
    plan_more(folder, [a_pass(A)], 0)
    later = [dataclasses.replace(a_pass(B, C), mapping="vmap", devices=3)]
    plan_more(folder, later, 1)
    assert passes_of(folder) == [a_pass(A), *later]


def test_more_than_a_hundred_passes_are_kept_in_their_order(tmp_path):
    folder = RunFolder(tmp_path)
    passes = [a_pass(f"elbo-k02-s{i}") for i in range(112)]
    plan_more(folder, passes, 0)
    assert passes_of(folder) == passes


@pytest.mark.parametrize("content", ["", "{}", '{"members": ["a"]}', "[]"])
def test_a_damaged_plan_is_refused(tmp_path, content):
    path = tmp_path / "passes" / "p00" / "plan.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(RunFolderError) as caught:
        passes_of(RunFolder(tmp_path))
    message = str(caught.value)
    assert message.startswith(f"{path}: is not as latentsweep wrote it (")
    assert message.endswith("); start again with --force")


def test_the_numbers_of_a_network_are_counted():
    one = NetworkShape((10,), 2, (7,), 5)
    assert parameters(one) == (70 + 7) + 2 * (35 + 5) + (35 + 7) + (140 + 20)
    two = one._replace(hidden=(7, 3))
    assert parameters(two) == (70 + 7) + (21 + 3) + 2 * 20 + (15 + 3) + (21 + 7) + (140 + 20)


def test_the_products_of_a_step_are_counted():
    # forward 2 B (DH + H 2K + KH + HD), the same again for the gradients of weights, and for those
    # of inputs but for the first layer
    one = NetworkShape((5,), 1, (7,), 2)
    assert cost.step_flop(one, 3) == 2 * 3 * (2 * 35 + 3 * (28 + 14 + 35))
    two = one._replace(hidden=(7, 4))
    assert cost.step_flop(two, 3) == 2 * 3 * (2 * 35 + 3 * (28 + 16 + 8 + 28 + 35))


def test_the_work_of_a_convolutional_network_is_what_its_kernels_do():
    shape = NetworkShape((8, 8, 1), 1, (20,), 3, "convolutional")
    # 16 pixels of 32 channels from 16 numbers each, and back: each number of the small picture goes
    # to 16 pixels
    within = 2 * 16 * 32 * 16
    encoder, decoder = cost.forward_flop(shape)
    assert encoder == pytest.approx(within + 2 * (16 * 32 * 20 + 20 * 6), rel=0.3)
    assert decoder == pytest.approx(within + 2 * (16 * 32 * 20 + 20 * 3), rel=0.3)


def test_the_price_grows_with_the_work(monkeypatch):
    monkeypatch.setattr(cost, "product_rate", lambda: 1e11)

    def seconds(**changes: object) -> float:
        study = load_study("mnist").changed({"data": "digits", **changes})
        return cost.price(study, recipe(study), 10_000)

    assert 20 < seconds(epochs=1) < seconds() < seconds(epochs=100)
    assert seconds() < seconds(seeds=[0, 1])
    assert seconds() < seconds(draws=64)
    assert seconds(projected_examples=100) < seconds()


def test_the_machines_rate_is_measured():
    assert cost.product_rate(64) > 1e6
