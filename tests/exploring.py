"""The explorer in a browser: asked for what it holds and shows, and used with mouse and keys.

Whatever is asked or done waits first until everything is drawn, but for what goes to `page` itself.
"""

import base64
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

TOOLS = ("item", "travel", "walk", "prior")
SIZES = (2, 4, 8)  # of the usual run
# Canvases as they are: the address of a picture each, of those that can be seen.
_PICTURES = """canvases => canvases
  .filter((canvas) => canvas.checkVisibility())
  .map((canvas) => canvas.toDataURL())"""
_LAYOUT = """async (place) => {
  const { layout } = await import("latentsweep/map.js");
  const { networksOf } = await import("latentsweep/state.js");
  const { family, state } = latentsweep;
  return layout(networksOf(family, state.objective)[place]).points;
}"""

# Addresses that nobody's page wrote.
ODD_FRAGMENTS = (
    *("code=1,2,x", "size=8&code=1,2", "size=2&code=1e999,0", "size=2&code=1e308,-1e308", "code="),
    *(
        "size=3",
        "size=1000000000",
        "size=-2",
        "across=99&up=0",
        "across=0&up=0",
        "size=8&across=3&up=3",
    ),
    *(
        "seed=99999999999",
        "seed=-1",
        "seed=1.5",
        "base=9999",
        "base=-1",
        "base=null",
        "base=",
        "wide=5",
    ),
    *("picked=1,2,x", "picked=", "picked=1,1,1", "picked=0,1,2,3,4,5", "selected=!!", "selected=A"),
    *("selected=________", "strokes=zzzz", "strokes=_", "strokes=1-2-3.", "strokes=0a0a_0b0b_"),
    *("strokes=255.0a0a0b0b", "strokes=1-2-3-4-5.0a0a0b0b", "marks=none", "tool=", "plane=3d"),
    *(
        "objective=adam",
        "over=2",
        "over=toString",
        "fit=constructor",
        "constructor=1",
        "toString=1",
    ),
    *(
        "__proto__=1",
        "hasOwnProperty",
        "%%%",
        "=",
        "&&&&",
        "%E0%A4%A",
        "marks",
        "tool=travel&plane=three",
    ),
)


class Explorer:
    """An open page, and whatever went wrong in it or was asked for besides the file itself."""

    def __init__(self, page: Page, address: str, fragment: str = ""):
        self.page, self.address, self.trouble = page, address, []
        self._hearers = {
            "console": lambda message: self.trouble.append(message.text),
            "pageerror": lambda error: self.trouble.append(str(error)),
            "dialog": lambda dialog: (self.trouble.append(dialog.message), dialog.accept()),
            "request": lambda request: self._requested(request.url),
        }
        page.mouse.move(0, 0)
        page.goto("about:blank")  # or else another fragment would not open the page anew
        for name, hear in self._hearers.items():
            page.on(name, hear)  # type: ignore[call-overload]
        page.goto(address + fragment)
        self.settle()

    def leave(self) -> list[str]:
        """What went wrong; the page can open another explorer after that."""
        for name, hear in self._hearers.items():
            self.page.remove_listener(name, hear)
        return self.trouble

    def _requested(self, url: str) -> None:
        if not url.startswith("data:") and url.split("#")[0] != self.address:
            self.trouble.append(url)

    def settle(self) -> None:
        """Wait until everything asked for is drawn."""
        self.page.evaluate("latentsweep.drawn()")

    @property
    def state(self) -> dict[str, Any]:
        """What the page shows."""
        self.settle()
        return self.page.evaluate("latentsweep.state")

    @property
    def fragment(self) -> str:
        """The part of the address that holds the state, with its "#"; empty if there is none."""
        self.settle()
        _, mark, fragment = self.page.evaluate("location.href").partition("#")
        return mark + fragment

    def words(self) -> str:
        """Every word that can be seen."""
        self.settle()
        return self.page.evaluate("document.body.innerText")

    def find(self, selector: str, has_text: str | None = None) -> Locator:
        """Elements, now that everything is drawn."""
        self.settle()
        return self.page.locator(selector, has_text=has_text)

    def said(self, word: str, /, **values: object) -> str:
        """What the page says in English under one of its words' names."""
        words = json.loads(self.page.locator("#data-words").inner_text())
        return words["en"][word].format(**values)

    def text(self, selector: str) -> str:
        """The words of one element."""
        self.settle()
        return self.page.inner_text(selector).strip()

    def click(self, selector: str) -> None:
        """Click the one element."""
        self.find(selector).click()

    def open(self, tool: str) -> None:
        """Open one of the tools."""
        self.click(f"#tab-{tool}")

    def tick(self, name: str, ticked: bool) -> None:
        """Tick or untick a box."""
        self.settle()
        self.page.locator(f"#{name}").set_checked(ticked)

    def choose(self, name: str, value: str) -> None:
        """Choose one of several: a pill."""
        self.settle()
        self.page.locator(f"input[name={name}][value={value}]").check(force=True)

    def pictures(self, selector: str) -> list[str]:
        """The canvases that a selector finds and one can see, to be compared."""
        self.settle()
        return self.page.eval_on_selector_all(selector, _PICTURES)

    def pixels(self, selector: str) -> list[np.ndarray]:
        """The same as arrays [height, width, 4] of 0 to 255."""
        return [_decoded(address) for address in self.pictures(selector)]

    def layout(self, place: int) -> np.ndarray:
        """Where a map has every example, in shares of the map [examples, 2]."""
        return np.array(self.page.evaluate(_LAYOUT, place))

    def map(self, place: int) -> Locator:
        """What takes the pointer of the map of a size, from 0."""
        return self.page.locator("#spaces article:not([hidden]) .above").nth(place)

    def at(self, target: Locator | str, share: Sequence[float]) -> tuple[float, float]:
        """The point of the screen at a share of an element's width and height."""
        locator = self.page.locator(target) if isinstance(target, str) else target
        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        assert box
        return box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]

    def press(self, target: Locator | str, share: Sequence[float]) -> None:
        """Click with the mouse at a share of an element."""
        self.settle()
        self.page.mouse.click(*self.at(target, share))

    def drag(
        self, target: Locator | str, shares: Iterable[Sequence[float]], steps: int = 3
    ) -> None:
        """Press at the first place, go through all others and let go."""
        self.settle()
        first, *others = [self.at(target, share) for share in shares]
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for point in others:
            self.page.mouse.move(*point, steps=steps)
        self.page.mouse.up()


def _decoded(address: str) -> np.ndarray:
    encoded = io.BytesIO(base64.b64decode(address.split(",", 1)[1]))
    return np.asarray(Image.open(encoded).convert("RGBA")).astype(int)


def relu_network(arrays: dict[str, np.ndarray]) -> tuple[Any, Any]:
    """Encode to the mean, and decode to the parameters, with weights of a run as float16."""
    w = {name: array.astype(np.float16).astype(float) for name, array in arrays.items()}

    def through(values: np.ndarray, part: str) -> np.ndarray:
        deeper = sorted({name.rpartition("/")[0] for name in w if f"{part}/deeper/" in name})
        for layer in (f"{part}/hidden", *deeper):
            values = np.maximum(values @ w[f"{layer}/weight"] + w[f"{layer}/bias"], 0)
        return values

    def encode(x: np.ndarray) -> np.ndarray:
        hidden = through(x, "encoder")
        return hidden @ w["encoder/heads/weight"][:, 0] + w["encoder/heads/bias"][0]

    def decode(z: np.ndarray) -> np.ndarray:
        hidden = through(z, "decoder")
        return hidden @ w["decoder/output/weight"] + w["decoder/output/bias"]

    return encode, decode
