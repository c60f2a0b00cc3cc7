"""The report: one file, readable without a network, whose words are the run's."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from latentsweep.record.folder import RunFolder
from latentsweep.show.figures import FIGURES, write_pictures
from latentsweep.show.report import write_report

PLANE_FIGURES = {"plane", "grid"}


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, source: str):
        super().__init__()
        self.elements, self.words = [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="session")
def source(any_run):
    return write_report(any_run).read_text()


def test_nothing_is_fetched(source):
    page = Page(source)
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            assert attributes.get(name, "data:").startswith(("data:", "#"))
        assert not any(name.startswith("on") for name in attributes)
    assert not page.all("link")
    (policy,) = [meta for meta in page.all("meta") if "http-equiv" in meta]
    assert policy["content"].startswith("default-src 'none'; img-src data:;")
    written = source.partition("<script")[0]
    assert "url(" not in written
    assert "@import" not in written


def test_every_image_has_an_alternative_text(source):
    assert all(image["alt"] for image in Page(source).all("img"))


def test_the_page_has_a_language_headings_in_order_and_scoped_table_heads(source):
    page = Page(source)
    assert page.all("html") == [{"lang": "en", "data-language": "en"}]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(head["scope"] in ("col", "colgroup", "row") for head in page.all("th"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_same_run_gives_the_same_bytes(any_run, source):
    assert write_report(any_run).read_text() == source


@pytest.mark.usefixtures("source")  # which draws them
def test_every_figure_is_drawn_on_every_run(any_run):
    results = any_run.results()
    alive = results[results["status"] == "ok"]
    expected = {figure.name for figure in FIGURES} if len(alive) else set()
    if 2 not in set(alive["latent_size"]):
        expected -= PLANE_FIGURES
    pictures = write_pictures(any_run)
    assert {picture.name for picture in pictures} == expected
    assert {figure.name for figure in FIGURES if figure.applies(any_run)} == expected
    for picture in pictures:
        assert picture.png.read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in picture.svg.read_bytes()
        assert picture.alt.endswith(".")
        assert picture.caption.endswith(".")
        assert "nan" not in picture.caption.lower().split()


def test_hostile_words_stay_text(run_of, tmp_path):
    run = RunFolder(shutil.copytree(run_of("hostile names").path, tmp_path / "run"))
    manifest = run.manifest()
    manifest["data"]["name"] = "<script>alert(2)</script>\"'&"
    run.write_manifest({key: value for key, value in manifest.items() if key != "format"})
    page = Page(write_report(run).read_text())
    assert all("id" in script or not script for script in page.all("script"))
    assert "<script>alert(2)</script>\"'&" in page.text


def test_the_page_says_what_was_seen_and_how_it_was_made(run_of):
    text = Page(write_report(run_of("usual")).read_text()).text
    assert "size 8 had the lowest true −ELBO on the test split, 100.0 nats per image" in text
    assert "that loss stands 4.0 to 16.0 below the true −ELBO" in text
    for made in ("learning_rate 0.001", "0123456789abcdef" * 4, "test split 40", "train 62.2 s"):
        assert made in text
    for term in ("Nat", "−ELBO", "Rate", "Active unit", "The report’s loss"):
        assert term in text
    assert "45.5 nats per image" in text


def test_the_page_explains_only_what_it_shows(run_of):
    text = Page(write_report(run_of("vectors")).read_text()).text
    assert "density" in text
    assert "entropy" not in text
    assert "nats per image" not in text


def test_figures_and_report_need_no_jax(usual_run):
    program = f"""
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("jax", "jaxlib", "equinox", "optax"):
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, Refuse())
from latentsweep.record.folder import RunFolder
from latentsweep.show.figures import write_figures
from latentsweep.show.report import write_report

run = RunFolder.opened({str(usual_run.path)!r})
assert len(write_figures(run)) == 18
assert write_report(run).exists()
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)


@pytest.mark.slow
def test_the_heaviest_page_can_still_be_mailed(make_run, recipes):
    """Colours that no compression helps with, 30 sizes, 1,000 pictures: the page thins them."""
    noise = replace(recipes["30 sizes"], item_shape=(96, 96, 4), shown=1000, tests=1000)
    assert write_report(make_run(noise)).stat().st_size < 40e6
