"""Pictures of a run's explorer for the README and the docs: `make screenshots RUN=runs/mnist`.

Writes docs/images/explorer-*.png and explorer.gif, in which a digit is drawn and a space is
travelled. Made for MNIST: digits are drawn, and two of its test split walked. Needs Chromium.
"""

import argparse
import io
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from make_screenshots import COMPUTER, IMAGES, PHONE, Scheme, opened, shoot, started
from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

Places = list[tuple[float, float]]  # x to the right and y down, in 0 to 1 of what is drawn on
Frame = tuple[Image.Image, int]  # and the milliseconds it stays

# What a hand goes through, a stroke a text: places as SVG writes them, in percent.
THREE = ["31,27 42,17 57,17 65,28 59,41 46,47 60,51 68,63 63,77 48,84 31,78"]
FOUR = ["40,18 36,33 28,53 45,54 71,51", "63,29 60,54 57,84"]
FIVE = ["37,20 35,33 34,46 48,41 62,47 67,61 61,76 47,83 31,77", "37,20 52,20 69,17"]
# And across a plane.
TOUR = "66,68 36,64 24,42 40,22 72,24 80,50 66,68"
STOP = "80,50 66,68"

DARK = ViewportSize(width=1280, height=1090)
WALK = ViewportSize(width=1280, height=1170)
TRAVEL = ViewportSize(width=1280, height=720)
SCENE = ViewportSize(width=1200, height=490)
SHRUNK = 0.75  # a scene's picture is 900 pixels wide
CALM = ".bar { position: static } .hint, .family .controls, #classes { visibility: hidden }"
BAR = 60  # pixels: what the page's bar covers, and some air
WALKED = "base=7467&picked=5591,7467&tool=walk"  # from a 6 to a 7 of MNIST's test split
NO_DITHER = Image.Dither.NONE
BEAT, MOMENT = 90, 1100  # milliseconds that a frame stays, in motion and at rest
COLOURS = 255  # one is left for what does not change


def curve(path: str, speed: int) -> Places:
    """Places on the smooth line (Catmull and Rom's) through a path's, so many for each of them."""
    places = [[int(percent) / 100 for percent in pair.split(",")] for pair in path.split()]
    points = np.array([places[0], *places, places[-1]])
    along = np.linspace(0, len(places) - 1, speed * len(places))
    start = np.minimum(along.astype(int), len(places) - 2)
    t = (along - start)[:, None]
    a, b, c, d = (points[start + i] for i in range(4))
    bends = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3
    return [(float(x), float(y)) for x, y in b + ((c - a) * t + bends) / 2]


def drag(page: Page, selector: str, places: Places) -> Iterator[Page]:
    """Drags along places of an element; the page, each time it has answered."""
    box = page.locator(selector).bounding_box()
    assert box, selector
    for i, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if i == 0:
            page.mouse.down()
        page.evaluate("latentsweep.drawn()")
        yield page
    page.mouse.up()


def rest(page: Page) -> None:
    """The pointer away from everything, and the page drawn."""
    page.mouse.move(1, 1)
    page.evaluate("latentsweep.drawn()")


def draw(page: Page, strokes: list[str], speed: int = 8) -> Iterator[Page]:
    """Draws on the pad, so many places for each that a hand goes through."""
    for stroke in strokes:
        yield from drag(page, "#pad", curve(stroke, speed))


def scroll(page: Page, selector: str, above: int) -> None:
    """Puts an element so many pixels under the window's upper edge."""
    page.locator(selector).evaluate(
        """async (it, above) => {
            await latentsweep.drawn();
            scrollBy(0, it.getBoundingClientRect().top - above);
        }""",
        above,
    )


def show_first(page: Page) -> None:
    """A drawing as every size sees it."""
    deque(draw(page, THREE), 0)


def show_dark(page: Page) -> None:
    """A drawing among the pictures of the smallest space, which is enlarged."""
    deque(draw(page, FOUR), 0)
    page.check("#marks input[value=pictures]")
    page.locator(".enlarge").first.click()


def show_phone(page: Page) -> None:
    """A drawing on a phone in Portuguese."""
    page.click("button[data-language=pt]")
    deque(draw(page, FIVE), 0)


def show_travel(page: Page) -> None:
    """The plane of the smallest space, somewhere among its digits."""
    page.click("#tab-travel")
    scroll(page, ".tools", BAR)
    deque(drag(page, "#plane", curve(STOP, 4)), 0)


def show_walk(page: Page) -> None:
    """A walk from a digit of one class to one of another, also in the maps."""
    page.evaluate("address => { location.hash = address; }", WALKED)
    page.add_style_tag(content=".bar { position: static }")
    scroll(page, ".stage", 12)


def scenes(page: Page) -> Iterator[Frame]:
    """The frames of the animation."""
    page.add_style_tag(content=CALM)
    scroll(page, ".stage", 8)
    yield shot(page, MOMENT // 2)
    for moved in draw(page, FIVE, 3):
        yield shot(moved, BEAT)
    rest(page)
    yield shot(page, MOMENT)
    page.click("#tab-travel")
    scroll(page, "#tool-travel .controls", 8)
    yield shot(page, MOMENT // 2)
    for moved in drag(page, "#plane", curve(TOUR, 5)):
        yield shot(moved, BEAT)
    rest(page)
    yield shot(page, MOMENT)


def shot(page: Page, milliseconds: int) -> Frame:
    """What the window shows, for so long."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB"), milliseconds


def write_film(frames: list[Frame], path: Path) -> None:
    """An animation in the colours that its frames share, so that only what changes is written."""
    pictures, durations = zip(*frames, strict=True)
    width, height = pictures[0].size
    strip = Image.new("RGB", (width, height * len(pictures[::8])))
    for place, picture in enumerate(pictures[::8]):
        strip.paste(picture, (0, place * height))
    palette = strip.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1)  # keeps white white
    first, *others = (picture.quantize(palette=palette, dither=NO_DITHER) for picture in pictures)
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)


PICTURES: dict[str, tuple[Callable[[Page], None], ViewportSize, Scheme]] = {
    "first": (show_first, COMPUTER, "light"),
    "dark": (show_dark, DARK, "dark"),
    "travel": (show_travel, TRAVEL, "light"),
    "walk": (show_walk, WALK, "light"),
    "phone": (show_phone, PHONE, "light"),
}


def main() -> None:
    """Take every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    explorer = parser.parse_args().run.resolve() / "explorer.html"
    with sync_playwright() as playwright:
        browser = started(playwright)
        for name, (show, size, scheme) in PICTURES.items():
            page = opened(browser, explorer, size, scheme)
            show(page)
            rest(page)
            shoot(page, f"explorer-{name}")
        frames = list(scenes(opened(browser, explorer, SCENE, scale=SHRUNK)))
        write_film(frames, IMAGES / "explorer.gif")
        browser.close()
    print(f"Wrote {IMAGES}/explorer-*.png and explorer.gif")


if __name__ == "__main__":
    main()
