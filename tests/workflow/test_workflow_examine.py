"""What `latentsweep evaluate` adds to a run: columns, files, and nothing made twice."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from test_workflow_formats import rows, words

from latentsweep import Run, Study, run
from latentsweep.errors import RunFolderError, StudyError
from latentsweep.evaluation import blocks, likelihood, structure
from latentsweep.evaluation.generation import frechet_distance
from latentsweep.evaluation.likelihood import quadrature
from latentsweep.evaluation.yardsticks import Yardsticks
from latentsweep.record.columns import GROUPS, IDENTITY
from latentsweep.record.folder import RunFolder
from latentsweep.training.members import load_trained, members_of
from latentsweep.workflow import measure, outcome
from latentsweep.workflow.answer import answer
from latentsweep.workflow.begin import loaded
from latentsweep.workflow.observer import Observer
from latentsweep.workflow.run import further, remeasure


def with_few_samples(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(blocks, "MANY_DRAWS", 50)
    patch.setattr(blocks, "FEW_DRAWS", 10)
    patch.setattr(likelihood, "AT_ONCE", 25)
    patch.setattr(structure, "PERMUTATIONS", 99)


@pytest.fixture(scope="module")
def evaluated(tiny_run, once) -> RunFolder:
    """The tiny run with everything told of it, from fewer samples than usual."""

    def evaluate(path):
        shutil.copytree(tiny_run, path)
        with pytest.MonkeyPatch.context() as patch:
            with_few_samples(patch)
            remeasure(RunFolder(path), "usual", Observer())

    return RunFolder(once("evaluated", evaluate))


def further_columns() -> set[str]:
    """Those of the page, without what only MNIST has."""
    table = rows("further columns of results.parquet")
    return {name for row in table if "MNIST" not in row[1] for name in words(row[0])}


def test_the_further_columns_are_those_of_the_page(evaluated, tiny_run):
    before = set(RunFolder(tiny_run).results().columns)
    after = evaluated.results()
    assert set(after.columns) - before == further_columns()
    exact = after.set_index("member")["exact_nll"]
    assert list(exact.notna()) == [size == 2 for size in after["latent_size"]]
    filled = after[sorted(further_columns() - {"exact_nll"})]
    assert np.isfinite(filled.to_numpy(float)).all()


def test_what_was_there_stays(evaluated, tiny_run):
    before = RunFolder(tiny_run).results()
    pd.testing.assert_frame_equal(evaluated.results()[list(before.columns)], before)


def test_shares_are_shares_and_bounds_are_bounds(evaluated):
    results = evaluated.results()
    shares = [c for c in results if c.endswith(("accuracy", "coverage", "far", "even", "_p"))]
    assert len(shares) == 8
    assert results[shares].to_numpy().min() >= 0
    assert results[shares].to_numpy().max() <= 1
    assert (results["iw_gain"] > -0.1).all()
    assert (results["iw_effective"] >= 1).all()
    elbo = results[(results["objective"] == "elbo") & (results["latent_size"] == 2)].iloc[0]
    assert elbo["iw_nll"] == pytest.approx(elbo["exact_nll"], abs=0.3)


def test_the_data_s_own_numbers_are_those_of_the_page(evaluated):
    facts = evaluated.yardsticks()
    told = {words(row[0])[0]: words(row[1]) for row in rows("yardsticks.json")}
    assert set(facts) == set(told)
    assert set(facts["dimension"]) <= set(told["dimension"])
    assert set(facts["floor"]) == set(told["floor"])
    assert facts["features"] == {"map": "principal components", "size": 64}
    assert facts["pixel_midpoint_confident"] is None
    json.dumps(facts, allow_nan=False)


def test_baselines_are_of_the_same_sizes_and_of_the_data_itself(evaluated):
    baselines = evaluated.baselines()
    assert list(baselines["representation"]) == ["pca", "pca", "data"]
    assert list(baselines["latent_size"]) == [2, 3, 64]
    itself = baselines.iloc[-1]
    assert itself["trustworthiness"] == pytest.approx(1, abs=1e-3)  # equal digits tie
    assert itself["knn_accuracy"] > 0.9
    structure = set(baselines.columns) - {"representation", "latent_size"}
    assert structure <= set(evaluated.results().columns)


def test_spaces_of_two_sizes_are_compared_within_objective_and_seed(evaluated):
    table = evaluated.similarities()
    assert list(table["objective"]) == ["keras-blog", "elbo"]
    assert table[["latent_size", "other_size"]].to_numpy().tolist() == [[2, 3], [2, 3]]
    assert table[["overlap", "cka"]].to_numpy().min() > 0
    assert table[["overlap", "cka"]].to_numpy().max() <= 1


def test_each_block_gives_the_columns_that_the_table_of_columns_says(evaluated):
    told: dict[str, set[str]] = {}
    for group in GROUPS:
        told.setdefault(group.block, set()).update(column.name for column in group.columns)
    given: dict[str, set[str]] = {block: set() for block in told}
    for member in evaluated.results()["member"]:
        for block in [b for b in told if evaluated.has_block(member, b)]:
            given[block] |= set(evaluated.columns(member, block))
    only_of_mnist = {"midpoint_confident", "grid_confident", "grid_classes"}
    assert {**given, "regularity": given["regularity"] | only_of_mnist} == told
    documented = {name for section in SECTIONS for row in rows(section) for name in words(row[0])}
    assert documented == {*IDENTITY, *(name for names in told.values() for name in names)}


SECTIONS = ("results.parquet", "further columns of results.parquet")


def test_the_arrays_of_the_blocks(evaluated):
    likelihood = evaluated.block("elbo-k02-s0", "likelihood")
    assert set(likelihood) == {"examples", "iw_nll", "iw_effective", "exact_nll", "test/iw_nll"}
    assert likelihood["test/iw_nll"].shape == (359,)
    assert evaluated.block("elbo-k03-s0", "structure")["projected/neighbours"].shape == (50, 10)


def test_samples_of_the_prior_are_decoded_standard_normal_codes(evaluated):
    """Made once more by way of the user's own model, and not those of the fitted Gaussian."""
    experiment = loaded(evaluated)
    yardsticks = Yardsticks(experiment)
    noise = np.random.default_rng(0).standard_normal((3, 359)).T
    made = Run(evaluated).model("elbo", 3).decode(noise)
    features = yardsticks.features(experiment.dataset.scale(made.reshape(359, -1), np.float32))
    distance = frechet_distance(yardsticks.test_features, features)
    row = evaluated.results().set_index("member").loc["elbo-k03-s0"]
    assert row["prior_frechet"] == pytest.approx(distance, rel=1e-3)
    assert row["fitted_frechet"] != pytest.approx(distance, rel=1e-3)


def test_the_likelihood_is_of_binary_values_of_the_examples_named(evaluated):
    experiment, kept = loaded(evaluated), evaluated.block("elbo-k02-s0", "likelihood")
    binary = experiment.binary(experiment.stored(experiment.split("test")))
    assert set(np.unique(binary)) == {experiment.dataset.scale.unscale(x) for x in (0, 1)}
    network = load_trained(evaluated, members_of(experiment.study)[1])
    exact = quadrature(network, binary[kept["examples"]]).neg_log_likelihood
    np.testing.assert_allclose(kept["exact_nll"], exact, rtol=1e-4)


def test_a_damaged_file_of_the_data_is_one_line_that_mends_it(evaluated, tmp_path):
    folder = RunFolder(shutil.copytree(evaluated.path, tmp_path / "run"))
    folder.alarms_path.write_text("{")
    with pytest.raises(RunFolderError, match=r"alarms\.json: is not as .* remove it, and"):
        folder.alarms()
    remeasure(folder, "basic", Observer())
    assert folder.alarms() == evaluated.alarms()


def test_what_is_of_the_data_is_made_again_where_that_is_asked_for(evaluated):
    assert measure.of_the_data(evaluated) == []
    again = measure.of_the_data(evaluated, again=True)
    assert [task.name for task in again] == ["yardsticks", "baselines"]


def test_losses_without_a_latent_of_another_run_are_refused(evaluated, tmp_path):
    folder = RunFolder(shutil.copytree(evaluated.path, tmp_path / "run"))
    losses = {name: folder.no_latent(name) for name in ("test", "test/majority")}
    folder.write_no_latent({name: each[:-1] for name, each in losses.items()})
    with pytest.raises(RunFolderError, match=r"no_latent\.safetensors: is not as latentsweep"):
        answer(folder)


def test_a_network_is_held_against_smaller_ones_of_its_seed(evaluated):
    experiment = loaded(evaluated)
    members = {member.name: member for member in members_of(experiment.study)}
    least = {name: evaluated.facts(name)["least_loss"] for name in members}
    for objective in ("elbo", "keras-blog"):
        smaller, larger = (members[f"{objective}-k{size:02d}-s0"] for size in (2, 3))
        assert outcome._least_of_smaller(evaluated, experiment, smaller) is None
        found = outcome._least_of_smaller(evaluated, experiment, larger)
        assert found == least[smaller.name] != least[larger.name]


def test_a_second_call_makes_nothing_again(evaluated, monkeypatch):
    """Each network is measured anew, which takes no time; its blocks are there."""

    def never(*_):
        raise AssertionError("made again")

    before = evaluated.results()
    for name in blocks.FURTHER:
        monkeypatch.setitem(blocks.BLOCKS, name, blocks.BLOCKS[name]._replace(make=never))
    remeasure(evaluated, "usual", Observer())
    pd.testing.assert_frame_equal(evaluated.results(), before)


def test_the_likelihood_is_of_one_seed_unless_all_are_asked_for(
    tiny: Study, tmp_path, without_report
):
    study = tiny.changed({"seeds": [0, 1], "latent_sizes": [2], "objectives": ["elbo"]})
    folder = run(study, tmp_path / "run").folder
    todo = {}
    for full in (False, True):
        tasks = further(folder, loaded(folder), every_seed=full, again=False)
        todo[full] = [task.name for task in tasks if task.name.endswith("likelihood")]
    assert todo == {
        False: ["elbo-k02-s0/likelihood"],
        True: ["elbo-k02-s0/likelihood", "elbo-k02-s1/likelihood"],
    }


@pytest.mark.dear
def test_data_without_labels_have_no_label_block(
    tiny: Study, tmp_path, monkeypatch, without_report
):
    values = np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32)
    np.save(tmp_path / "table.npy", values)
    changes = {"data": str(tmp_path / "table.npy"), "likelihood": "auto"}
    changes |= {"latent_sizes": [2], "objectives": ["elbo"]}
    done: Run = run(tiny.changed(changes), tmp_path / "run")
    with_few_samples(monkeypatch)
    remeasure(done.folder, "usual", Observer())
    columns = set(done.results.columns)
    assert {"trustworthiness", "prior_coverage", "iw_nll"} <= columns
    assert not columns & {"knn_accuracy", "silhouette", "psnr_of_mean", "exact_nll"}


def test_binary_training_is_measured_on_binary_values(tiny: Study, tmp_path, without_report):
    study = tiny.changed({"binarisation": "dynamic", "likelihood": "bernoulli"})
    done = run(study, tmp_path / "run")
    assert set(np.unique(done.folder.examples().values)) == {0, 255}
    assert done.folder.manifest()["bounds"]["entropy_floor"] == 0
    assert (done.results["excess_reconstruction"] == done.results["reconstruction"]).all()


def test_data_without_probabilities_can_not_become_binary(tiny: Study, tmp_path):
    np.save(tmp_path / "table.npy", np.random.default_rng(0).normal(size=(60, 7)))
    changes = {"data": str(tmp_path / "table.npy"), "likelihood": "auto"}
    changes["binarisation"] = "dynamic"
    with pytest.raises(StudyError) as caught:
        run(tiny.changed(changes), tmp_path / "run")
    assert str(caught.value) == (
        "binarisation: values in [0, 1] are needed as probabilities, but table has others; set "
        'binarisation = "none"'
    )
