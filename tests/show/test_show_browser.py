"""The report in a real browser: offline, without errors, legible on a phone."""

import pytest
from playwright.sync_api import Page
from reading import serious

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def opened(browser, any_name, report_of):
    """The report of each recipe, and all that went wrong or was asked for besides the file."""
    address = report_of(any_name).report_path.as_uri()
    page, trouble = browser.new_page(offline=True, viewport={"width": 1280, "height": 800}), []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url == address or request.url.startswith("data:")
            else trouble.append(request.url)
        ),
    )
    page.on("dialog", lambda dialog: (trouble.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    page.evaluate("window.latentsweepLive?.ready")
    yield page, trouble
    page.close()
    assert trouble == []


@pytest.fixture
def page(opened) -> Page:
    return opened[0]


def test_it_opens_offline_with_every_picture(opened, any_name, report_of):
    page, trouble = opened
    widths = page.eval_on_selector_all("img", "images => images.map(i => i.naturalWidth)")
    figures = page.locator("figure .static img").count()
    assert figures == len(list(report_of(any_name).figures_path.glob("*.png")))
    assert all(widths)
    assert page.locator("h1").count() == 1
    assert trouble == []


PLOTS = """plots => plots.map((p) => [p.clientWidth, p.clientHeight, p.ariaLabel])"""


def test_every_plot_is_drawn_in_the_place_of_its_picture(page, any_name):
    if any_name == "all failed":
        assert page.locator("[data-live]").count() == 0
        return
    state = page.evaluate("latentsweepLive.state()")
    assert state["ready"]
    assert state["panels"] == page.locator('[data-live="tsne"] .live-plot').count() > 0
    assert page.locator("[data-live]:visible").count() == 5
    replaced = page.locator("figure:has([data-live])")
    assert replaced.count() == 5
    assert replaced.locator(".static:visible").count() == 0
    for width, height, name in page.eval_on_selector_all(".live-plot", PLOTS):
        assert width > 100
        assert height > 150
        assert name


def sideways(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    return page.evaluate("document.documentElement.scrollWidth")


def test_the_page_never_scrolls_sideways(page):
    assert sideways(page, 1280) <= 1280


# The most different pages, since axe-core takes seconds; the judged run's is in another file.
ODD = ("vectors", "a failed member", "colours, many classes", "one member of one dimension")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_is_dark_light_is_light_and_axe_core_finds_nothing_serious(page, any_name, scheme):
    page.emulate_media(color_scheme=scheme)
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    shade = int(colour.removeprefix("rgb(").split(",")[0])
    assert shade < 60 if scheme == "dark" else shade > 200
    if any_name in ODD:
        assert serious(page) == []


def test_the_page_never_scrolls_sideways_on_a_phone(page):
    assert sideways(page, 360) <= 360
