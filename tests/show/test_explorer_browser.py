"""The explorer in a real browser, on synthetic runs: every tool, by mouse, by keys, by address."""

import functools
import json
import re

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from reading import serious
from scipy.special import expit, log_expit
from sklearn.decomposition import PCA

from exploring import ODD_FRAGMENTS, SIZES, TOOLS, Explorer, relu_network
from latentsweep.show.explorer import write_explorer
from latentsweep.show.explorer.content import content

pytestmark = pytest.mark.browser

ODD = (
    *("usual", "one member of one dimension", "no labels", "a failed member"),
    *("vectors", "counts", "hostile names", "colours, many classes", "60 members", "30 sizes"),
)
WIDE, NARROW = ({"width": width, "height": 800} for width in (1280, 360))
RECONSTRUCTIONS = "#spaces article:not([hidden]) .reconstruction"
GROUNDS = "#spaces article:not([hidden]) .map canvas:first-child"
ITEM = "[...latentsweep.family.item(latentsweep.state)]"
# What can be seen with a tool open; a canvas is blank if nothing is painted on it.
LOOK = """async (tool) => {
  await latentsweep.drawn();
  const blank = (canvas) => {
    const scratch = new OffscreenCanvas(canvas.width, canvas.height);
    const context = scratch.getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return !data.some((value, i) => i % 4 === 3 && value > 0);
  };
  const maps = [...document.querySelectorAll(".map canvas")].filter((map) => map.checkVisibility());
  return {
    tool: latentsweep.state.tool,
    visible: document.getElementById(`tool-${tool}`).checkVisibility(),
    width: document.documentElement.scrollWidth,
    maps: maps.length,
    blank: maps.filter(blank).length,
    words: document.body.innerText,
  };
}"""


@pytest.fixture(scope="module")
def address_of(run_of):
    """The address of a run's explorer, written once."""
    return functools.cache(lambda name: write_explorer(run_of(name)).as_uri())


@pytest.fixture(scope="module")
def page_number(browser):
    """Pages by number to open explorers in, again and again: a new page takes longest of all.

    Each in a window of its own, since nothing is drawn in a tab behind another.
    """
    permissions = ["clipboard-read", "clipboard-write"]
    opened = functools.cache(lambda _: browser.new_page(offline=True, permissions=permissions))
    yield opened
    for number in range(opened.cache_info().currsize):
        opened(number).close()


@pytest.fixture
def explore(page_number, address_of):
    """Opens the explorer of a run; at the end nothing may have gone wrong in any of them.

    Each has a page of its own, or that of an explorer that is needed no more: `after` it.
    """
    there = {}

    def opened(name="usual", fragment="", size=WIDE, after=None) -> Explorer:
        page = after.page if after else page_number(len(there))
        trouble = after.leave() if after else []
        page.set_viewport_size(size)
        page.emulate_media(color_scheme="light")
        explorer = Explorer(page, address_of(name), fragment)
        explorer.trouble += trouble
        there[page] = explorer
        return explorer

    yield opened
    assert [each.leave() for each in there.values()] == [[] for _ in there]


class Shown:
    """What a run's explorer has to show, computed with NumPy from the run folder."""

    def __init__(self, run, objective="elbo"):
        self.run, self.objective = run, objective
        examples = run.examples()
        self.values = examples.values.reshape(len(examples.values), -1).astype(float)
        self.most = self.values.max()

    def member(self, size):
        return f"{self.objective}-k{size:02d}-s0"

    def network(self, size):
        return relu_network(self.run.weights(self.member(size)))

    def codes(self, size):
        codes = self.run.arrays(self.member(size))["test/codes"][: len(self.values)]
        return codes.astype(np.float16).astype(float)

    def encoded(self, size, row):
        return self.network(size)[0](self.values[row] / 255)

    def grey(self, size, codes):
        """The grey levels that the page has to show of codes [codes, pixels]."""
        return 255 * np.clip(255 * expit(self.network(size)[1](codes)) / self.most, 0, 1)


@pytest.fixture
def usual(run_of):
    return Shown(run_of("usual"))


def greys(pixels):
    return np.stack([each[..., 0].ravel() for each in pixels])


# -- every kind of run


@pytest.mark.parametrize("name", ODD)
def test_it_opens_offline_whole_and_narrow_in_every_language(explore, recipes, name):
    explorer = explore(name, size=NARROW)
    for language in ("en", "pt"):
        explorer.click(f"button[data-language={language}]")
        for tool in TOOLS:
            explorer.open(tool)
            seen = explorer.page.evaluate(LOOK, tool)
            assert (seen["tool"], seen["visible"]) == (tool, True)
            assert seen["width"] <= 360
            assert (seen["maps"] > 1, seen["blank"]) == (True, 0)
            words = functools.reduce(
                lambda text, label: text.replace(label, ""),
                recipes[name].names or (),
                seen["words"],
            )
            assert re.findall(r"undefined|NaN|null|Infinity|[{}]|\[object", words) == []
    maps = explorer.find("#spaces article:not([hidden])").count()
    networks = explorer.page.evaluate("latentsweep.data.networks.map((n) => n.objective)")
    assert maps == networks.count(explorer.state["objective"])
    assert len(explorer.pictures(RECONSTRUCTIONS)) == maps


def test_hostile_labels_stay_text(explore, recipes):
    explorer = explore("hostile names")
    names = recipes["hostile names"].names
    assert explorer.find("#classes button").all_inner_texts() == list(names)
    for row, name in enumerate(names):
        explorer.page.fill("#wanted", str(row))
        explorer.page.press("#wanted", "Enter")
        assert explorer.text("#item-name") == f"test image {row}: {name}"
        explorer.page.fill("#wanted", name)
        explorer.page.press("#wanted", "Enter")
        assert explorer.text("#found") == explorer.said("found_class", name=name)
        explorer.page.mouse.move(*explorer.at(explorer.map(0), explorer.layout(0)[row]))
        explorer.settle()
        assert explorer.text("#pointed-name") == f"test image {row}: {name}"
    assert explorer.find("main script, #classes button > :not(.dot), #pointed script").count() == 0


def test_a_hostile_search_stays_text(explore):
    explorer = explore()
    for text in ("<img src=x onerror=alert(1)>", "{loss} {text}", "$& $1"):
        explorer.page.fill("#wanted", text)
        explorer.page.press("#wanted", "Enter")
        assert text in explorer.text("#found")
    assert explorer.find("#found *").count() == 0


@pytest.mark.parametrize("name", ["usual", "vectors", "one member"])
def test_axe_core_finds_nothing_serious(explore, name):
    explorer = explore(name)
    for scheme in ("light", "dark"):
        explorer.page.emulate_media(color_scheme=scheme)
        for tool in TOOLS:
            explorer.open(tool)
            explorer.settle()
        explorer.page.eval_on_selector_all(
            "[role=tabpanel]", "panels => panels.forEach((panel) => { panel.hidden = false; })"
        )
        assert serious(explorer.page) == [], scheme


# -- drawing

STROKE = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.6)]


def test_a_stroke_changes_everything_and_can_be_undone(explore):
    explorer = explore()
    before, made = explorer.state, explorer.pictures(RECONSTRUCTIONS)
    pad = explorer.pictures("#pad")
    explorer.drag("#pad", STROKE)
    after, remade = explorer.state, explorer.pictures(RECONSTRUCTIONS)
    assert len(after["strokes"]) == 1
    points = np.array(after["strokes"][0]["points"])
    np.testing.assert_allclose(points[[0, -1]], [STROKE[0], STROKE[-1]], atol=5e-3)
    assert after == {**before, "strokes": after["strokes"]}
    assert all(old != new for old, new in zip(made, remade, strict=True))
    assert explorer.pictures("#pad") != pad
    assert explorer.text("#item-name") == "your drawing"
    for undo, redo in (("#undo", "#redo"), ("Control+z", "Control+Shift+Z")):
        act = explorer.click if undo == "#undo" else explorer.page.keyboard.press
        act(undo)
        assert explorer.state == before
        assert (explorer.pictures(RECONSTRUCTIONS), explorer.pictures("#pad")) == (made, pad)
        assert explorer.page.is_disabled("#undo")
        act(redo)
        assert explorer.state == after
        assert explorer.pictures(RECONSTRUCTIONS) == remade
        assert explorer.page.is_disabled("#redo")


def test_many_steps_can_be_undone_one_by_one(explore):
    explorer = explore()
    states = [explorer.state]
    for row in (3, 4):
        explorer.press(explorer.map(1), explorer.layout(1)[row])
        states.append(explorer.state)
    explorer.drag("#pad", STROKE)
    states.append(explorer.state)
    explorer.open("walk")
    states.append(explorer.state)
    explorer.click("#clear")
    assert explorer.state["base"] is None
    assert explorer.state["strokes"] == []
    for state in reversed(states):
        explorer.click("#undo")
        assert explorer.state == state
    for state in states[1:]:
        explorer.click("#redo")
        assert explorer.state == state
    explorer.click("#reset")
    assert explorer.state == states[0]
    explorer.click("#undo")
    assert explorer.state == states[-1]


def test_on_top_keeps_the_image_and_otherwise_the_ground_is_blank(explore, usual):
    explorer = explore()
    images = usual.values.reshape(-1, 6, 5)
    border = np.ones((6, 5), bool)
    border[1:-1, 1:-1] = False
    ground = np.median(images[:, border])
    dot = [((2 + 0.5) / 5, (3 + 0.5) / 6)]
    for over, under in ((True, images[0]), (False, np.full((6, 5), ground))):
        explorer.click("#reset")
        explorer.tick("over", over)
        explorer.drag("#pad", dot)
        assert (explorer.state["base"] == 0) == over
        share = 0.046 * 6 + 0.5  # of the pixel under the pen
        expected = under.copy()
        expected[3, 2] = (1 - share) * under[3, 2] + share * (usual.most if ground < 128 else 0)
        np.testing.assert_allclose(
            explorer.pixels("#pad")[0][..., 0], 255 * expected / usual.most, atol=1.5
        )
        made = greys(explorer.pixels(RECONSTRUCTIONS))
        for place, size in enumerate(SIZES):
            code = usual.network(size)[0](expected.ravel() / 255)
            np.testing.assert_allclose(made[place], usual.grey(size, code), atol=1.5)


def test_clear_is_the_blank_ground_and_a_drawing_on_it(explore):
    explorer = explore()
    explorer.click("#clear")
    blank = explorer.pixels("#pad")[0]
    assert len(np.unique(blank[..., 0])) == 1
    explorer.drag("#pad", STROKE)
    assert explorer.state["base"] is None
    corner = explorer.pixels("#pad")[0]
    assert corner[-1, 0].tolist() == blank[-1, 0].tolist()
    assert (corner != blank).any()


def test_keys_draw(explore):
    explorer = explore()
    explorer.find("h1").click()
    while explorer.page.evaluate("document.activeElement.id") != "pad":
        explorer.page.keyboard.press("Tab")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Space", "ArrowRight", "Shift+ArrowDown"):
        explorer.page.keyboard.press(key)
    assert explorer.find("#cursor").is_visible()
    explorer.page.keyboard.press("Space")
    [stroke] = explorer.state["strokes"]
    start, step = np.array([0.5 - 2 / 28, 0.5 - 1 / 28]), 1 / 28
    expected = start + np.array([[0, 0], [step, 0], [step, 1 / 7]])
    np.testing.assert_allclose(stroke["points"], expected, atol=1e-9)
    explorer.page.keyboard.press("ArrowDown")
    assert explorer.state["strokes"] == [stroke]
    explorer.page.keyboard.press("Control+z")
    assert explorer.state["strokes"] == []


def test_the_skip_link_goes_to_the_pad_and_changes_nothing(explore):
    explorer = explore(fragment="#base=5&tool=walk")
    before = explorer.state
    explorer.page.keyboard.press("Tab")
    assert explorer.page.evaluate("document.activeElement.className") == "skip"
    explorer.page.keyboard.press("Enter")
    assert explorer.page.evaluate("document.activeElement.id") == "pad"
    assert explorer.state == before


def test_the_pen_has_a_colour_where_images_have(explore, run_of):
    name = "colours, many classes"
    image = run_of(name).examples().values
    explorer = explore(name)
    explorer.page.fill("#colour", "#00ff80")
    explorer.drag("#pad", [(3.5 / 6, 2.5 / 6)])
    [stroke] = explorer.state["strokes"]
    np.testing.assert_allclose(stroke["colour"], [0, 1, 128 / 255])
    share, most = 0.046 * 6 + 0.5, float(image.max())
    expected = image[0].astype(float)
    ink = np.array([0, 1, 128 / 255]) * most
    expected[2, 3] = (1 - share) * expected[2, 3] + share * ink
    np.testing.assert_allclose(explorer.pixels("#pad")[0][..., :3], 255 * expected / most, atol=1.5)
    assert not explore().find("#colour").is_visible()


def test_bars_are_set_by_dragging_across_them(explore, run_of):
    values = run_of("vectors").examples().values
    explorer = explore("vectors")
    low, high = values.min(), values.max()
    made, pad = explorer.pictures(RECONSTRUCTIONS), explorer.pictures("#pad")
    explorer.drag("#pad", [(0.1025, 0.2), (0.5025, 0.8)], steps=8)
    item = np.array(explorer.page.evaluate(ITEM))
    expected = values[0].copy()
    across = np.arange(20, 101)
    expected[20:101] = low + (1 - np.interp(across, (20, 100), (0.2, 0.8))) * (high - low)
    np.testing.assert_allclose(item, expected, atol=0.02 * (high - low))
    np.testing.assert_array_equal(item[101:], values[0][101:])
    assert explorer.pictures("#pad") != pad
    pairs = zip(made, explorer.pictures(RECONSTRUCTIONS), strict=True)
    assert all(old != new for old, new in pairs)


# -- the maps


def test_a_map_is_its_projection_on_one_scale(explore, usual):
    explorer = explore()
    table = usual.run.projections()
    for place, size in enumerate(SIZES):
        panel = table[table["member"] == usual.member(size)].set_index("example")
        there = panel.loc[range(12), ["x", "y"]].to_numpy()
        if size == 2:  # the codes themselves
            there = usual.run.arrays(usual.member(2))["test/codes"][:12]
        found = explorer.layout(place)
        scale = np.ptp(found, axis=0) / np.ptp(there, axis=0)
        np.testing.assert_allclose(scale[0], scale[1], rtol=1e-5)
        middle = (there.max(axis=0) + there.min(axis=0)) / 2
        np.testing.assert_allclose(found, 0.5 + (there - middle) * scale * [1, -1], atol=1e-6)
        assert np.ptp(found, axis=0).max() == pytest.approx(0.9)


def test_pointing_tells_and_clicking_chooses(explore, usual):
    explorer = explore()
    names = ("zero", "one", "two")
    for place, row in ((0, 4), (1, 7), (2, 11)):
        ground, above = explorer.pictures(GROUNDS), explorer.pictures("#spaces .above")
        at = explorer.at(explorer.map(place), explorer.layout(place)[row])
        explorer.page.mouse.move(*at)
        explorer.settle()
        name = f"test image {row}: {names[row % 3]}"
        assert explorer.text("#pointed-name") == name
        np.testing.assert_allclose(
            explorer.pixels("#pointed-picture")[0][..., 0].ravel(),
            255 * usual.values[row] / usual.most,
            atol=1,
        )
        assert all(a != b for a, b in zip(above, explorer.pictures("#spaces .above"), strict=True))
        explorer.page.mouse.click(*at)
        state = explorer.state
        assert (state["base"], state["picked"][-1], state["strokes"]) == (row, row, [])
        assert explorer.text("#item-name") == explorer.text("#told") == name
        assert explorer.pictures(GROUNDS) == ground
        made = greys(explorer.pixels(RECONSTRUCTIONS))
        for k, size in enumerate(SIZES):
            expected = usual.grey(size, usual.encoded(size, row))
            np.testing.assert_allclose(made[k], expected, atol=1.5)
    assert explorer.state["picked"] == [4, 7, 11]
    explorer.page.mouse.move(2, 2)
    assert not explorer.find("#pointed").is_visible()


def test_the_table_of_the_chosen_has_losses_and_neighbours(explore, usual):
    explorer = explore()
    explorer.press(explorer.map(1), explorer.layout(1)[6])
    rows = explorer.find("#item-rows tr")
    for place, size in enumerate(SIZES):
        cells = rows.nth(place).locator("th, td").all_inner_texts()
        encode, decode = usual.network(size)
        x = usual.values[6] / 255
        out = decode(encode(x))
        nats = -(x * log_expit(out) + (1 - x) * log_expit(-out)).sum()
        measured = usual.run.arrays(usual.member(size))["test/neg_elbo"][6]
        assert cells[0].split()[0] == str(size)
        assert float(cells[1]) == pytest.approx(nats, abs=0.06)
        assert float(cells[2]) == pytest.approx(measured, abs=0.06)
        away = np.linalg.norm(usual.codes(size) - encode(x), axis=1)
        nearest = [row for row in np.argsort(away) if row != 6][:8]
        labels = (
            rows.nth(place)
            .locator("button")
            .evaluate_all("buttons => buttons.map((button) => button.title.match(/\\d+/)[0])")
        )
        assert [int(label) for label in labels] == nearest
    rows.nth(1).locator("button").first.click()
    assert explorer.state["base"] == int(
        explorer.text("#item-name").removeprefix("test image ").split(":")[0]
    )
    assert explorer.state["base"] != 6


@pytest.mark.parametrize("place", [0, 2])
def test_a_lasso_selects_what_is_inside(explore, place):
    explorer = explore()
    corners = [(0.1, 0.15), (0.8, 0.05), (0.95, 0.6), (0.5, 0.45), (0.2, 0.9)]
    grounds = explorer.pictures(GROUNDS)
    explorer.drag(explorer.map(place), corners, steps=4)
    inside = Outline(corners).contains_points(explorer.layout(place))
    assert 0 < inside.sum() < 12
    assert explorer.state["selected"] == np.flatnonzero(inside).tolist()
    assert explorer.text("#selected") == f"{inside.sum()} of 12 selected"
    assert explorer.find("#chosen button").count() == inside.sum()
    assert all(a != b for a, b in zip(grounds, explorer.pictures(GROUNDS), strict=True))
    explorer.click("#unselect")
    assert explorer.state["selected"] == []
    assert explorer.pictures(GROUNDS) == grounds


def test_a_class_is_selected_by_its_button(explore):
    explorer = explore()
    for label, name in enumerate(("zero", "one", "two")):
        button = explorer.find("#classes button", has_text=name)
        button.click()
        assert explorer.state["selected"] == list(range(label, 12, 3))
        assert button.get_attribute("aria-pressed") == "true"
        assert explorer.find("#classes [aria-pressed=true]").count() == 1
    explorer.find("#classes button", has_text="two").click()
    assert explorer.state["selected"] == []


def test_search_finds_numbers_classes_and_says_what_it_does_not(explore):
    explorer = explore()
    first = explorer.state

    def searched(text):
        explorer.page.fill("#wanted", text)
        explorer.page.press("#wanted", "Enter")
        return explorer.state, explorer.text("#found")

    state, said = searched("7")
    assert (state["base"], state["selected"], said) == (
        7,
        [],
        explorer.said("found_number", number=7),
    )
    state, said = searched(" One ")
    assert (state["base"], state["selected"]) == (7, [1, 4, 7, 10])
    assert said == explorer.said("found_class", name="one")
    state, said = searched("30")  # there are 40, of which the page has the first 12
    assert state["base"] == 11
    assert said == explorer.said("found_nearest", number=30, nearest=11)
    for nonsense in ("gibberish", "-4", "1e3", "99999999999999"):
        after, said = searched(nonsense)
        assert after == state
        assert nonsense in said
    assert searched("   ")[0] == state != first


def test_dots_or_pictures_and_an_enlarged_map(explore):
    explorer = explore()
    dots = explorer.pictures(GROUNDS)
    explorer.choose("marks", "pictures")
    assert explorer.state["marks"] == "pictures"
    assert all(a != b for a, b in zip(dots, explorer.pictures(GROUNDS), strict=True))
    explorer.choose("marks", "dots")
    assert explorer.pictures(GROUNDS) == dots
    cards = explorer.find("#spaces article")
    width = cards.nth(1).bounding_box()["width"]
    button = cards.nth(1).locator(".enlarge")
    button.click()
    assert explorer.state["wide"] == 4
    assert cards.nth(1).bounding_box()["width"] > 1.5 * width
    assert button.get_attribute("aria-pressed") == "true"
    map_width = explorer.map(1).bounding_box()["width"]
    assert explorer.pixels(GROUNDS)[1].shape[1] == pytest.approx(map_width, abs=1)
    explorer.press(explorer.map(1), explorer.layout(1)[9])
    assert explorer.state["base"] == 9
    button.click()
    assert explorer.state["wide"] is None
    assert cards.nth(1).bounding_box()["width"] == pytest.approx(width)
    assert not explore("vectors").find("#marks").is_visible()


def test_arrow_keys_go_from_example_to_example(explore):
    explorer = explore()
    points = explorer.layout(1)
    explorer.map(1).focus()
    current, moves = explorer.state["base"], 0
    for key, along, right in (
        *(("ArrowRight", 0, 1), ("ArrowDown", 1, 1), ("ArrowLeft", 0, -1), ("ArrowUp", 1, -1)),
        *(("ArrowLeft", 0, -1), ("ArrowLeft", 0, -1)),
    ):
        explorer.page.keyboard.press(key)
        offset = points - points[current]
        forward, sideways = right * offset[:, along], np.abs(offset[:, 1 - along])
        there = np.flatnonzero((forward > 0) & (sideways <= forward))
        if len(there):
            current = int(there[np.argmin(np.linalg.norm(offset[there], axis=1))])
            moves += 1
        assert explorer.state["base"] == current
    assert moves >= 3


def test_the_language_switch_turns_every_word(explore):
    explorer = explore()
    before = explorer.words()
    words = json.loads(explorer.page.inner_text("#data-words"))
    explorer.click("button[data-language=pt]")
    assert explorer.page.evaluate("document.documentElement.lang") == "pt-BR"
    assert explorer.page.title() == words["pt"]["title"]
    for name in ("title", "lede", "clear", "tab_walk"):
        said = explorer.find(f"[data-word={name}]").inner_text()
        assert said == words["pt"][name]
    shown = explorer.text("#spaces .nats >> nth=0")
    assert re.fullmatch(r"[\d.]*\d,\d .*", shown)
    explorer.click("button[data-language=en]")
    assert explorer.words() == before
    tabs = explorer.find("#tab-item")
    tabs.focus()
    explorer.page.keyboard.press("ArrowLeft")
    assert explorer.state["tool"] == "prior"
    assert explorer.page.evaluate("document.activeElement.id") == "tab-prior"


def test_the_other_objective_brings_its_own_networks(explore, run_of):
    explorer, other = explore(), Shown(run_of("usual"), "keras-blog")
    explorer.choose("objective", "keras-blog")
    made = greys(explorer.pixels(RECONSTRUCTIONS))
    for place, size in enumerate(SIZES):
        expected = other.grey(size, other.encoded(size, 0))
        np.testing.assert_allclose(made[place], expected, atol=1.5)
    there = other.run.projections()
    panel = there[there["member"] == "keras-blog-k08-s0"].set_index("example")
    xs, points = panel.loc[range(12), "x"], explorer.layout(2)
    assert np.corrcoef(xs, points[:, 0])[0, 1] == pytest.approx(1, abs=1e-6)


# -- travel

PLANE = "#plane canvas >> nth=1"


def window(placed):
    """Middle and half side of the square that holds places [examples, 2] on a plane."""
    low, high = np.percentile(placed, [0.5, 99.5], axis=0)
    margin = np.where(low == high, 1, 0.08 * (high - low))
    low, high = low - margin, high + margin
    return (low + high) / 2, ((high - low) / 2).max()


def on_plane(placed, share):
    middle, half = window(placed)
    return middle + (np.array(share) - 0.5) * [2 * half, -2 * half]


def travelling(explore, name="usual", **parameters):
    fragment = "&".join(f"{key}={value}" for key, value in {"tool": "travel", **parameters}.items())
    return explore(name, f"#{fragment}")


@pytest.mark.parametrize(("size", "across", "up"), [(2, 0, 1), (8, 5, 2)])
def test_dragging_on_the_plane_moves_the_code_to_the_pointer(explore, usual, size, across, up):
    explorer = travelling(explore, size=size, across=across, up=up)
    start = usual.encoded(size, 0)
    placed = usual.codes(size)[:, [across, up]]
    for share in ((0.3, 0.25), (0.8, 0.66)):
        explorer.drag(PLANE, [(0.5, 0.5), share])
        code = np.array(explorer.state["code"])
        expected = start.copy()
        expected[[across, up]] = on_plane(placed, share)
        np.testing.assert_allclose(code, expected, atol=2e-3)
        shown = greys(explorer.pixels("#decoded"))[0]
        np.testing.assert_allclose(shown, usual.grey(size, code), atol=1)
    explorer.click("#undo")
    explorer.click("#undo")
    assert explorer.state["code"] is None
    shown = greys(explorer.pixels("#decoded"))[0]
    np.testing.assert_allclose(shown, usual.grey(size, start), atol=1)


def test_while_dragging_the_decoded_image_and_the_map_follow(explore, usual):
    explorer = travelling(explore, size=4)
    above = explorer.pictures("#spaces .above")
    x, y = explorer.at(PLANE, (0.2, 0.2))
    explorer.page.mouse.move(x, y)
    explorer.page.mouse.down()
    explorer.page.mouse.move(x + 30, y + 40)
    code = explorer.state["code"]
    shown = greys(explorer.pixels("#decoded"))[0]
    np.testing.assert_allclose(shown, usual.grey(4, np.array(code)), atol=1)
    changed = [a != b for a, b in zip(above, explorer.pictures("#spaces .above"), strict=True)]
    assert changed == [False, True, False]
    assert explorer.page.is_disabled("#undo")
    explorer.page.mouse.up()
    assert explorer.state["code"] == code
    assert explorer.page.is_enabled("#undo")


def test_keys_on_the_plane_and_the_two_buttons(explore, usual):
    explorer = travelling(explore, size=4, across=0, up=3)
    _, half = window(usual.codes(4)[:, [0, 3]])
    explorer.find(PLANE).focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        explorer.page.keyboard.press(key)
    expected = usual.encoded(4, 0) + 2 * half * 0.02 * np.array([2, 0, 0, 5])
    np.testing.assert_allclose(explorer.state["code"], expected, atol=1e-3)
    explorer.click("#to-centre")
    assert explorer.state["code"] == [0, 0, 0, 0]
    shown = greys(explorer.pixels("#decoded"))[0]
    np.testing.assert_allclose(shown, usual.grey(4, np.zeros(4)), atol=1)
    explorer.click("#to-item")
    assert explorer.state["code"] is None


def test_a_slider_changes_one_dimension(explore, usual):
    explorer = travelling(explore, size=8)
    sliders = explorer.find("#sliders input")
    assert sliders.count() == 8
    sliders.nth(5).fill("1.5")
    expected = usual.encoded(8, 0)
    expected[5] = 1.5
    np.testing.assert_allclose(explorer.state["code"], expected, atol=1e-3)
    sliders.nth(2).focus()
    before = float(sliders.nth(2).input_value())
    explorer.page.keyboard.press("ArrowRight")
    expected[2] = before + 0.01
    code = np.array(explorer.state["code"])
    np.testing.assert_allclose(code, expected, atol=1e-3)
    shown = greys(explorer.pixels("#decoded"))[0]
    np.testing.assert_allclose(shown, usual.grey(8, code), atol=1)
    outputs = explorer.find("#sliders output").all_inner_texts()
    assert [float(o.replace("−", "-")) for o in outputs] == pytest.approx(code, abs=6e-3)


def test_the_principal_plane_is_scikit_learns(explore, usual):
    explorer = travelling(explore, size=8)
    explorer.find("#plane-kind").select_option("principal")
    assert not explorer.find("#across").is_visible()
    found = PCA(2).fit(usual.codes(8))
    largest = np.abs(found.components_).argmax(axis=1)
    axes = found.components_ * np.sign(found.components_[[0, 1], largest])[:, None]
    share = (0.7, 0.2)
    explorer.drag(PLANE, [(0.4, 0.4), share])
    offset = np.array(explorer.state["code"]) - found.mean_
    placed = (usual.codes(8) - found.mean_) @ axes.T
    np.testing.assert_allclose(axes @ offset, on_plane(placed, share), atol=2e-3)
    start = usual.encoded(8, 0) - found.mean_
    np.testing.assert_allclose(
        offset - axes.T @ axes @ offset, start - axes.T @ axes @ start, atol=2e-3
    )


def test_the_plane_through_three_holds_all_three(explore, usual):
    explorer = travelling(explore, size=8)
    for row in (1, 5, 9):
        explorer.press(explorer.map(2), explorer.layout(2)[row])
    explorer.find("#plane-kind").select_option("three")
    three = usual.codes(8)[[1, 5, 9]]
    np.testing.assert_allclose(explorer.state["code"], three.mean(axis=0), atol=1e-3)
    explorer.drag(PLANE, [(0.4, 0.4), (0.7, 0.3)])
    offset = np.array(explorer.state["code"]) - three[0]
    weights, *_ = np.linalg.lstsq((three[1:] - three[0]).T, offset)
    np.testing.assert_allclose((three[1:] - three[0]).T @ weights, offset, atol=1e-3)
    first = (three[1] - three[0]) / np.linalg.norm(three[1] - three[0])
    second = three[2] - three[0] - first * (first @ (three[2] - three[0]))
    axes = np.stack([first, second / np.linalg.norm(second)])
    placed = (usual.codes(8) - three[0]) @ axes.T
    np.testing.assert_allclose(axes @ offset, on_plane(placed, (0.7, 0.3)), atol=2e-3)


def test_an_axis_that_takes_the_others_place_swaps_with_it(explore):
    explorer = travelling(explore, size=8, across=5, up=2)
    explorer.find("#across").select_option("2")
    assert (explorer.state["across"], explorer.state["up"]) == (2, 5)
    explorer.find("#up").select_option("7")
    assert (explorer.state["across"], explorer.state["up"]) == (2, 7)
    explorer.find("#travel-size").select_option("2")
    state = explorer.state
    assert (state["size"], state["across"], state["up"], state["code"]) == (2, 0, 1, None)


def test_one_dimension_can_be_travelled(explore, run_of):
    name = "one member of one dimension"
    shown, explorer = Shown(run_of(name), "keras-blog"), travelling(explore, name)
    codes = shown.codes(1)
    explorer.drag(PLANE, [(0.5, 0.5), (0.8, 0.1)])
    [code] = explorer.state["code"]
    placed = np.hstack([codes, np.zeros_like(codes)])
    assert code == pytest.approx(on_plane(placed, (0.8, 0.1))[0], abs=2e-3)
    pixels = greys(explorer.pixels("#decoded"))[0]
    np.testing.assert_allclose(pixels, shown.grey(1, np.array([code])), atol=1)
    explorer.find("#sliders input").fill("-1")
    assert explorer.state["code"] == [-1]
    for kind in ("principal", "dimensions"):
        explorer.find("#plane-kind").select_option(kind)
        assert explorer.find("#plane").is_visible()
    explorer.find("#plane-kind").select_option("three")  # which lie on a line
    assert not explorer.find("#plane").is_visible()
    assert explorer.text("#travel-note")


# -- walk and sample


def test_a_walk_goes_from_one_code_to_the_other(explore, usual):
    explorer = explore(fragment="#tool=walk&picked=2,7")
    rows = explorer.find("#walk-rows tr")
    for place, size in enumerate(SIZES):
        assert rows.nth(place).locator("th").inner_text().split()[0] == str(size)
        steps = greys(explorer.pixels(f"#walk-rows tr:nth-child({place + 1}) canvas"))
        codes = usual.codes(size)
        line = codes[2] + np.linspace(0, 1, 7)[:, None] * (codes[7] - codes[2])
        np.testing.assert_allclose(steps, usual.grey(size, line), atol=1)
    before = explorer.pictures("#walk-rows canvas")
    explorer.press(explorer.map(0), explorer.layout(0)[10])
    after = explorer.pictures("#walk-rows canvas")
    assert len(after) == len(before) == 21
    assert after[0::7] == before[6::7]
    assert all(a != b for a, b in zip(after[6::7], before[6::7], strict=True))
    titles = explorer.find("#walk-ends button").evaluate_all("all => all.map((b) => b.title)")
    assert titles == ["test image 7: one", "test image 10: one"]


def test_samples_change_and_come_back(explore, usual):
    explorer = explore(fragment="#tool=prior")
    first = explorer.pictures("#prior-rows canvas")
    assert len(first) == 30
    assert len(set(first)) == 30
    explorer.click("#again")
    second, fragment = explorer.pictures("#prior-rows canvas"), explorer.fragment
    assert not set(first) & set(second)
    explorer.click("#undo")
    assert explorer.pictures("#prior-rows canvas") == first
    again = explore(fragment=fragment, after=explorer)
    assert again.pictures("#prior-rows canvas") == second
    again = explore(fragment="#tool=prior", after=again)
    assert again.pictures("#prior-rows canvas") == first


def test_samples_are_decoded_codes(explore, usual, call):
    explorer = explore(fragment="#tool=prior&seed=3")
    [codes] = call("() => prior.sampledCodes({ size: 8 }, 3)", [()])
    shown = greys(explorer.pixels("#prior-rows tr:nth-child(3) canvas"))
    np.testing.assert_allclose(shown, usual.grey(8, np.array(codes)), atol=1)


# -- the address


def rounded_alike(state, other):
    """Whether two states are the same up to how an address writes strokes and codes."""
    for key, most in (("strokes", 6e-4), ("code", 6e-4)):
        one, two = (json.dumps(each[key]) for each in (state, other))
        numbers = [np.array([float(n) for n in re.findall(r"-?\d[\d.e-]*", t)]) for t in (one, two)]
        np.testing.assert_allclose(numbers[0], numbers[1], atol=most)
    return {**state, "strokes": 0, "code": 0} == {**other, "strokes": 0, "code": 0}


def test_an_address_opens_the_page_as_it_stood(explore):
    explorer = explore()
    explorer.choose("objective", "keras-blog")
    explorer.drag(explorer.map(1), [(0.05, 0.05), (0.95, 0.1), (0.5, 0.95)], steps=4)
    explorer.press(explorer.map(2), explorer.layout(2)[8])
    explorer.drag("#pad", STROKE)
    explorer.drag("#pad", [(0.2, 0.8), (0.3, 0.9)])
    explorer.choose("marks", "pictures")
    explorer.find("#spaces .enlarge").nth(2).click()
    explorer.open("travel")
    explorer.find("#travel-size").select_option("8")
    explorer.find("#plane-kind").select_option("principal")
    explorer.drag(PLANE, [(0.5, 0.5), (0.7, 0.3)])
    state = explorer.state
    assert len(state["strokes"]) == 2
    assert len(state["selected"]) > 0
    again = explore(fragment=explorer.fragment)
    assert rounded_alike(again.state, state)
    for one, other in zip(
        explorer.pixels(RECONSTRUCTIONS), again.pixels(RECONSTRUCTIONS), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=2)
    everything = f"{RECONSTRUCTIONS}, {GROUNDS}, #pad, #decoded, #plane canvas"
    state, fragment, pictures = again.state, again.fragment, again.pictures(everything)
    third = explore(fragment=fragment, after=again)
    assert (third.state, third.fragment) == (state, fragment)
    assert third.pictures(everything) == pictures


def test_an_address_without_a_drawing_gives_the_same_pixels(explore):
    explorer, again = explore(), None
    assert explorer.fragment == ""
    for act in (
        *(lambda: explorer.choose("marks", "pictures"), lambda: explorer.open("walk")),
        lambda: explorer.find("#classes button").nth(1).click(),
        lambda: explorer.press(explorer.map(0), explorer.layout(0)[3]),
        *(lambda: explorer.click("#clear"), lambda: explorer.tick("over", ticked=False)),
    ):
        act()
        again = explore(fragment=explorer.fragment, after=again)
        assert again.state == explorer.state
        everything = f"{RECONSTRUCTIONS}, {GROUNDS}, #pad, #walk-rows canvas"
        assert again.pictures(everything) == explorer.pictures(everything)


def test_colours_and_bars_come_back(explore):
    explorer = None
    for name in ("colours, many classes", "vectors"):
        explorer = explore(name, after=explorer)
        explorer.drag("#pad", STROKE)
        state, fragment = explorer.state, explorer.fragment
        one = np.array(explorer.page.evaluate(ITEM))
        explorer = explore(name, fragment, after=explorer)
        assert rounded_alike(explorer.state, state)
        other = np.array(explorer.page.evaluate(ITEM))
        # A place of a thousandth may be the next bar's.
        assert (np.abs(one - other) > 0.02 * np.ptp(one)).mean() < 0.05


def test_the_address_is_copied_and_opens(explore):
    explorer = explore(fragment="#tool=prior")
    explorer.press(explorer.map(1), explorer.layout(1)[5])
    explorer.click("#share")
    explorer.find("#told", has_text=explorer.said("shared")).wait_for()
    copied = explorer.page.evaluate("navigator.clipboard.readText()")
    assert copied == explorer.address + explorer.fragment
    again = explore(fragment=copied.removeprefix(explorer.address))
    assert again.state == explorer.state


STATES = "(data, fragments) => fragments.map((fragment) => state.stateFrom(fragment, data))"
GO_THROUGH = """async (fragments) => {
  const found = [];
  for (const fragment of fragments) {
    location.hash = fragment;
    await latentsweep.drawn(); // which also writes the address anew
    found.push(latentsweep.state);
  }
  return found;
}"""
SEEN = """async (fragment) => {
  location.hash = fragment;
  await latentsweep.drawn();
  await latentsweep.drawn();
  const made = [...document.querySelectorAll("#spaces .reconstruction")];
  return [made.filter((canvas) => canvas.checkVisibility()).length, document.body.innerText];
}"""


def test_malformed_addresses_open_a_page(explore, call, run_of):
    fragments = [f"tool=travel&{fragment}" for fragment in ODD_FRAGMENTS]
    [states] = call(STATES, [(content(run_of("usual")), fragments)])
    explorer = explore()
    assert explorer.page.evaluate(GO_THROUGH, fragments) == states
    different = {json.dumps(state): each for state, each in zip(states, fragments, strict=True)}
    assert len(different) > 5
    for fragment in different.values():
        seen, words = explorer.page.evaluate(SEEN, fragment)
        assert not re.search("undefined|NaN|Infinity|∞", words), fragment
        assert seen == 3, fragment
    for name in ("colours, many classes", "vectors"):
        fragment = "#strokes=255.0a0a0b0b_1-2-3-4-5.0c0c0d0d&code=1,2,x&selected=%"
        explorer = explore(name, fragment, after=explorer)
        assert not re.search("undefined|NaN", explorer.words())


# -- networks that cannot run in the page


@pytest.fixture
def weighing(page_number, usual_run, monkeypatch):
    """Opens the explorer of a run that may hold so many bytes of weights."""
    there = []

    def opened(most: int, fragment: str = "", size=WIDE) -> Explorer:
        monkeypatch.setattr("latentsweep.show.explorer.content.MOST_WEIGHT_BYTES", most)
        page = page_number(len(there))
        page.set_viewport_size(size)
        there.append(Explorer(page, write_explorer(usual_run).as_uri(), fragment))
        return there[-1]

    yield opened
    assert [each.leave() for each in there] == [[] for _ in there]


@pytest.fixture
def resting(weighing):
    """The explorer of a run without weights in the page."""
    return weighing(0)


def test_a_network_that_cannot_run_shows_what_was_decoded_before(resting, usual_run):
    shown = Shown(usual_run)
    resting.press(resting.map(1), resting.layout(1)[4])
    made = greys(resting.pixels(RECONSTRUCTIONS))
    for place, size in enumerate(SIZES):
        decodes = usual_run.arrays(shown.member(size))["shown/decodes"][4]
        expected = 255 * decodes.ravel().astype(float) / shown.most
        np.testing.assert_allclose(made[place], expected, atol=1)
    grey = 255 * shown.values[4] / shown.most
    np.testing.assert_allclose(greys(resting.pixels("#pad"))[0], grey, atol=1)
    assert resting.text("#shown-name") == resting.text("#item-name")


def test_where_none_can_run_the_page_says_so_and_has_nothing_that_needs_one(resting):
    assert resting.text(".lede").endswith("cannot run in the page: what is shown was decoded "
                                          "beforehand.")  # fmt: skip
    assert resting.page.locator("#invitation, #clear, #over, #fit, #pad[tabindex]").count() == 0
    assert [tab.inner_text() for tab in resting.find("[role=tab]:visible").all()] == [
        "Chosen image",
        "Travel",
    ]
    first = resting.state
    resting.drag("#pad", STROKE)
    assert resting.state == first
    for tool in ("travel", "item"):
        resting.find(f"#tab-{first['tool']}").focus()
        resting.page.keyboard.press("ArrowRight")
        first = resting.state
        assert first["tool"] == tool
        assert not re.search("undefined|NaN|nats under", resting.words())
    heads = resting.page.eval_on_selector_all("thead th", "all => all.map((th) => th.innerText)")
    assert len(heads) == resting.find("#item-rows tr:first-child > *").count() == 4
    resting.find(".skip").focus()
    resting.page.keyboard.press("Enter")
    assert resting.page.evaluate("document.activeElement.id") == "spaces"
    resting.click("button[data-language=pt]")
    assert "não rodam na página" in resting.text(".lede")


def test_where_none_can_run_an_address_asks_for_no_drawing_and_no_walk(weighing):
    fragment = "#base=none&strokes=&tool=walk&marks=pictures"
    state = weighing(0, fragment, NARROW).state
    assert (state["base"], state["strokes"], state["tool"]) == (0, [], "item")
    assert state["marks"] == "pictures"


def test_one_that_cannot_run_beside_others_says_so(weighing):
    partly = weighing(4500)  # enough for size 2 of both objectives
    runs = partly.page.evaluate("latentsweep.family.networks.map(({ runs }) => runs)")
    assert runs == [True] * 2 + [False] * 4
    assert "answers at once" in partly.text(".lede")
    partly.drag("#pad", STROKE)
    assert len(partly.pictures(RECONSTRUCTIONS)) == 1
    assert partly.text("#spaces").count("cannot run") == 2
    for tool in TOOLS[2:]:
        partly.open(tool)
        assert partly.text(f"#tool-{tool}").count("cannot run") == 2


def test_its_travel_shows_the_nearest_of_the_lattice(resting, usual_run):
    shown = Shown(usual_run)
    lattice = usual_run.arrays(shown.member(2))["grid/decodes"].reshape(9, 9, -1).astype(float)
    resting.open("travel")
    assert "cannot run" in resting.text("#travel-note")
    for share in ((0.1, 0.1), (0.45, 0.6), (0.9, 0.3), (0.99, 0.99)):
        resting.drag(PLANE, [(0.5, 0.5), share])
        code = np.array(resting.state["code"])
        np.testing.assert_allclose(code, on_plane(shown.codes(2), share), atol=2e-3)
        column, up = np.abs(code[:, None] - np.linspace(-2, 2, 9)).argmin(axis=1)
        expected = 255 * lattice[8 - up, column] / shown.most
        np.testing.assert_allclose(greys(resting.pixels("#decoded"))[0], expected, atol=1)
    resting.find("#travel-size").select_option("8")
    assert resting.pictures("#decoded") == []


# -- the keyboard and the language


def test_a_neighbour_chosen_with_the_keyboard_keeps_the_focus(explore):
    explorer = explore()
    explorer.click("#tab-item")
    explorer.find("#item-rows button").nth(3).focus()
    explorer.page.keyboard.press("Enter")
    explorer.settle()
    place = "[...document.querySelectorAll('#item-rows button')].indexOf(document.activeElement)"
    assert explorer.state["base"] != 0
    assert explorer.page.evaluate(place) == 3


def test_what_was_found_is_not_left_in_the_other_language(explore):
    explorer = explore()
    explorer.page.fill("#wanted", "nonsense")
    explorer.page.keyboard.press("Enter")
    explorer.settle()
    assert "nonsense" in explorer.find("#found").inner_text()
    explorer.click("button[data-language=pt]")
    assert explorer.find("#found").inner_text() == ""
    explorer.click("button[data-language=en]")
