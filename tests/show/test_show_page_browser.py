"""What a reader does with the page, in a real browser: switch, choose, copy, print; axe-core."""

import re

import pytest
from playwright.sync_api import Browser, Page
from reading import serious

from latentsweep.language import LANGUAGES

pytestmark = pytest.mark.browser


def opened(browser: Browser, address: str, **context) -> Page:
    page = browser.new_page(offline=True, **context)
    page.goto(address)
    page.evaluate("window.latentsweepLive?.ready")
    return page


def words(page: Page) -> str:
    return page.evaluate("document.body.innerText")


@pytest.fixture(scope="module")
def address(report_of) -> str:
    return report_of("judged").report_path.as_uri()


@pytest.fixture(scope="module")
def address_in_portuguese(report_of) -> str:
    return report_of("judged", "pt").report_path.as_uri()


@pytest.fixture(scope="module")
def judged(browser, address):
    """The judged run's page, for tests that leave it in English and on a screen."""
    page = opened(browser, address, permissions=["clipboard-read", "clipboard-write"])
    yield page
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_core_finds_nothing_serious(judged, scheme):
    judged.emulate_media(color_scheme=scheme)
    assert serious(judged) == []


def test_the_language_switch_turns_the_page_into_the_other(browser, address, address_in_portuguese):
    page = opened(browser, address)
    before = words(page)
    page.click("button[data-language=pt]")
    assert page.evaluate("document.documentElement.lang") == "pt-BR"
    assert page.evaluate("latentsweepLive.state().language") == "pt"
    assert page.get_attribute("button[data-language=pt]", "aria-pressed") == "true"
    switched, title = words(page), page.title()
    pictures = page.eval_on_selector_all("img", "images => images.map(i => i.src)")
    alts = page.eval_on_selector_all("img", "images => images.map(i => i.alt)")
    page.click("button[data-language=en]")
    assert words(page) == before
    page.close()
    page = opened(browser, address_in_portuguese)
    assert page.evaluate("document.documentElement.lang") == "pt-BR"
    assert words(page) == switched != before
    assert page.title() == title
    assert page.eval_on_selector_all("img", "images => images.map(i => i.src)") == pictures
    assert page.eval_on_selector_all("img", "images => images.map(i => i.alt)") == alts
    page.close()


def test_a_button_copies_what_it_says(judged):
    button = judged.locator("button.copy[data-done=methods]")
    button.focus()
    judged.keyboard.press("Enter")
    judged.wait_for_function("document.getElementById('copied').textContent.includes('copied')")
    assert judged.evaluate("navigator.clipboard.readText()") == button.get_attribute("data-copy")
    assert judged.evaluate("document.getElementById('copied').dataset.name") == "methods"


def test_pills_choose_the_example_and_the_size(judged):
    for kind, last in (("strip", "2"), ("extreme", "8")):
        judged.locator(f"input[name={kind}][value='{last}']").check(force=True)
        visible = judged.eval_on_selector_all(
            f"[data-{kind}]",
            f"parts => parts.filter(p => !p.hidden).map(p => p.dataset.{kind})",
        )
        assert visible == [last]


def test_a_class_button_selects_in_every_panel(judged):
    judged.locator("[data-live=tsne]").scroll_into_view_if_needed()
    judged.click("button[data-class='1']")
    selected = judged.evaluate("latentsweepLive.selection().length")
    assert selected == 4  # a third of the 12 shown
    assert re.search(r"4 .*12", judged.inner_text("#selected"))
    judged.click("button[data-class='1']")
    assert judged.evaluate("latentsweepLive.selection().length") == 0


def test_without_scripts_there_is_every_picture_and_every_word(browser, address, report_of):
    page = browser.new_page(java_script_enabled=False, offline=True)
    page.goto(address)
    names = {path.stem for path in report_of("judged").figures_path.glob("*.png")}
    assert len(names) == 9
    for name in names:
        assert page.locator(f"figure#{name} .static img").is_visible()
    assert not page.locator("button.copy").first.is_visible()
    page.close()


def test_on_paper_stand_the_pictures_and_not_the_buttons(judged):
    judged.emulate_media(media="print", color_scheme="light")
    assert judged.locator("figure#headline .static img").is_visible()
    assert not judged.locator("[data-live=headline]").is_visible()
    assert not judged.locator("nav").is_visible()
    pdf = judged.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    judged.emulate_media(media="screen")


@pytest.fixture(scope="module")
def hostile(report_of) -> list[str]:
    """The addresses of the report of hostile names in each language."""
    return [report_of("hostile names", language).report_path.as_uri() for language in LANGUAGES]


def test_hostile_words_stay_text_in_every_language(browser, hostile):
    page = browser.new_page(offline=True)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for address in hostile:
        page.goto(address)
        page.evaluate("window.latentsweepLive?.ready")
        page.click("button[data-language=pt]")
        page.click("button[data-language=en]")
        assert page.inner_text("button[data-class='0']").strip() == "<script>alert(1)</script>"
        assert page.evaluate("document.querySelectorAll('main script').length") == 0
    page.close()
