"""A run in a notebook, and its figures as objects."""

from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from latentsweep.errors import RunFolderError
from latentsweep.show.figures import FIGURES, figure
from latentsweep.show.report.opening import opening
from latentsweep.show.sentences import results_rows
from latentsweep.workflow.opened_run import Run


class Read(HTMLParser):
    """Tags and texts of a piece of HTML."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_a_run_shows_its_answer_a_figure_and_its_table(judged_run):
    read = Read(Run(judged_run)._repr_html_())
    assert read.texts[0] == opening(judged_run).title == "8 latent dimensions for made <up>"
    assert read.tags.count("svg") == 1
    cells = [cell for row in results_rows(judged_run.results()) for cell in row]
    assert [text for text in read.texts if text in cells] == cells
    assert str(judged_run.path) in read.texts
    assert not {"script", "up"} & set(read.tags)


def test_a_run_of_failed_networks_shows_what_there_is(make_run, recipes):
    read = Read(Run(make_run(recipes["all failed"]))._repr_html_())
    assert "svg" not in read.tags
    assert "table" in read.tags


def test_figures_are_objects(usual_run):
    drawn = Run(usual_run).figure("curves")
    assert isinstance(drawn, Figure)
    assert len(drawn.axes) == 2


def test_a_figure_that_a_run_lacks_is_named_with_those_it_has(make_run, recipes, figures_of):
    run = make_run(recipes["one member of one dimension"])
    has = [each.name for each in FIGURES if each.applies(run)]
    assert has == figures_of(run)
    with pytest.raises(RunFolderError, match=f"{', '.join(has)}.*got 'grid'"):
        figure(run, "grid")
    with pytest.raises(RunFolderError, match="did you mean 'curves'"):
        figure(run, "curve")
