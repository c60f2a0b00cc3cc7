"""The commands on a finished run, and the lists."""

import re
import shutil

import pytest

from latentsweep.commands.display import results_text
from latentsweep.record.folder import RunFolder
from latentsweep.study import built_in_studies, load_study

NAMES = ["keras-blog-k02-s0", "elbo-k02-s0", "keras-blog-k03-s0", "elbo-k03-s0"]


@pytest.fixture
def copy(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def test_a_summary_is_the_table_of_results_and_what_to_open(cli, tiny_run):
    ended = cli("summary", tiny_run)
    folder = RunFolder(tiny_run)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(results_text(folder.results(), folder.manifest()) + "\n")
    assert ended.out.endswith(f"\nOpen {tiny_run / 'report.html'}\n")
    lines = [line for line in ended.out.splitlines() if str(tiny_run) not in line]
    assert max(map(len, lines)) <= 96
    assert f"  latentsweep evaluate {tiny_run}" in ended.out.splitlines()
    assert "\nUnits in use\n" in ended.out


def test_a_summary_has_a_row_a_size_with_the_numbers_of_the_results(cli, tiny_run):
    results = RunFolder(tiny_run).results().set_index("member")
    rows = re.findall(r"^ +([23])  (.+)$", cli("summary", tiny_run).out, re.M)
    assert [size for size, _ in rows] == ["2", "3"]
    for size, text in rows:
        blog, elbo = (results.loc[f"{name}-k0{size}-s0"] for name in ("keras-blog", "elbo"))
        assert text.split() == [
            f"{blog['loss']:.1f}",
            f"{blog['neg_elbo']:.1f}",
            f"{blog['active_units']}/{size}",
            f"{elbo['neg_elbo']:.1f}",
            f"{elbo['reconstruction']:.1f}",
            f"{elbo['rate']:.1f}",
            f"{elbo['active_units']}/{size}",
        ]


def test_headings_over_the_columns_do_not_run_into_each_other(cli, tiny_run):
    lines = cli("summary", tiny_run).out.splitlines()
    assert re.fullmatch(r" +Keras-blog-trained  +ELBO-trained", lines[0])
    assert lines[0].index("ELBO") == lines[1].rindex("(")


def test_a_summary_of_everything_has_every_column(cli, tiny_run):
    ended = cli("summary", tiny_run, "--all")
    results = RunFolder(tiny_run).results()
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[0] for line in ended.out.splitlines()] == list(results.columns)
    assert ended.out.splitlines()[0].split()[1:] == NAMES


def test_evaluate_measures_every_member_again(cli, copy):
    before = RunFolder(copy).results()
    (copy / "members" / "elbo-k02-s0" / "arrays.safetensors").unlink()
    ended = cli("evaluate", copy, "--metrics", "basic")
    assert (ended.code, ended.err) == (0, "")
    assert re.findall(r"^  ([\w-]+): loss", ended.out, re.M) == NAMES
    assert ended.out.endswith(f"\nNow 'latentsweep report {copy}' draws them.\n")
    assert before.equals(RunFolder(copy).results())
    assert RunFolder(copy).arrays("elbo-k02-s0")


def test_explore_makes_a_page_and_opens_it(cli, copy, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page = copy / "explorer.html"
    ended = cli("explore", copy)
    assert (ended.code, ended.out, ended.err) == (0, f"Open {page}\n", "")
    assert opened == [page.resolve().as_uri()]
    assert 'data-language="en"' in page.read_text("utf-8")
    ended = cli("explore", copy, "--no-open", "--lang", "pt")
    assert (ended.code, len(opened)) == (0, 1)
    assert '<html lang="pt-BR" data-language="pt">' in page.read_text("utf-8")


def test_explore_of_no_run_is_one_line(cli, tmp_path):
    ended = cli("explore", tmp_path / "none", "--no-open")
    assert ended.code == 2
    assert "holds no run (no manifest.json)" in ended.err


def test_report_draws_the_figures_alone_or_all(cli, copy):
    page = (copy / "report.html").read_bytes()
    for file in (copy / "report.html", *copy.glob("figures/terms.*")):
        file.unlink()
    ended = cli("report", copy, "--only", "figures")
    assert (ended.code, ended.out, ended.err) == (0, f"Open {copy / 'figures'}\n", "")
    assert len(list(copy.glob("figures/terms.*"))) == 2
    assert not (copy / "report.html").exists()
    ended = cli("report", copy)
    assert (ended.code, ended.out, ended.err) == (0, f"Open {copy / 'report.html'}\n", "")
    assert (copy / "report.html").read_bytes() == page


def test_what_shows_a_run_elsewhere_writes_nothing_in_it(cli, copy, tmp_path, pictures_stand_in):
    def state():
        return {p: p.read_bytes() for p in copy.rglob("*") if p.is_file() and p.name != ".lock"}

    (copy / ".lock").unlink(missing_ok=True)
    (copy / ".lock").mkdir()  # as good as no permission: the lock can't be had
    before, elsewhere = state(), tmp_path / "elsewhere"
    assert cli("report", copy).code == 2
    for words in (["report"], ["explore", "--no-open"], ["export", "--latent", "2"]):
        ended = cli(words[0], copy, *words[1:], "-o", elsewhere)
        assert (ended.code, ended.err) == (0, "")
    assert cli("summary", copy).code == 0
    assert state() == before
    assert (elsewhere / "report.html").exists()
    assert (elsewhere / "explorer.html").exists()
    assert len(list(elsewhere.glob("figures/*.png"))) > 3
    assert list(elsewhere.glob("*.onnx"))


def test_studies_lists_what_is_built_in_with_its_size(cli):
    ended = cli("studies")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    for name, line in zip(built_in_studies(), lines, strict=False):
        assert line.startswith(name)
        assert load_study(name).description in line
    assert lines[2].endswith("(60 models)")


def test_data_lists_what_is_known_and_where_it_is_looked_for(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTSWEEP_DATA", str(tmp_path))
    ended = cli("data")
    assert (ended.code, ended.err) == (0, "")
    assert re.search(r"^mnist +70,000 handwritten digits", ended.out, re.M)
    assert f"looked for in {tmp_path / 'mnist'}, " in ended.out
    assert re.search(
        r"^digits +1,797 handwritten digits.*\n +found in scikit-learn", ended.out, re.M
    )


def test_data_in_a_folder_that_is_none_is_one_line(cli, monkeypatch):
    monkeypatch.setenv("LATENTSWEEP_DATA", "no/such")
    ended = cli("data")
    assert (ended.code, ended.err) == (
        2,
        "latentsweep: LATENTSWEEP_DATA: must be an existing folder, got 'no/such'; create it, or "
        "unset the variable\n",
    )


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_no_command_is_the_list_of_commands(cli, words):
    ended = cli(*words)
    assert (ended.code, ended.err) == (0, "")
    for name in ("run", "summary", "evaluate", "report", "studies", "data"):
        assert re.search(rf"^  {name} ", ended.out, re.M)


def test_a_warning_is_one_line(cli, monkeypatch, recwarn):
    import warnings

    def warn():
        warnings.warn("something to know", stacklevel=1)
        return ()

    monkeypatch.setattr("latentsweep.study.built_in_studies", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        ended = cli("studies")
    assert (ended.code, ended.err) == (0, "latentsweep: warning: something to know\n")


def test_an_interrupt_is_130_and_says_that_nothing_is_lost(cli, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("latentsweep.study.built_in_studies", interrupt)
    assert cli("studies")[::2] == (
        130,
        "\nStopped. Everything up to the last finished epoch is saved: the same command goes on "
        "from there.\n",
    )


def test_a_mistake_of_our_own_is_not_hidden(cli, monkeypatch):
    monkeypatch.setattr("latentsweep.study.built_in_studies", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli("studies")
