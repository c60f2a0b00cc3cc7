"""The report in a real browser: offline, without errors, legible on a phone."""

import pytest
from playwright.sync_api import Browser, Page

from latentsweep.show.report import write_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(any_run) -> str:
    return write_report(any_run).as_uri()


def opened(browser: Browser, address: str, **context) -> tuple[Page, list[str]]:
    """The page, and everything that went wrong or was asked for besides the file itself."""
    page, trouble = browser.new_page(**context), []
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
    return page, trouble


def test_it_opens_offline_with_every_picture(browser, address, any_run):
    page, trouble = opened(browser, address, offline=True)
    widths = page.eval_on_selector_all("img", "images => images.map(i => i.naturalWidth)")
    figures = page.locator("figure .static img").count()
    assert figures == len(list(any_run.figures_path.glob("*.png")))
    assert all(widths)
    assert page.locator("h1").count() == 1
    assert trouble == []
    page.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_never_scrolls_sideways(browser, address, width):
    page, _ = opened(browser, address, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_dark_is_dark_and_light_is_light(browser, address):
    shades = []
    for scheme in ("dark", "light"):
        page, _ = opened(browser, address, color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.append(int(colour.removeprefix("rgb(").split(",")[0]))
        page.close()
    assert shades[0] < 60 < 200 < shades[1]
