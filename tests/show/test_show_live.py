"""The live plots as a document: the same bytes, one source, every language, nothing fetched."""

import json

import numpy as np
import pytest

from latentsweep import language
from latentsweep.language import speaking
from latentsweep.show.members import finished
from latentsweep.show.report.live import document, live
from latentsweep.show.report.live.document import differences
from latentsweep.show.report.live.tsne import affordable
from latentsweep.show.style import DARK_PAGE, on_dark

TWO_OF_ALL = "colours, many classes"  # two objectives, two sizes: all that has words
TEXTS = ("axis_label", "text", "name", "description", "title")


def models(tree):
    """Every model of a document, by id."""
    found = {}
    if isinstance(tree, list):
        for each in tree:
            found |= models(each)
    elif isinstance(tree, dict):
        if tree.get("type") == "object":
            found[tree["id"]] = tree
        for value in tree.values():
            found |= models(value)
    return found


def of_type(document, name):
    return [model for model in models(document).values() if model["name"] == name]


def examples(document):
    (source,) = (s for s in of_type(document, "ColumnDataSource") if "name" in s["attributes"])
    return source, dict(source["attributes"]["data"]["entries"])


@pytest.fixture(scope="module")
def usual(plots_of):
    """The plots of the usual run."""
    return plots_of("usual")


def test_any_run_has_its_plots_or_none(any_run, any_name, plots_of):
    made = plots_of(any_name)
    if finished(any_run.results()).empty:
        assert made is None
        return
    assert set(made.places) == {"headline", "rate_distortion", "dimensions", "tsne", "curves"}
    document = json.loads(made.document)
    shown = [place for places in made.places.values() for place in places]
    assert [root["id"] for root in document["roots"]] == [place.root for place in shown]
    assert [root["attributes"]["name"] for root in document["roots"]] == [p.label for p in shown]
    assert len({place.label for place in shown}) == len(shown)
    assert "http" not in made.document
    assert "<" not in made.document


def test_models_are_numbered_in_order_of_appearance(usual):
    numbers = list(models(json.loads(usual.document)))
    assert sorted(numbers, key=int) == [str(n + 1) for n in range(len(numbers))]


def test_all_panels_share_one_source_and_can_select(usual):
    document = json.loads(usual.document)
    source, columns = examples(document)
    assert len(usual.places["tsne"]) == 6
    for place in usual.places["tsne"]:
        panel = models(document)[place.root]
        (drawn,) = panel["attributes"]["renderers"]
        assert drawn["attributes"]["data_source"]["id"] == source["id"]
        tools = {tool["name"] for tool in panel["attributes"]["toolbar"]["attributes"]["tools"]}
        assert {"BoxSelectTool", "LassoSelectTool", "TapTool", "HoverTool"} <= tools
    assert columns["x elbo-k08-s0"]["dtype"] == "float32"
    assert columns["place"]["shape"] == [12]


def test_pictures_stand_at_their_examples(usual):
    _source, columns = examples(json.loads(usual.document))
    assert len(set(columns["picture"])) == 12
    assert all(picture.startswith("data:image/png;base64,") for picture in columns["picture"])
    assert columns["class"] == ["zero", "one", "two"] * 4


def test_too_many_bytes_of_pictures_are_thinned_evenly():
    positions, pictures = affordable(np.arange(100), ["x" * 10] * 100, 300)
    assert len(pictures) == len(positions) == 30
    assert positions[0] == 0
    assert positions[-1] == 99
    assert set(np.diff(positions)) <= {3, 4}


def test_hostile_names_stay_text(plots_of, recipes):
    made = plots_of("hostile names")
    _source, columns = examples(json.loads(made.document))
    assert columns["class"][:3] == list(recipes["hostile names"].names)
    tips = [
        tool["attributes"]["tooltips"] for tool in of_type(json.loads(made.document), "HoverTool")
    ]
    assert not any("alert" in tip or "{safe}" in tip for tip in tips)


def test_without_labels_there_is_no_class_to_show(plots_of):
    document = json.loads(plots_of("no labels").document)
    assert not any(
        "@{class}" in t["attributes"]["tooltips"] for t in of_type(document, "HoverTool")
    )
    assert set(examples(document)[1]["light"]) == {"#5b636d"}


def test_a_failed_member_ends_in_a_cross(plots_of):
    crosses = [
        glyph
        for glyph in of_type(json.loads(plots_of("a failed member").document), "Scatter")
        if glyph["attributes"].get("marker", {}).get("value") == "x"
    ]
    assert crosses


def test_the_recommended_size_is_marked(usual_run, monkeypatch):
    monkeypatch.setattr(document, "_PLOTS", {"headline": document.headline.plots})
    recommended = {"latent_size": 4, "set": [2, 8], "confidence": 0.9, "criterion": "elbo"}
    usual_run.write_answers({"recommendation": recommended, "claims": []})
    made = json.loads(live(usual_run).document)
    ends = [
        (b["attributes"]["left"], b["attributes"]["right"]) for b in of_type(made, "BoxAnnotation")
    ]
    ((left, right),) = [pair for pair in ends if isinstance(pair[0], float)]
    assert left < 2
    assert right > 8
    assert [line["attributes"]["location"] for line in of_type(made, "Span")] == [4]


def test_without_answers_nothing_is_marked(usual):
    assert not of_type(json.loads(usual.document), "Span")


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", ["#440154", "#bd1f01", "#1f2328", "#ffffff", "#000000"])
def test_a_colour_stands_out_from_a_dark_page(colour):
    assert (luminance(on_dark(colour)) + 0.05) / (luminance(DARK_PAGE) + 0.05) >= 3


class Shouting:
    """A catalogue that writes everything in capitals but what is filled in."""

    def gettext(self, message):
        parts = message.replace("}", "{").split("{")
        return "".join(f"{{{p}}}" if i % 2 else p.upper() for i, p in enumerate(parts))

    def ngettext(self, one, more, count):
        return self.gettext(one if count == 1 else more)

    def pgettext(self, _context, message):
        return self.gettext(message)


@pytest.fixture(scope="module")
def both(run_of):
    """The plots of a run in English, and in capital letters."""
    there = language._catalogue
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language, "_catalogue", lambda c: Shouting() if c == "pt" else there(c))
        english = live(run_of(TWO_OF_ALL))
        with speaking("pt"):
            return english, live(run_of(TWO_OF_ALL))


def relabelled(text, changes):
    """A document after the changes to its models."""
    document = json.loads(text)
    for identity, attributes in changes.items():
        own = models(document)[identity]["attributes"]
        for name, value in attributes.items():
            if name == "data":
                columns = dict(value["entries"])
                kept = own["data"]["entries"]
                value = {"type": "map", "entries": [[k, columns.get(k, v)] for k, v in kept]}
            own[name] = value
    return document


def test_the_same_run_gives_the_same_bytes(plots_of, both):
    there, english = plots_of(TWO_OF_ALL), both[0]
    assert (english.document, english.places) == (there.document, there.places)


def test_the_other_language_is_reached_by_what_differs(both):
    english, loud = both
    changes = json.loads(english.relabel)
    assert changes == json.loads(loud.relabel)
    assert relabelled(english.document, changes["pt"]) == json.loads(loud.document)
    assert relabelled(loud.document, changes["en"]) == json.loads(english.document)
    assert list(changes["en"]) == list(changes["pt"])


def test_every_word_is_translated(both):
    document = json.loads(both[1].document)
    for model in models(document).values():
        for name in TEXTS:
            text = model.get("attributes", {}).get(name)
            if isinstance(text, str) and text != "examples":
                assert text == text.upper(), (model["name"], name, text)
    labels = [item["attributes"]["label"]["value"] for item in of_type(document, "LegendItem")]
    assert labels == [label.upper() for label in labels]


def test_numbers_have_the_commas_of_their_language(both):
    changes = json.loads(both[0].relabel)
    columns = [
        dict(attributes["data"]["entries"])
        for attributes in changes["pt"].values()
        if "data" in attributes
    ]
    assert columns
    assert all("picture" not in each and "value" not in each for each in columns)
    assert any("110,0" in each.get("words", [""])[0] for each in columns)


def test_what_all_languages_share_is_no_difference():
    def said(text):
        title = {"type": "object", "name": "Title", "id": "1", "attributes": {"text": text, "x": 1}}
        return {"roots": [title]}

    found = differences({"en": said("a"), "pt": said("b")})
    assert found == {"en": {"1": {"text": "a"}}, "pt": {"1": {"text": "b"}}}


def test_one_dimension_has_its_codes(plots_of):
    (panel,) = plots_of("one member of one dimension").places["tsne"]
    assert panel.label.startswith("The codes, ")
