"""A mistake of the user's: exit code 2 and one line that says what to do, no traceback."""

import shutil

import pytest

from latentsweep.record.lock import locked

DATA = (
    "data: a known name (mnist, digits, iris, wine, breast_cancer, diabetes, linnerud, or one of "
    "those drawn, see latentsweep data) or the path of a table, an array file or a folder of "
    "images is needed"
)
STUDIES = "digits, mnist, mnist-claims, mnist-fast"
MISTAKES = {
    "run mnits": f"study: a built-in name ({STUDIES}) or a .toml file is needed, got 'mnits'; did "
    "you mean 'mnist'?",
    "run elephant": f"study: a built-in name ({STUDIES}) or a .toml file is needed, got "
    "'elephant'; see latentsweep studies",
    "run no/such.toml": "study: cannot read 'no/such.toml' (No such file or directory); check the "
    "path",
    "rum": "No such command 'rum'. Did you mean 'run'?",
    "run digits --latent-dim 3": "unknown option --latent-dim; did you mean '--latents'?",
    "run digits --n_latent 3": "unknown option --n_latent; did you mean '--latents'?",
    "run digits --zdim 3": "unknown option --zdim; did you mean '--latents'?",
    "run digits --dataset x": "unknown option --dataset; did you mean '--data'?",
    "run digits --seed 3": "unknown option --seed; did you mean '--seeds'?",
    "run digits --max-epochs 3": "unknown option --max-epochs; did you mean '--epochs'?",
    "run digits --loss elbo": "unknown option --loss; did you mean '--objective'?",
    "run digits --lr 3": "unknown option --lr; write --set learning_rate=VALUE",
    "run digits --batch-size 3": "unknown option --batch-size; write --set batch_size=VALUE",
    "run digits --dryrun": "unknown option --dryrun; did you mean '--dry-run'?",
    "run digits --xyzzy": "unknown option --xyzzy; see --help",
    "summary RUN --al": "unknown option --al; did you mean '--all'?",
    "run digits extra": "Got unexpected extra argument(s) (extra)",
    "run digits --set epochs": "--set: KEY=VALUE is needed, got 'epochs'; write e.g. --set "
    "epochs=5",
    "run digits --set zdim=3": "study digits: unknown field 'zdim'; did you mean 'latent_sizes'?",
    "run digits --set epochs=x": "study digits: epochs: input should be a valid integer, unable to "
    "parse string as an integer, got 'x'; epochs is passes over the training split",
    "run digits --epochs 0": "study digits: epochs: input should be greater than or equal to 1, "
    "got 0; epochs is passes over the training split",
    "run digits --latents 2,a": "study digits: latent_sizes: input should be a valid integer, "
    "unable to parse string as an integer, got 'a'; latent_sizes is the latent sizes to compare",
    "run digits --latents 2,2": "study digits: latent_sizes: each value once, got [2, 2]; drop the "
    "repeats",
    "run digits --objective beta": "study digits: objectives: input should be 'keras-blog' or "
    "'elbo', got 'beta'; objectives is what is minimised: keras-blog (the report's) or elbo",
    "run --data xyzzy": f"{DATA}, got 'xyzzy'; check the spelling",
    "run digits --data digts": f"{DATA}, got 'digts'; did you mean 'digits'?",
    "run digits --label x": "label: takes a table, whose columns they are, got 'digits' and label "
    "= 'x'; leave it out",
    "recommend digits --split-by x": "split_by: a table is needed, whose columns it names, got "
    "'digits'; write --split-by order for blocks of consecutive examples",
    "run --data iris --drop size": "drop: a column of 'iris' is needed, got 'size'; there "
    "are sepal length (cm), sepal width (cm), petal length (cm), petal width (cm), class",
    "recommend --losses x.csv --label y": "recommend: --losses TABLE takes --check alone, since "
    "nothing is trained or measured, got others beside it; leave them out",
    "recommend iris --id nr": "id: a column of 'iris' is needed, got 'nr'; there are sepal "
    "length (cm), sepal width (cm), petal length (cm), petal width (cm), class",
    "run --data shapes-9": "data: shapes-D takes 1 to 8 dimensions, got 'shapes-9'; write e.g. "
    "shapes-4",
    "recommend": "recommend: either DATA (or a run folder) or --losses TABLE is needed, got "
    "neither; e.g. latentsweep recommend digits",
    "recommend digits --losses x.csv": "recommend: either DATA (or a run folder) or --losses TABLE "
    "is needed, got both; e.g. latentsweep recommend digits",
    "recommend digits --budget soon": "budget: a time such as 90s, 10m or 2h is needed, got 'soon'",
    "recommend digits --budget 0s": "budget: a time such as 90s, 10m or 2h is needed, got '0s'",
    "recommend digits --criterion reconstruction": "target: --criterion reconstruction and "
    "--target go together (the smallest size whose mean squared error is at most that), got "
    "--criterion reconstruction without --target",
    "recommend digits --target 1": "target: --criterion reconstruction and --target go together "
    "(the smallest size whose mean squared error is at most that), got --criterion elbo with "
    "--target",
    "recommend digits --set objectives=keras-blog": "objectives: a latent size is recommended from "
    "networks trained with the ELBO, got ['keras-blog']; leave it at elbo",
    "recommend digits --set kl_weight=1,4": "kl_weight, kl_warm_up: a search compares sizes under "
    "one of each, got [1.0, 4.0] and [0.0]; give one value of both",
    "recommend digits --set test_fraction=0.98": "digits: at least 40 examples have to be held "
    "out to compare sizes on, got 18; give 40 training examples or more, and leave "
    "validation_fraction and validation_folds as they are",
    "recommend --losses x.csv --criterion knn": "recommend: --losses TABLE takes --check alone, "
    "since nothing is trained or measured, got others beside it; leave them out",
    "recommend --losses nowhere.csv": "losses: cannot read 'nowhere.csv' (No such file or "
    "directory); check the file",
    "run --set data=5": "study 5: data: input should be a valid string, got 5; data is a known "
    "data set, or the path of a table, an array or a folder of images",
    "summary": "Missing argument 'RUN'.",
    "summary nowhere": "nowhere: holds no run (no manifest.json); make one: latentsweep run -o "
    "nowhere",
    "evaluate nowhere": "nowhere: holds no run (no manifest.json); make one: latentsweep run -o "
    "nowhere",
    "report nowhere": "nowhere: holds no run (no manifest.json); make one: latentsweep run -o "
    "nowhere",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(cli, tmp_path, line):
    ended = cli(*line.split())
    assert (ended.code, ended.err) == (2, f"latentsweep: {MISTAKES[line]}\n")
    assert ended.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line", ["run digits --seeds 0", "run digits --epochs x", "evaluate RUN --metrics some"]
)
def test_an_option_with_a_bad_value_is_named_in_one_line(cli, line):
    ended = cli(*line.split())
    option = line.split()[2]
    assert ended.code == 2
    assert ended.err.startswith(f"latentsweep: Invalid value for '{option}': ")
    assert ended.err.count("\n") == 1


def test_a_damaged_data_file_is_one_line(cli, tmp_path):
    (tmp_path / "my.npy").write_bytes(b"\x93NUMPY and no more")
    ended = cli("run", "--data", "my.npy")
    assert ended.code == 2
    assert ended.err.startswith(f"latentsweep: {tmp_path / 'my.npy'} cannot be read as a NumPy")
    assert ended.err.count("\n") == 1
    assert [f.name for f in tmp_path.iterdir()] == ["my.npy"]


def test_a_folder_in_use_is_one_line(cli, tmp_path, tiny_toml):
    with locked(tmp_path / "run"):
        ended = cli("run", tiny_toml, "-o", tmp_path / "run")
    assert (ended.code, ended.err) == (
        2,
        f"latentsweep: {tmp_path / 'run'}: another process is working on it; wait for it, or "
        "choose another folder with -o\n",
    )


def test_a_folder_that_cannot_be_made_is_one_line(cli, tmp_path, tiny_toml):
    (tmp_path / "file").write_text("")
    ended = cli("run", tiny_toml, "-o", "file/run")
    assert (ended.code, ended.err) == (
        2,
        "latentsweep: file/run: cannot be made (Not a directory); choose another folder with -o\n",
    )


def test_another_study_in_the_folder_is_one_line(cli, tiny_run, tiny_toml):
    ended = cli("run", tiny_toml, "--epochs", 3, "-o", tiny_run)
    assert (ended.code, ended.err) == (
        2,
        f"latentsweep: {tiny_run}: holds another study (epochs: 2 there, 3 here); choose another "
        "folder with -o, or start anew with --force\n",
    )


@pytest.mark.parametrize("command", ["summary", "report"])
def test_a_damaged_table_is_one_line(cli, tiny_run, tmp_path, command):
    shutil.copytree(tiny_run, tmp_path / "run")
    (tmp_path / "run" / "results.parquet").write_bytes(b"damaged")
    ended = cli(command, "run")
    assert ended.code == 2
    assert ended.err.startswith(
        "latentsweep: run/results.parquet: is not as latentsweep wrote it ("
    )
    assert ended.err.endswith("); start again with --force\n")
    assert ended.err.count("\n") == 1


def test_measuring_an_unfinished_run_is_one_line(cli, tiny_run, tmp_path):
    shutil.copytree(tiny_run, tmp_path / "run")
    manifest = tmp_path / "run" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete"', '"running"'))
    ended = cli("evaluate", "run")
    assert (ended.code, ended.err) == (
        2,
        "latentsweep: run: its run is unfinished; the 'latentsweep run' that began it finishes "
        "it\n",
    )
