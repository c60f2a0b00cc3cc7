"""A folder of images, a convolutional network, and what it makes of them: a minute.

The images are drawn here, discs of three colours: put a folder of your own in their place.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import latentsweep as ls

COLOURS = {"red": (220, 60, 50), "green": (70, 170, 80), "blue": (60, 90, 210)}


def draw(folder: Path, count: int) -> None:
    """Write images, a subfolder a colour: these become the labels."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            picture = Image.new("RGB", (16, 16), (235, 235, 225))
            x, y, radius = *rng.uniform(5, 11, 2), rng.uniform(2.5, 5)
            corners = (x - radius, y - radius, x + radius, y + radius)
            ImageDraw.Draw(picture).ellipse(corners, fill=colour)
            picture.save(folder / name / f"{number}.png")


def main(output: str | None = None) -> None:
    """Print the table of results, and save three images beside what the network makes of them."""
    home = Path(output or tempfile.mkdtemp())
    draw(home / "discs", 250)
    settings = {"epochs": 50, "objectives": "elbo", "hidden_size": 64, "batch_size": 16}
    kind = {"network": "convolutional", "latents": [1, 4]}
    run = ls.run(data=home / "discs", output=home / "run", **kind, settings=settings)
    print(run.results[["member", "neg_elbo", "rate", "active_units"]].round(1).to_string())
    images = np.stack([np.asarray(Image.open(home / "discs" / c / "0.png")) for c in COLOURS])
    made = run.model("elbo", latent_size=4).reconstruct(images)
    both = np.hstack([np.vstack(images), np.vstack(np.clip(made, 0, 255).astype(np.uint8))])
    Image.fromarray(both).resize((256, 384), Image.Resampling.NEAREST).save(home / "both.png")
    print(f"Look at {home / 'both.png'} and {home / 'run' / 'report.html'}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
