"""The explorer's strokes, against slow other ways."""

from itertools import pairwise

import numpy as np
import pytest

IDENTITY = {"scale": 1, "x": 0, "y": 0}


def slow_coverage(points, width, height, radius, transform, steps=400):
    """By the distance to very many points along the line."""
    mapped = np.array(points, float).reshape(-1, 2) * transform["scale"]
    pixels = (mapped + np.array([transform["x"], transform["y"]])) * [width, height]
    shares = np.linspace(0, 1, steps)[:, None]
    lines = [start + shares * (end - start) for start, end in pairwise(pixels)]
    dense = np.concatenate([pixels[:1], *lines])
    rows, columns = np.indices((height, width)) + 0.5
    offsets = columns[..., None] - dense[:, 0], rows[..., None] - dense[:, 1]
    distance = np.hypot(*offsets).min(axis=-1, initial=np.inf)
    return np.clip(radius + 0.5 - distance, 0, 1)


def drawing(noise, most=5):
    """A few strokes of a few points each."""
    middle, spread = noise.uniform(0.3, 0.7, 2), noise.uniform(0.05, 0.3)
    return [
        {"points": (middle + spread * noise.normal(size=(count, 2))).clip(0, 1), "colour": None}
        for count in noise.integers(1, most + 1, noise.integers(1, 4))
    ]


def coverage_cases():
    noise = np.random.default_rng(12)
    for width, height in ((12, 12), (17, 9), (1, 14), (8, 1)):
        for radius in (0.3, 0.5, 1.5, 4):
            transform = {"scale": noise.uniform(0.3, 2), "x": noise.normal() / 5, "y": 0.1}
            for used in (IDENTITY, transform):
                points = noise.uniform(-0.2, 1.2, size=(noise.integers(1, 6), 2))
                yield points, width, height, radius, used
    yield [[0.5, 0.5], [0.5, 0.5]], 10, 10, 1, IDENTITY
    yield [[0.5, 0.1], [0.5, 0.9], [0.5, 0.5]], 10, 10, 1, IDENTITY


def test_coverage_is_by_the_distance_to_the_line(call):
    cases = list(coverage_cases())
    for case, found in zip(cases, call("strokes.coverage", cases), strict=True):
        expected = slow_coverage(*case, steps=2000)
        np.testing.assert_allclose(np.reshape(found, expected.shape), expected, atol=5e-3)


def test_coverage_of_nothing_of_a_dot_and_far_away(call):
    dot = [[0.5, 0.5]]
    cases = [([], 3, 2, 1, IDENTITY), ([[9, 9]], 3, 2, 1, IDENTITY), (dot, 3, 3, 0.25, IDENTITY)]
    nothing, away, covered = call("strokes.coverage", cases)
    assert nothing == away == [0] * 6
    assert covered == [0, 0, 0, 0, 0.75, 0, 0, 0, 0]


def ink_of(strokes, width, height, radius, transform):
    bare = [1 - slow_coverage(s["points"], width, height, radius, transform) for s in strokes]
    return 1 - np.prod(bare, axis=0)


def fitting_cases():
    noise = np.random.default_rng(13)
    for width, height in ((28, 28), (40, 28), (20, 50)):
        for radius in (0.7, 1.3, 2.5):
            for again in (0, 0, 1, 2):  # a stroke drawn again is no more ink
                drawn = drawing(noise)
                yield drawn + again * drawn[:1], width, height, radius, 14


def test_fitting_gives_the_extent_and_the_centre(call):
    cases = list(fitting_cases())
    uncut = 0
    for case, found in zip(cases, call("strokes.fitting", cases), strict=True):
        drawn, width, height, radius, extent = case
        size = np.array([width, height])
        points = np.concatenate([stroke["points"] for stroke in drawn])
        span = np.ptp(points * size, axis=0).max()
        if span < 0.1 * size.max():
            assert found["scale"] == 1
        else:
            assert found["scale"] * span + 2 * radius == pytest.approx(extent)
        pixels = (points * found["scale"] + [found["x"], found["y"]]) * size
        reach = radius + 0.5
        if (pixels < reach).any() or (pixels > size - reach).any():
            continue
        ink = ink_of(drawn, width, height, radius, found)
        rows, columns = np.indices(ink.shape) + 0.5
        centre = np.average([columns.ravel(), rows.ravel()], axis=1, weights=ink.ravel())
        np.testing.assert_allclose(centre, size / 2, atol=0.25 if radius < 1 else 0.06)
        uncut += 1
    assert uncut > 20


def test_fitting_of_dots_of_a_line_and_of_nothing(call):
    dot = [{"points": [[0.9, 0.1]], "colour": None}]
    line = [{"points": [[0.2, 0.1], [0.2, 0.3]], "colour": None}]
    empty = [{"points": [], "colour": None}]
    cases = [(drawn, 28, 28, 1.5, 20) for drawn in (dot, line, empty, [], [*empty, *dot])]
    cases.append((line, 28, 28, 15, 20))  # a pen wider than what it should draw
    of_dot, of_line, *nothing, of_both, wide = call("strokes.fitting", cases)
    assert of_dot == of_both == pytest.approx({"scale": 1, "x": -0.4, "y": 0.4}, abs=1e-6)
    scale = 17 / (0.2 * 28)
    expected = {"scale": scale, "x": 0.5 - 0.2 * scale, "y": 0.5 - 0.2 * scale}
    assert of_line == pytest.approx(expected, abs=1e-6)
    assert nothing == [IDENTITY] * 2
    assert wide["scale"] == 0


def test_paint_is_laid_over_the_base_in_order(call):
    noise = np.random.default_rng(14)
    cases = []
    for shape in ((6, 9, 1), (7, 5, 3), (4, 4, 2)):
        drawn = [{**each, "colour": noise.normal(size=shape[2])} for each in drawing(noise)]
        base = noise.normal(size=shape).astype(np.float32)
        cases += [(base, drawn, shape, 1.2, IDENTITY), (base, [], shape, 1.2, IDENTITY)]
        cases.append((base, drawn, shape, 0.8, {"scale": 0.7, "x": 0.1, "y": 0.2}))
    for case, found in zip(cases, call("strokes.painted", cases), strict=True):
        base, drawn, (height, width, _), radius, transform = case
        expected = base.astype(float)
        for stroke in drawn:
            share = slow_coverage(stroke["points"], width, height, radius, transform)[..., None]
            expected = expected * (1 - share) + np.array(stroke["colour"]) * share
        np.testing.assert_allclose(found, expected.ravel(), atol=5e-3)


BASE_KEPT = """(name, ...given) => {
  const before = given[0].join();
  const result = strokes[name](...given);
  return [given[0].join() === before, result instanceof Float32Array];
}"""


def test_the_base_stays_as_it_is(call):
    base = np.zeros(9, np.float32)
    drawn = [{"points": [[0.5, 0.5], [0.9, 0.9]], "colour": [1]}]
    cases = [("painted", base, drawn, [3, 3, 1], 1, IDENTITY), ("barred", base, drawn, [0, 1])]
    assert call(BASE_KEPT, cases) == [[True, True]] * 2


def slow_bars(base, drawn, limits):
    result, count = base.astype(float), len(base)
    for stroke in drawn:
        points = np.array(stroke["points"], float).reshape(-1, 2)
        places = np.floor(points[:, 0] * count).clip(0, count - 1).astype(int)
        values = np.interp(1 - points[:, 1], [0, 1], limits[:2])
        if len(limits) == 3:
            values = (1 + limits[0]) * ((1 + limits[1]) / (1 + limits[0])) ** (1 - points[:, 1]) - 1
        for i, (place, value) in enumerate(zip(places, values, strict=True)):
            last = max(i - 1, 0)
            ends = sorted([(places[last], values[last]), (place, value)])
            between = np.arange(ends[0][0], ends[1][0] + 1)
            keep = between != places[last]
            result[between[keep]] = np.interp(between, *zip(*ends, strict=True))[keep]
            result[place] = value
    return result


def test_bars_are_set_where_a_stroke_passes(call):
    noise = np.random.default_rng(15)
    cases = []
    for count in (1, 2, 13, 200):
        for _ in range(4):
            drawn = [{"points": noise.uniform(size=(n, 2))} for n in noise.integers(0, 7, 3)]
            base = noise.normal(size=count).astype(np.float32)
            cases += [(base, drawn, [-2, 5]), (base, drawn, [3, 700, True])]
    for case, found in zip(cases, call("strokes.barred", cases), strict=True):
        np.testing.assert_allclose(found, slow_bars(*case), rtol=1e-5, atol=1e-5)


def test_a_height_and_its_value(call):
    limits = [[0, 700, True], [-2, 5], [3, 8, False]]
    heights = [0, 0.25, 0.5, 1]
    for each in limits:
        values = call("strokes.valueAt", [(height, each) for height in heights])
        assert values[0] == each[0]
        assert values[-1] == pytest.approx(each[1])
        back = call("strokes.heightOf", [(value, each) for value in values])
        np.testing.assert_allclose(back, heights, atol=1e-12)
        beyond = call("strokes.heightOf", [(each[0] - 1, each), (each[1] + 1, each)])
        assert beyond == [0, 1]
    ((counted,),) = ([call("strokes.valueAt", [(0.5, [0, 99, True])])],)
    assert counted == [pytest.approx(9)]


def test_no_bar_is_skipped_and_the_ends_are_inside(call):
    base = np.full(5, 9, np.float32)
    across = [{"points": [[0, 1], [1, 0]]}]
    back = [{"points": [[1, 0], [0, 1], [0.5, 0]]}]
    cases = [(base, drawn, [0, 4]) for drawn in (across, back, [{"points": [[1, 0.5]]}], [])]
    assert call("strokes.barred", cases) == [
        [0, 1, 2, 3, 4],
        [0, 2, 4, 3, 4],
        [9, 9, 9, 9, 2],
        [9, 9, 9, 9, 9],
    ]


# -- strokes as text


def test_text_is_compact_and_what_it_says(call):
    points = [[0, 1], [0.036, 0.5]]
    strokes = [
        {"points": points, "colour": None},
        {"points": [], "colour": None},
        {"points": [[-3, 7]], "colour": [1, 0, 0.5]},
        {"points": [[0.9996, 0.0004]], "colour": [2]},
    ]
    expected = "00rs10dw_255-0-128.00rs_255.rs00"
    assert call("strokes.strokesText", [(strokes,), ([],)]) == [expected, ""]


def test_strokes_come_back_from_their_text(call):
    noise = np.random.default_rng(16)
    for channels in (0, 1, 3):
        drawn = drawing(noise, most=30)
        for stroke in drawn:
            stroke["colour"] = noise.uniform(size=channels) if channels else None
        (text,) = call("strokes.strokesText", [(drawn,)])
        (back,) = call("strokes.strokesFrom", [(text,)])
        assert len(back) == len(drawn)
        for before, after in zip(drawn, back, strict=True):
            np.testing.assert_allclose(after["points"], before["points"], atol=0.0005 + 1e-9)
            if channels:
                np.testing.assert_allclose(after["colour"], before["colour"], atol=0.5 / 255 + 1e-9)
            else:
                assert after["colour"] is None
        assert call("(text) => strokes.strokesText(strokes.strokesFrom(text))", [(text,)]) == [text]


MALFORMED = [
    *("", "_", "00", "00rs_", "_00rs", "00rs__00rs", "00rs1", "zzzz", "rt00", "00rt", "00RS"),
    *(".00rs", "256.00rs", "1-.00rs", "-1.00rs", "1-2", "1-2.", "1.2.00rs", "1000.00rs", "0x.00rs"),
    *("00 s", "-1-1", "00r\n", "00rs\n", "😀😀", "%00%", "0.5.00rs", "NaN.00rs", "٣.00rs"),
    *(None, 5, [], {}, True, ["00rs"]),
]


def test_malformed_text_gives_no_strokes(call):
    cases = [(text,) for text in MALFORMED]
    for case, found in zip(cases, call("strokes.strokesFrom", cases), strict=True):
        assert found == [], case
    assert call("() => strokes.strokesFrom()", [()]) == [[]]
    assert call("() => strokes.strokesFrom(Symbol())", [()]) == [[]]


def test_random_text_gives_all_its_strokes_or_none(call):
    noise = np.random.default_rng(17)
    letters = np.array(list("0123456789abrsz._-A \n"))
    cases = [("".join(noise.choice(letters, n)),) for n in noise.integers(0, 12, 2000)]
    for (text,), found in zip(cases, call("strokes.strokesFrom", cases), strict=True):
        assert len(found) in (0, text.count("_") + 1)
        assert all(0 <= v <= 1 for stroke in found for point in stroke["points"] for v in point)
    source = "(count) => strokes.strokesFrom('0a0b'.repeat(count))[0].points.length"
    assert call(source, [(500_000,)]) == [500_000]
