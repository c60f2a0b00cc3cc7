"""The report: one file, readable without a network, whose words are the run's."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from latentsweep.language import speaking
from latentsweep.record.folder import RunFolder
from latentsweep.show import style
from latentsweep.show.figures import FIGURES, write_pictures
from latentsweep.show.report import write_report


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


STAND_IN = b"a picture"


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Writes a page around given plots; the same few bytes stand in for every picture."""
    picture = tmp_path_factory.mktemp("picture") / "picture"
    picture.write_bytes(STAND_IN)

    def write(run, plots, language="en"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("latentsweep.show.figures._write", lambda *_: (picture, picture))
            patch.setattr("latentsweep.show.report.page.live", lambda _: plots)
            return write_report(run, language).read_text()

    return write


@pytest.fixture(scope="session")
def source_of(once, run_of, plots_of, written):
    """The page of a recipe's run, with stand-ins for its pictures."""

    def make(name, folder):
        folder.mkdir()
        (folder / "page").write_text(written(run_of(name), plots_of(name)))

    return lambda name: (once(f"page of {name}", partial(make, name)) / "page").read_text()


@pytest.fixture(scope="session")
def source(any_name, source_of):
    return source_of(any_name)


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


def test_the_page_of_another_language_says_which_and_turns_into_english(
    run_of, plots_of, written, source_of
):
    name = "one member"
    there = written(run_of(name), plots_of(name), "pt")
    assert Page(there).all("html") == [{"lang": "pt-BR", "data-language": "pt"}]
    changes = [
        words_in(page, language) for page, language in ((there, "en"), (source_of(name), "pt"))
    ]
    for kind in changes[0]:
        assert [place for place, _ in changes[0][kind]] == [place for place, _ in changes[1][kind]]
    assert any(words == "Pictures" for _, words in changes[0]["text"])


def words_in(source, language):
    """What a page has to change to speak another language."""
    return json.loads(re.search(r'id="data-words">(.*?)</script>', source)[1])[language]


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


@pytest.mark.parametrize("name", ["a failed member", "counts", "hostile names"])
def test_same_run_gives_the_same_bytes(name, run_of, plots_of, written, source_of):
    assert written(run_of(name), plots_of(name)) == source_of(name)


def test_every_figure_stands_on_the_page_of_every_run(any_run, source, figures_of):
    page, expected = Page(source), figures_of(any_run)
    assert [figure["id"] for figure in page.all("figure")] == expected
    address = f"data:image/png;base64,{base64.b64encode(STAND_IN).decode()}"
    pictures = [image for image in page.all("img") if image["src"] == address]
    assert len(pictures) == len(expected)
    assert all(picture["alt"].endswith(".") for picture in pictures)


def test_the_report_holds_its_pictures_in_both_languages(reported):
    text = reported.report_path.read_text()
    held = {
        "en": [image["src"] for image in Page(text).all("img")],
        "pt": [address for _, address in words_in(text, "pt")["src"]],
    }
    for language, addresses in held.items():
        with speaking(language):
            pictures = write_pictures(reported)
        assert len(pictures) == len(FIGURES)
        for picture in pictures:
            png, svg = picture.png.read_bytes(), picture.svg.read_bytes()
            assert png.startswith(b"\x89PNG")
            assert b"<svg" in svg
            kind, content = ("png", png) if len(png) <= len(svg) else ("svg+xml", svg)
            address = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
            assert addresses.count(address) == 1


def test_hostile_words_stay_text(run_of, plots_of, written, tmp_path):
    run = RunFolder(shutil.copytree(run_of("hostile names").path, tmp_path / "run"))
    manifest = run.manifest()
    manifest["data"]["name"] = "<script>alert(2)</script>\"'&"
    run.write_manifest({key: value for key, value in manifest.items() if key != "format"})
    page = Page(written(run, plots_of("hostile names")))
    assert all("id" in script or not script for script in page.all("script"))
    assert "<script>alert(2)</script>\"'&" in page.text


def test_the_page_says_what_was_seen_and_how_it_was_made(source_of):
    text = Page(source_of("usual")).text
    assert "size 8 had the lowest true −ELBO on the test split, 100.0 nats per image" in text
    assert "that loss stands 4.0 to 16.0 below the true −ELBO" in text
    for made in ("learning_rate 0.001", "0123456789abcdef" * 4, "test split 40", "train 62.2 s"):
        assert made in text
    for term in ("Nat", "−ELBO", "Rate", "Active unit", "The report’s loss"):
        assert term in text
    assert "45.5 nats per image" in text


def test_the_page_explains_only_what_it_shows(source_of):
    text = Page(source_of("vectors")).text
    assert "density" in text
    assert "entropy" not in text
    assert "nats per image" not in text


WITHOUT_JAX = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("jax", "jaxlib", "equinox", "optax"):
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, Refuse())
from latentsweep.record.folder import RunFolder
from latentsweep.show import style

style.RC["savefig.dpi"] = {dpi}
run = RunFolder.opened({path!r})
{code}
assert "matplotlib.pyplot" not in sys.modules
"""


def in_another_process(run, *lines):
    """Runs code without JAX, and with other hashes of words than here."""
    code = "\n".join(lines)
    program = WITHOUT_JAX.format(dpi=style.RC["savefig.dpi"], path=str(run.path), code=code)
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300, env=environment)


def test_figures_need_no_jax_and_are_the_same_in_another_process(reported, tmp_path):
    bare = shutil.ignore_patterns("figures", "report.html")
    run = RunFolder(shutil.copytree(reported.path, tmp_path / "run", ignore=bare))
    in_another_process(
        run,
        "from latentsweep.show.figures import write_figures",
        "assert len(write_figures(run)) == 18",
    )
    english = {path.name: path.read_bytes() for path in reported.figures_path.glob("*.*")}
    assert {path.name: path.read_bytes() for path in run.figures_path.iterdir()} == english


def test_the_page_needs_no_jax_and_is_the_same_in_another_process(
    make_run, recipes, source_of, tmp_path
):
    name = "colours, many classes"  # whose plots are in one language
    run = make_run(recipes[name])
    (tmp_path / "picture").write_bytes(STAND_IN)
    in_another_process(
        run,
        "from pathlib import Path",
        "from latentsweep.show import figures",
        "from latentsweep.show.report import write_report",
        "from latentsweep.show.report.live import document",
        f"figures._write = lambda *_: 2 * (Path({str(tmp_path / 'picture')!r}),)",
        "document._languages = list",
        "write_report(run)",
    )
    assert run.report_path.read_text() == source_of(name)


def test_a_report_written_again_has_the_same_bytes_and_pictures(reported, tmp_path):
    run = RunFolder(shutil.copytree(reported.path, tmp_path / "run"))
    run.report_path.unlink()
    times = {path: path.stat().st_mtime_ns for path in run.figures_path.rglob("*.*")}
    assert write_report(run).read_text() == reported.report_path.read_text()
    assert {path: path.stat().st_mtime_ns for path in run.figures_path.rglob("*.*")} == times


@pytest.mark.slow
def test_the_heaviest_page_can_still_be_mailed(make_run, recipes):
    """Colours that no compression helps with, 30 sizes, 1,000 pictures: the page thins them."""
    both = replace(recipes["30 sizes"], objectives=("keras-blog", "elbo"))
    noise = replace(both, item_shape=(96, 96, 4), shown=1000, tests=1000)
    assert write_report(make_run(noise)).stat().st_size < 40e6
