"""Tiles: their pictures are the run's arrays, their extremes those of the losses."""

import base64
import io
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from latentsweep.record.arrays import write_arrays
from latentsweep.record.folder import RunFolder
from latentsweep.show import style
from latentsweep.show.figures.items import Limits, value_limits
from latentsweep.show.report.tiles import extremes, image_address, strips, thumbnails

SVG = "{http://www.w3.org/2000/svg}"


def content(address, kind):
    head, encoded = address.split(",", 1)
    assert head == f"data:{kind};base64"
    return base64.b64decode(encoded, validate=True)


def picture(address):
    return Image.open(io.BytesIO(content(address, "image/png")))


def polylines(address):
    root = ElementTree.fromstring(content(address, "image/svg+xml"))
    assert root.tag == f"{SVG}svg"
    lines = root.findall(f"{SVG}polyline")
    corners = [[pair.split(",") for pair in line.get("points").split()] for line in lines]
    return [
        (line.get("stroke"), np.array(c, float)) for line, c in zip(lines, corners, strict=True)
    ]


def as_drawn(values, originals):
    """The levels of an image by another route: one value at a time, in whole numbers."""
    values = values.mean(axis=-1) if values.shape[-1] == 1 else values
    levels = [min(max(round(float(v) * 255 / int(originals.max())), 0), 255) for v in values.flat]
    return np.array(levels).reshape(values.shape)


def with_losses(run, member, losses, name="test/reconstruction_of_mean"):
    path = run.member_path(member) / "arrays.safetensors"
    write_arrays(path, {**run.arrays(member), name: losses.astype(np.float32)})


def alive(run):
    results = run.results()
    return results[results["status"] == "ok"]


def every_tile(run):
    columns, found = strips(run)[1], extremes(run)
    shown = [tile for strip in columns for _, row in strip.rows for tile in row if tile is not None]
    ends = [extreme for each in found for extreme in (*each.best, *each.worst)]
    return [
        *shown,
        *(strip.original for strip in columns),
        *(tile for extreme in ends for tile in (extreme.original, extreme.reconstruction)),
    ]


def test_every_run_has_tiles_of_its_finished_networks(any_run):
    members = alive(any_run)
    sizes, shown = strips(any_run)
    assert set(sizes) <= set(members["latent_size"])
    assert len(sizes) == min(10, members["latent_size"].nunique())
    assert bool(shown) == bool(len(members))
    there = set(zip(members["objective"], members["latent_size"], strict=True))
    for strip in shown:
        assert [words for words, _ in strip.rows] == [
            style.TRAINED_WITH[name]
            for name in ("keras-blog", "elbo")
            if name in set(members["objective"])
        ]
        for words, row in strip.rows:
            (name,) = (key for key, value in style.TRAINED_WITH.items() if value == words)
            assert [tile is not None for tile in row] == [(name, size) in there for size in sizes]
    for tile in every_tile(any_run):
        assert tile.address.startswith("data:image/")
        assert tile.alt.strip()
        assert tile.label
        assert "\n" not in tile.label


def test_failed_members_have_no_tiles(make_run, recipes):
    run = make_run(recipes["a failed member"])
    rows = dict(strips(run)[1][0].rows)
    assert [tile is None for tile in rows["trained with the ELBO"]] == [True, False, False]
    assert "elbo-k02-s0" not in {each.member for each in extremes(run)}


def test_a_run_that_failed_altogether_has_none(make_run, recipes):
    run = make_run(recipes["all failed"])
    assert strips(run) == ([], [])
    assert extremes(run) == []


@pytest.mark.parametrize("shape", [(6, 5), (6, 6, 1), (5, 7, 3)])
def test_tiles_are_the_arrays(make_run, shape, recipes):
    run = make_run(replace(recipes["usual"], item_shape=shape))
    originals = run.examples().values
    sizes, shown = strips(run)
    assert [strip.name for strip in shown] == ["zero", "one", "two"]
    for position, strip in enumerate(shown):  # the synthetic examples begin with one of each class
        drawn = np.array(picture(strip.original.address))
        np.testing.assert_array_equal(drawn, as_drawn(originals[position], originals))
        for size, tile in zip(sizes, dict(strip.rows)["trained with the ELBO"], strict=True):
            decodes = run.arrays(f"elbo-k{size:02d}-s0")["shown/decodes"]
            drawn = np.array(picture(tile.address))
            np.testing.assert_array_equal(drawn, as_drawn(decodes[position], originals))
            assert tile.label == str(size)
            assert tile.alt == f"{strip.name}, reconstructed with {size} dimensions"


def test_two_channels_are_their_mean_and_values_beyond_the_limits_are_clipped():
    image = np.random.default_rng(0).uniform(-3, 3, (4, 5, 2))
    levels = np.array(picture(image_address(image, Limits(-1.0, 1.0), 64)))
    expected = np.clip((image[..., 0] + image[..., 1]) / 2, -1, 1) * 127.5 + 127.5
    assert np.abs(levels - expected).max() <= 0.5 + 1e-9
    assert {levels.min(), levels.max()} == {0, 255}


def test_large_images_become_the_means_of_their_blocks():
    image = np.random.default_rng(0).integers(0, 256, (192, 96, 3)).astype(np.uint8)
    levels = np.array(picture(image_address(image, Limits(0.0, 255.0), 64))).astype(float)
    assert levels.shape == (64, 32, 3)
    blocks = image.reshape(64, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(levels - blocks).max() <= 1


@pytest.mark.parametrize(
    ("shape", "size"), [((300, 1), (1, 64)), ((64, 64), (64, 64)), ((2, 3), (3, 2))]
)
def test_pictures_keep_their_shape_and_are_never_enlarged(shape, size):
    assert picture(image_address(np.zeros(shape, np.uint8), Limits(0.0, 1.0), 64)).size == size


def test_pngs_say_nothing_but_the_picture(usual_run):
    names = set()
    for tile in every_tile(usual_run):
        png, at = content(tile.address, "image/png"), 8
        while at < len(png):
            names.add(png[at + 4 : at + 8])
            at += 12 + int.from_bytes(png[at : at + 4], "big")
    assert names == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("name", ["test/reconstruction_of_mean", "test/reconstruction"])
def test_best_and_worst_by_brute_force(make_run, name, recipes):
    run = make_run(replace(recipes["usual"], shown=30))
    losses = np.random.default_rng(3).normal(200, 50, 40)
    with_losses(run, "elbo-k04-s0", losses, name)
    (found,) = (each for each in extremes(run, most=5) if each.member == "elbo-k04-s0")
    assert (found.objective, found.latent_size) == ("trained with the ELBO", 4)
    shown = sorted(losses[run.examples().indices])
    assert [extreme.loss for extreme in found.best] == [f"{loss:.1f}" for loss in shown[:5]]
    assert [extreme.loss for extreme in found.worst] == [
        f"{loss:.1f}" for loss in reversed(shown[-5:])
    ]
    values, decodes = run.examples().values, run.arrays("elbo-k04-s0")["shown/decodes"]
    lowest = min(range(30), key=lambda i: losses[i])
    best = found.best[0]
    np.testing.assert_array_equal(
        np.array(picture(best.original.address)), as_drawn(values[lowest], values)
    )
    np.testing.assert_array_equal(
        np.array(picture(best.reconstruction.address)), as_drawn(decodes[lowest], values)
    )
    named = ("zero", "one", "two")[lowest % 3]
    assert best.original.alt == f"{named}, the original"
    assert best.reconstruction.alt == (
        f"{named}, reconstructed with 4 dimensions: {best.loss} nats"
    )
    assert best.reconstruction.label == best.loss


def test_losses_are_taken_where_the_examples_stand_in_the_test_split(make_run):
    run = make_run()
    examples = run.examples()
    indices = np.arange(39, 27, -1).astype(np.int32)
    run.write_examples(type(examples)(examples.values, indices, examples.labels))
    with_losses(run, "elbo-k08-s0", np.arange(40.0) * 10)
    (found,) = (each for each in extremes(run, most=1) if each.member == "elbo-k08-s0")
    assert (found.best[0].loss, found.worst[0].loss) == ("280.0", "390.0")
    drawn = np.array(picture(found.best[0].original.address))
    np.testing.assert_array_equal(drawn, as_drawn(examples.values[11], examples.values))


@pytest.mark.parametrize("shown", [1, 2, 5])
def test_no_example_is_among_the_best_and_the_worst(make_run, shown, recipes):
    run = make_run(replace(recipes["usual"], shown=shown, sizes=(8,), objectives=("elbo",)))
    with_losses(run, "elbo-k08-s0", np.arange(40.0))
    (found,) = extremes(run)
    losses = [extreme.loss for extreme in (*found.best, *found.worst)]
    assert sorted(losses) == [f"{loss:.1f}" for loss in range(shown)]


def test_every_network_has_extremes_in_order(make_run, recipes):
    found = extremes(make_run(replace(recipes["usual"], seeds=(0, 1))))
    names = [f"{name}-k{size:02d}-s0" for name in ("keras-blog", "elbo") for size in (2, 4, 8)]
    assert [each.member for each in found] == names


def test_vectors_are_lines_over_their_originals(make_run, recipes):
    run = make_run(recipes["vectors"])
    originals = run.examples().values
    strip = strips(run)[1][0]
    ((colour, line),) = polylines(strip.original.address)
    assert colour == style.QUIET
    assert line.shape == (96, 2)
    low, high = originals.min(), originals.max()
    places = np.linspace(0, 199, 96).round().astype(int)
    heights = 0.12 + 0.76 * (originals[0, places] - low) / (high - low)
    np.testing.assert_allclose(line[:, 0], places / 199 * 48, atol=0.051)
    np.testing.assert_allclose(line[:, 1], 30 * (1 - heights), atol=0.051)
    for name, words in style.TRAINED_WITH.items():
        tile = dict(strip.rows)[words][0]
        under, over = polylines(tile.address)
        assert under[0] == style.FAINT
        np.testing.assert_array_equal(under[1], line)
        assert over[0] == style.LINES[name, "neg_elbo"].colour
        decodes = run.arrays(f"{name}-k02-s0")["shown/decodes"][0, places]
        heights = 0.12 + 0.76 * (decodes - low) / (high - low)
        np.testing.assert_allclose(over[1][:, 1], 30 * (1 - heights), atol=0.051)


def test_lines_of_counts_go_by_their_logarithm(make_run, recipes):
    run = make_run(recipes["counts"])
    originals = run.examples().values
    ((_, line),) = polylines(strips(run)[1][0].original.address)
    most, drawn = originals.max(), originals[0]
    heights = 0.12 + 0.76 * np.log(1 + drawn) / np.log(1 + most)  # the least of them is 0
    np.testing.assert_allclose(line[:, 1], 30 * (1 - heights), atol=0.051)


def test_images_of_counts_stay_as_they_are():
    manifest = {"data": {"image": True, "likelihood": "poisson"}}
    values = np.arange(12, dtype=np.int32).reshape(2, 2, 3)
    assert value_limits(manifest, values) == Limits(0, 11, counts=False)
    assert value_limits(manifest, values.reshape(2, 6)) == Limits(0, 11, counts=True)


def test_short_vectors_and_constant_ones_are_lines_too(make_run, recipes):
    run = make_run(replace(recipes["usual"], item_shape=(3,), image=False))
    examples = run.examples()
    flat = np.full_like(examples.values, 1e8)
    run.write_examples(type(examples)(flat, examples.indices, examples.labels))
    ((_, line),) = polylines(strips(run)[1][0].original.address)
    np.testing.assert_array_equal(line[:, 0], [0, 24, 48])
    assert np.isfinite(line).all()


def test_without_labels_the_first_examples_are_named_by_their_place(make_run, recipes):
    shown = strips(make_run(recipes["no labels"]))[1]
    assert [strip.name for strip in shown] == [f"image {place}" for place in range(6)]
    assert shown[2].original.alt == "image 2, the original"


def test_at_most_ten_classes_and_ten_sizes(make_run, recipes):
    names = tuple(f"kind {i} of thing" for i in range(30))
    run = make_run(replace(recipes["usual"], names=names, sizes=tuple(range(1, 13)), shown=40))
    sizes, shown = strips(run)
    assert [strip.name for strip in shown] == list(names[:10])
    assert (len(sizes), sizes[0], sizes[-1]) == (10, 1, 12)
    assert len(extremes(run, most=1)) == 20


def test_hostile_names_stay_as_they_are(make_run, recipes):
    shown = strips(make_run(recipes["hostile names"]))[1]
    assert [strip.name for strip in shown] == list(recipes["hostile names"].names)
    for strip in shown:
        for tile in (tile for _, row in strip.rows for tile in row):
            assert tile.alt.startswith(f"{strip.name}, reconstructed with ")


def test_one_dimension_is_singular(make_run, recipes):
    strip = strips(make_run(recipes["one member of one dimension"]))[1][0]
    assert strip.rows[0][1][0].alt == "zero, reconstructed with 1 dimension"


def test_the_same_run_gives_the_same_tiles(any_run):
    assert every_tile(any_run) == every_tile(any_run)


def test_arrays_are_read_once_and_only_where_needed(make_run, recipes, monkeypatch):
    run, reads, read = make_run(recipes["60 members"]), Counter(), RunFolder.arrays
    monkeypatch.setattr(
        RunFolder, "arrays", lambda self, member: reads.update([member]) or read(self, member)
    )
    for gather in (strips, extremes):
        reads.clear()
        gather(run)
        assert set(reads.values()) == {1}
        assert {member[-3:] for member in reads} == {"-s0"}
        assert len(reads) == 10


def test_thumbnails_are_evenly_taken_and_small(make_run, recipes):
    run = make_run(replace(recipes["usual"], shown=21, item_shape=(56, 28)))
    positions, addresses = thumbnails(run, 5)
    assert positions.tolist() == [0, 5, 10, 15, 20]
    for position, address in zip(positions, addresses, strict=True):
        blocks = run.examples().values[position].reshape(28, 2, 14, 2).mean(axis=(1, 3))
        levels = np.array(picture(address)).astype(float)
        assert np.abs(levels - blocks * 255 / run.examples().values.max()).max() <= 1


def test_thumbnails_of_every_run(any_run):
    positions, addresses = thumbnails(any_run, 1000)
    count = len(any_run.examples().values)
    assert positions.tolist() == list(range(count))
    assert len(addresses) == count
    kind = "image/png" if any_run.manifest()["data"]["image"] else "image/svg+xml"
    assert all(address.startswith(f"data:{kind};base64,") for address in addresses)


def test_thumbnails_of_vectors_are_short_lines(make_run, recipes):
    _, addresses = thumbnails(make_run(recipes["vectors"]), 1)
    ((_, line),) = polylines(addresses[0])
    assert line.shape == (56, 2)
    assert line.max() <= 28
