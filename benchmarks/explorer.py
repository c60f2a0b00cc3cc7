"""How fast the explorer's networks answer: `python benchmarks/explorer.py runs/mnist`.

Opens the run's explorer.html in Chromium and times, in the page, for one objective's networks of
all sizes together: to decode a code and paint it; to encode a drawing, decode it and paint it; and
a whole frame of the page while someone draws. Prints medians and 95th percentiles of milliseconds,
the page's size, and how long it takes until the first frame stands.
"""

import argparse
import shutil
import statistics
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

WARM, TIMES = 30, 200

# Canvases are painted for real; each time is of all networks of the objective shown.
IN_THE_PAGE = """async ([warm, times]) => {
  const { decode, encode, likelihoods } = await import("latentsweep/dense.js");
  const { networksOf } = await import("latentsweep/state.js");
  const { painter } = await import("latentsweep/paint.js");
  const { randomNormal } = await import("latentsweep/space.js");
  const { data, family, state } = latentsweep;
  const paint = painter(data);
  const canvases = [...document.querySelectorAll("#spaces .reconstruction")];
  const networks = networksOf(family, state.objective).filter(({ runs }) => runs);
  const next = randomNormal(1);
  const { mean } = likelihoods[data.likelihood];
  const show = (network, code, canvas) => {
    const output = mean(decode(network.layers, code));
    paint(canvas, output.map((value) => value * data.factor + data.offset));
  };
  const codes = () => networks.map(({ size }) => Float32Array.from({ length: size }, next));
  const item = () => family.example(Math.floor(Math.random() * data.indices.length));
  const scaled = (values) => values.map((value) => (value - data.offset) / data.factor);
  const timed = (prepare, act) => {
    const taken = [];
    for (let i = 0; i < warm + times; i += 1) {
      const given = prepare();
      const began = performance.now();
      networks.forEach((network, place) => act(network, given, place));
      taken.push(performance.now() - began);
    }
    return taken.slice(warm);
  };
  return {
    decode: timed(codes, (network, given, i) => show(network, given[i], canvases[i])),
    both: timed(
      () => scaled(item()),
      (network, x, i) => show(network, encode(network.layers, x), canvases[i]),
    ),
  };
}"""


def drawing_frames(page: Page) -> list[float]:
    """Milliseconds of each frame while a stroke is drawn on the pad."""
    box = page.locator("#pad").bounding_box()
    assert box
    page.evaluate("latentsweep.frames.length")
    before = page.evaluate("latentsweep.frames.length")
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    for step in range(150):
        share = 0.3 + 0.4 * step / 150
        page.mouse.move(box["x"] + share * box["width"], box["y"] + share * box["height"])
        page.evaluate("latentsweep.drawn()")
    page.mouse.up()
    return page.evaluate(f"latentsweep.frames.slice({before}, -1)")


def told(name: str, times: list[float]) -> str:
    """A line of the table."""
    worst = statistics.quantiles(times, n=20)[-1]
    return f"{name:44s} {statistics.median(times):6.1f} {worst:6.1f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    file = parser.parse_args().run.resolve() / "explorer.html"
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "no Chromium on this machine"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=False)
        page = browser.new_page(viewport={"width": 1280, "height": 860}, offline=True)
        page.goto(file.as_uri())
        page.wait_for_function("window.latentsweep?.frames.length > 0")
        ready = page.evaluate("performance.now()")
        times = page.evaluate(IN_THE_PAGE, [WARM, TIMES])
        frames = drawing_frames(page)
        browser.close()
    print(f"{file.stat().st_size / 1e6:.1f} MB; first frame {ready / 1000:.1f} s after opening")
    print(f"{'milliseconds, all sizes together':44s} median  95 %")
    print(told("decode a code and paint it", times["decode"]))
    print(told("encode an image, decode it and paint it", times["both"]))
    print(told("a whole frame of the page while drawing", frames))


if __name__ == "__main__":
    main()
