"""Screenshots of a run's report for the README and the docs: `make screenshots RUN=runs/mnist`.

Writes docs/images/report-*.png: the first screen of a computer in light and dark, a phone's in
Portuguese, the linked panels with a class selected, and the first page on paper. Needs Chromium.
"""

import argparse
import shutil
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright

Scheme = Literal["light", "dark"]

IMAGES = Path(__file__).with_name("images")
COMPUTER = ViewportSize(width=1280, height=860)
PHONE = ViewportSize(width=390, height=844)
PAPER = ViewportSize(width=700, height=990)  # A4 within its margins, in CSS pixels


def started(playwright: Playwright) -> Browser:
    """Debian's Chromium, or Chrome."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "no Chromium on this machine"
    return playwright.chromium.launch(executable_path=path, chromium_sandbox=False)


def opened(
    browser: Browser, path: Path, size: ViewportSize, scheme: Scheme = "light", scale: float = 1
) -> Page:
    """A report or an explorer with its plots drawn."""
    page = browser.new_page(
        viewport=size, color_scheme=scheme, device_scale_factor=scale, offline=True
    )
    page.goto(path.as_uri())
    page.evaluate("window.latentsweepLive?.ready")
    return page


def shoot(page: Page, name: str) -> None:
    """Write what the window shows."""
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    report = parser.parse_args().run.resolve() / "report.html"
    with sync_playwright() as playwright:
        browser = started(playwright)
        shoot(opened(browser, report, COMPUTER), "report-first")
        shoot(opened(browser, report, COMPUTER, "dark"), "report-dark")
        page = opened(browser, report, PHONE)
        page.click("button[data-language=pt]")
        shoot(page, "report-phone")
        page = opened(browser, report, COMPUTER)
        page.click("button[data-class='4']")
        page.locator("#about-tsne").scroll_into_view_if_needed()
        page.evaluate("document.getElementById('about-tsne').scrollIntoView()")
        shoot(page, "report-linked")
        page = opened(browser, report, PAPER)
        page.emulate_media(media="print")
        shoot(page, "report-paper")
        browser.close()
    print(f"Wrote {IMAGES}/report-*.png")


if __name__ == "__main__":
    main()
