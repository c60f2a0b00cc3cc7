"""What a reader does with the page, in a real browser: switch, choose, copy, print; axe-core."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from latentsweep.language import LANGUAGES, speaking
from latentsweep.show.report import write_report

pytestmark = pytest.mark.browser


def opened(browser: Browser, address: str, **context) -> Page:
    page = browser.new_page(offline=True, **context)
    page.goto(address)
    page.evaluate("window.latentsweepLive?.ready")
    return page


def words(page: Page) -> str:
    return page.evaluate("document.body.innerText")


@pytest.fixture
def address(judged_run) -> str:
    return write_report(judged_run).as_uri()


ODD = ("vectors", "a failed member", "colours, many classes", "one member of one dimension")


@pytest.fixture(params=["judged", *ODD])
def some_run(request, make_run, judged_run, recipes):
    """The judged run, and odd ones."""
    return judged_run if request.param == "judged" else make_run(recipes[request.param])


def test_axe_core_finds_nothing_serious(browser, some_run):
    address = write_report(some_run).as_uri()
    for scheme in ("light", "dark"):
        page = opened(browser, address, color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], json.dumps(serious, indent=1)[:4000]
        page.close()


def test_the_language_switch_turns_the_page_into_the_other(browser, judged_run):
    english = write_report(judged_run, "en").as_uri()
    page = opened(browser, english)
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
    page = opened(browser, write_report(judged_run, "pt").as_uri())
    assert page.evaluate("document.documentElement.lang") == "pt-BR"
    assert words(page) == switched != before
    assert page.title() == title
    assert page.eval_on_selector_all("img", "images => images.map(i => i.src)") == pictures
    assert page.eval_on_selector_all("img", "images => images.map(i => i.alt)") == alts
    page.close()


def test_a_button_copies_what_it_says(browser, address):
    page = opened(browser, address, permissions=["clipboard-read", "clipboard-write"])
    button = page.locator("button.copy[data-done=methods]")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('copied').textContent.includes('copied')")
    assert page.evaluate("navigator.clipboard.readText()") == button.get_attribute("data-copy")
    assert page.evaluate("document.getElementById('copied').dataset.name") == "methods"
    page.close()


def test_pills_choose_the_example_and_the_size(browser, address):
    page = opened(browser, address)
    for kind, last in (("strip", "2"), ("extreme", "8")):
        page.locator(f"input[name={kind}][value='{last}']").check(force=True)
        visible = page.eval_on_selector_all(
            f"[data-{kind}]",
            f"parts => parts.filter(p => !p.hidden).map(p => p.dataset.{kind})",
        )
        assert visible == [last]
    page.close()


def test_a_class_button_selects_in_every_panel(browser, address):
    page = opened(browser, address)
    page.locator("[data-live=tsne]").scroll_into_view_if_needed()
    page.click("button[data-class='1']")
    selected = page.evaluate("latentsweepLive.selection().length")
    assert selected == 4  # a third of the 12 shown
    assert re.search(r"4 .*12", page.inner_text("#selected"))
    page.click("button[data-class='1']")
    assert page.evaluate("latentsweepLive.selection().length") == 0
    page.close()


def test_without_scripts_there_is_every_picture_and_every_word(browser, address, judged_run):
    page = browser.new_page(java_script_enabled=False, offline=True)
    page.goto(address)
    names = {path.stem for path in judged_run.figures_path.glob("*.png")}
    for name in names:
        assert page.locator(f"figure#{name} .static img").is_visible()
    assert not page.locator("button.copy").first.is_visible()
    page.close()


def test_on_paper_stand_the_pictures_and_not_the_buttons(browser, address):
    page = opened(browser, address)
    page.emulate_media(media="print")
    assert page.locator("figure#headline .static img").is_visible()
    assert not page.locator("[data-live=headline]").is_visible()
    assert not page.locator("nav").is_visible()
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    page.close()


def test_hostile_words_stay_text_in_every_language(browser, make_run, recipes):
    run = make_run(recipes["hostile names"])
    for language in LANGUAGES:
        with speaking(language):
            page = opened(browser, write_report(run, language).as_uri())
        page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        page.click("button[data-language=pt]")
        page.click("button[data-language=en]")
        assert page.inner_text("button[data-class='0']").strip() == "<script>alert(1)</script>"
        assert page.evaluate("document.querySelectorAll('main script').length") == 0
        page.close()
