"""The live plots in a real browser: drawn, pointed at, selected, in every language and scheme."""

import functools
import io
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page

from latentsweep import language
from latentsweep.record.folder import RunFolder
from latentsweep.show.report.live import live

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>plots</title>
<style>
body {{ margin: 0; font: 16px system-ui; }}
.replaced {{ display: none; }}
[data-live="tsne"] {{ display: grid; grid-template-columns: repeat(3, 1fr); }}
</style>
{places}
<script>{bokeh}</script>
<script>{live}</script>
<script>
window.heard = [];
document.addEventListener("latentsweep:selection", (event) => heard.push(event.detail));
latentsweepLive.start({start});
</script>"""
# Where the example with a place in the panel's source is on the screen.
WHERE = """([number, example]) => {
  const root = Bokeh.documents[0].roots().filter((r) => r.aspect_ratio === 1)[number];
  const view = Bokeh.index.get(root);
  const { glyph, data_source } = root.renderers[0];
  const at = (axis) => data_source.data[glyph[axis].field][example];
  const box = view.el.getBoundingClientRect();
  return [box.x + view.frame.x_scale.compute(at("x")), box.y + view.frame.y_scale.compute(at("y"))];
}"""
FRAME = """(number) => {
  const root = Bokeh.documents[0].roots().filter((r) => r.aspect_ratio === 1)[number];
  const view = Bokeh.index.get(root);
  const [box, { bbox }] = [view.el.getBoundingClientRect(), view.frame];
  return [box.x + bbox.left, box.y + bbox.top, bbox.width, bbox.height];
}"""
AXIS = "Bokeh.documents[0].roots()[0].below[0]"


class Shouting:
    """A catalogue in capitals, but for what is filled in."""

    def gettext(self, message):
        parts = message.replace("}", "{").split("{")
        return "".join(f"{{{p}}}" if i % 2 else p.upper() for i, p in enumerate(parts))

    def ngettext(self, one, more, count):
        return self.gettext(one if count == 1 else more)


def write_page(run: RunFolder, path: Path) -> Path:
    """A page with nothing but the plots of a run, in English and in a language of capitals."""
    there = language._catalogue
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language, "_catalogue", lambda c: Shouting() if c == "pt" else there(c))
        made = live(run)
    places = {name: [place._asdict() for place in all_] for name, all_ in made.places.items()}
    start = (
        f"{{document: {made.document}, places: {json.dumps(places)}, relabel: {made.relabel}, "
        'language: "en"}'
    ).replace("<", "\\u003c")
    containers = [
        f'<p data-static="{name}">static</p><div data-live="{name}" hidden></div>'
        for name in places
    ]
    script = resources.files("bokeh").joinpath("server", "static", "js", "bokeh.min.js")
    own = resources.files("latentsweep.show.report").joinpath("live.js")
    page = PAGE.format(
        places="\n".join(containers),
        bokeh=script.read_text("utf-8"),
        live=own.read_text("utf-8"),
        start=start,
    )
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def address_of(once, run_of):
    """The address of a page with the plots of a recipe, made once for all workers."""

    def make(recipe: str, folder: Path) -> None:
        folder.mkdir()
        write_page(run_of(recipe), folder / "page.html")

    def made(recipe: str) -> str:
        folder = once(f"plots of {recipe} alone", functools.partial(make, recipe))
        return (folder / "page.html").as_uri()

    return made


@pytest.fixture
def opened(browser, address_of):
    """Opens the plots of a recipe; whatever goes wrong, or is asked for, fails the test."""
    pages, trouble = [], []

    def open_page(recipe="usual", **context) -> Page:
        address = address_of(recipe)
        page = browser.new_page(viewport={"width": 900, "height": 900}, **context)
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked(request.url, address, trouble))
        page.goto(address)
        page.evaluate("latentsweepLive.ready")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert trouble == []


def asked(address: str, own: str, trouble: list[str]) -> None:
    if address != own and not address.startswith("data:"):
        trouble.append(address)


def panel(page: Page, number: int):
    return page.locator('[data-live="tsne"] .live-plot').nth(number)


def pointed_at(page: Page, number: int, example: int):
    """The tooltip over an example."""
    panel(page, number).scroll_into_view_if_needed()
    page.mouse.move(*page.evaluate(WHERE, [number, example]), steps=4)
    tip = page.locator(".bk-Tooltip:visible").first
    tip.wait_for()
    return tip


def test_pointing_shows_the_picture_and_the_class_as_text(opened):
    page = opened("hostile names")
    seen = set()
    for example in range(3):
        tip = pointed_at(page, 0, example)
        assert tip.locator("img").evaluate("image => image.complete && image.naturalWidth") == 5
        seen.add(tip.locator("b").inner_text())
        assert tip.locator("script").count() == 0
        page.mouse.move(1, 1)
    assert seen == {
        "<script>alert(1)</script>", "$x_1$ 100%", 'it\'s "quoted" & \\frac{1}{2}'
    }  # fmt: skip


def test_pointing_at_a_line_shows_its_numbers(opened):
    page = opened()
    page.locator('[data-live="headline"]').scroll_into_view_if_needed()
    where = """() => {
      const view = Bokeh.index.get(Bokeh.documents[0].roots()[0]);
      const box = view.el.getBoundingClientRect();
      const points = view.model.renderers.findLast((r) => r.glyph.type === "Scatter");
      const { size, value } = points.data_source.data;
      const { x_scale, y_scale } = view.frame;
      return [box.x + x_scale.compute(size[2]), box.y + y_scale.compute(value[2])];
    }"""
    page.mouse.move(*page.evaluate(where), steps=4)
    words = page.locator(".bk-tooltip-content", has_text="latent size: 8").inner_text()
    assert "100.0 [" in words


def pixels(plot: Locator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(plot.screenshot())))


FRAMES = """async () => {
  for (let i = 0; i < 4; i += 1) await new Promise(requestAnimationFrame);
}"""


def test_a_box_drawn_in_one_panel_selects_in_all(opened):
    page = opened()
    panel(page, 1).scroll_into_view_if_needed()
    page.evaluate(FRAMES)
    before = pixels(panel(page, 2))
    left, top, width, height = page.evaluate(FRAME, 1)
    page.mouse.move(left + 2, top + 2)
    page.mouse.down()
    page.mouse.move(left + width / 2, top + height - 2, steps=5)
    page.mouse.up()
    page.evaluate(FRAMES)
    selected = page.evaluate("latentsweepLive.selection()")
    assert 0 < len(selected) < 12
    assert page.evaluate("heard.at(-1)") == {"count": len(selected), "total": 12}
    page.mouse.move(1, 1)
    chosen = pixels(panel(page, 2))
    page.evaluate("latentsweepLive.selectClass(null)")
    page.evaluate(FRAMES)
    after = pixels(panel(page, 2))
    faded, marked = ((before != each).any(axis=-1).sum() for each in (chosen, after))
    assert faded > 5 * marked  # a point that was pointed at on the way stays marked


def test_a_class_is_selected_in_every_panel(opened):
    page = opened()
    page.evaluate("latentsweepLive.selectClass(1)")
    assert page.evaluate("latentsweepLive.selection()") == [1, 4, 7, 10]
    assert page.evaluate("heard.at(-1)") == {"count": 4, "total": 12}
    page.evaluate("latentsweepLive.selectClass(null)")
    assert page.evaluate("latentsweepLive.selection()") == []
    assert page.evaluate("heard.at(-1).count") == 0


def test_the_language_changes_in_bokehs_own_models_and_back(opened):
    page = opened()
    label = f"{AXIS}.axis_label"
    name = "document.querySelector('.live-plot').ariaLabel"
    ticks = "Bokeh.documents[0].roots()[0].left[0].formatter.doFormat([100, 100.5])"
    english = page.evaluate(label), page.evaluate(name)
    assert page.evaluate(ticks) == ["100", "100.5"]
    page.evaluate("latentsweepLive.setLanguage('pt')")
    assert (page.evaluate(label), page.evaluate(name)) == tuple(map(str.upper, english))
    assert page.evaluate(ticks) == ["100", "100,5"]
    tip = pointed_at(page, 0, 0)
    assert "TEST" in tip.locator(".bk-tooltip-content").inner_text()
    page.evaluate("latentsweepLive.setLanguage('en')")
    assert (page.evaluate(label), page.evaluate(name)) == english
    assert page.evaluate(ticks) == ["100", "100.5"]


def test_the_colours_follow_the_scheme_of_the_system(opened):
    page = opened(color_scheme="dark")
    colour = f"{AXIS}.axis_label_text_color"
    assert page.evaluate("latentsweepLive.state().scheme") == "dark"
    assert page.evaluate(colour) == "#e3e7ec"
    page.emulate_media(color_scheme="light")
    page.wait_for_function("latentsweepLive.state().scheme === 'light'")
    assert page.evaluate(colour) == "#1f2328"
    page.evaluate("latentsweepLive.setScheme('dark')")
    assert page.evaluate(colour) == "#e3e7ec"


def test_a_finger_can_scroll_past_a_plot(opened):
    page = opened(has_touch=True, is_mobile=True)
    drags = page.evaluate("Bokeh.documents[0].roots().map((root) => root.toolbar.active_drag)")
    assert set(drags) == {None}


def test_a_click_on_the_legend_hides_a_line(opened):
    page = opened()
    page.locator('[data-live="headline"] .bk-item').first.click()
    hidden = "Bokeh.documents[0].roots()[0].renderers.filter((r) => !r.visible).length"
    assert page.evaluate(hidden) == 3
