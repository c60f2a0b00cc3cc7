"""Digits drawn in the explorer of networks that were really trained land where such digits are."""

import numpy as np
import pytest

import latentsweep
from exploring import Explorer, relu_network
from latentsweep.record.folder import RunFolder
from latentsweep.show.explorer import write_explorer

pytestmark = pytest.mark.browser

LARGEST = "elbo-k16-s0"
LEAST_RIGHT = 6  # of ten digits: by chance one would be
PLACE = """() => {
  const { family, state } = latentsweep;
  const network = family.networks.find(({ size }) => size === 16);
  const drawn = [...family.item(state)];
  const { at, exact } = family.placeOfItem(network, state);
  return { drawn, at, exact, code: [...family.code(network, state)],
    made: [...family.reconstruction(network, state)], indices: latentsweep.data.indices };
}"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> RunFolder:
    """A run of the digits of scikit-learn, without pictures and without a page."""
    path = tmp_path_factory.mktemp("trained") / "run"
    settings = {"objectives": ("elbo",), "epochs": 100}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("write_figures", "write_report"):
            patch.setattr(f"latentsweep.pipeline.run.{name}", lambda *_: None)
        return latentsweep.run("digits", path, latents=[2, 8, 16], settings=settings).folder


@pytest.fixture(scope="module")
def explorer(browser, trained):
    page = browser.new_page(offline=True)
    explorer = Explorer(page, write_explorer(trained).as_uri())
    yield explorer
    page.close()
    assert explorer.leave() == []


@pytest.fixture(scope="module")
def tests_of(trained, explorer):
    """Examples [n, 64], labels and codes of size 16, of those that the page has."""
    examples, indices = trained.examples(), explorer.page.evaluate("latentsweep.data.indices")
    place = {index: row for row, index in enumerate(examples.indices.tolist())}
    rows = [place[index] for index in indices]
    codes = trained.arrays(LARGEST)["test/codes"][indices]
    values = examples.values[rows].reshape(len(rows), -1).astype(float)
    return values, examples.labels[indices], codes.astype(np.float16).astype(float)


def drawn(explorer, digit):
    """What the page makes of a digit [64] painted with the mouse, a dab at each inked pixel."""
    explorer.click("#reset")
    explorer.tick("over", ticked=False)
    explorer.tick("fit", ticked=False)
    for row, column in np.argwhere(digit.reshape(8, 8) > digit.max() / 2):
        place = explorer.at("#pad", ((column + 0.5) / 8, (row + 0.5) / 8))
        explorer.page.mouse.click(*place)
    explorer.settle()
    return explorer.page.evaluate(PLACE)


@pytest.fixture(scope="module")
def painted(explorer, tests_of):
    """One test digit of each class, and what the page made of its drawing."""
    values, labels, _ = tests_of
    rows = [int(np.flatnonzero(labels == label)[3]) for label in range(10)]
    return [(row, drawn(explorer, values[row])) for row in rows]


def nearest(codes, code):
    """The ten nearest codes, nearest first, and how far they are."""
    away = np.linalg.norm(codes - np.array(code), axis=1)
    rows = np.argsort(away, kind="stable")[:10]
    return rows, away[rows]


def test_the_drawing_is_what_was_painted(tests_of, painted):
    values, *_ = tests_of
    most = values.max()
    for row, found in painted:
        inked = values[row] > values[row].max() / 2
        given = np.array(found["drawn"]) / most
        np.testing.assert_allclose(given, inked * (0.046 * 8 + 0.5), atol=0.03)


def test_drawn_digits_come_back_as_that_digit(trained, tests_of, painted):
    values, labels, _ = tests_of
    factor = 255  # pictures are kept as 8 bits, whatever the unit of the data
    encode, decode = relu_network(trained.weights(LARGEST))
    averages = np.stack([values[labels == label].mean(axis=0) for label in range(10)])
    right = 0
    for row, found in painted:
        made, own = np.array(found["made"]), values[row]
        expected = factor / (1 + np.exp(-decode(encode(np.array(found["drawn"]) / factor))))
        np.testing.assert_allclose(made, expected, atol=2e-3 * factor)
        own_class = np.square(averages - made).mean(axis=1).argmin() == labels[row]
        among = np.square(np.delete(values, row, axis=0) - made).mean(axis=1)
        right += own_class and (among > np.square(made - own).mean()).mean() >= 0.9
    assert right >= LEAST_RIGHT


def test_drawn_digits_land_near_their_class(tests_of, painted):
    _, labels, codes = tests_of
    near = [labels[nearest(codes, found["code"])[0]] == labels[row] for row, found in painted]
    assert sum(same.mean() > 0.5 for same in near) >= LEAST_RIGHT


def test_their_place_is_the_weighted_mean_of_their_neighbours(trained, explorer, tests_of, painted):
    _, _, codes = tests_of
    panel = trained.projections()
    panel = panel[panel["member"] == LARGEST].set_index("example")
    assert set(panel["method"]) == {"t-SNE"}
    for _, found in painted:
        rows, away = nearest(codes, found["code"])
        examples = np.array(found["indices"])[rows]
        places = panel.loc[examples, ["x", "y"]].to_numpy(float)
        mean = np.average(places, axis=0, weights=1 / away)
        np.testing.assert_allclose(found["at"], mean, atol=0.02)
        assert found["exact"] is False
    kinds = explorer.find("#spaces .kind").all_inner_texts()
    assert kinds[2] == explorer.said("tsne_approximate")
    assert kinds[0] == explorer.said("codes")
    explorer.click("#reset")
    assert explorer.find("#spaces .kind").nth(2).inner_text() == explorer.said("tsne")


def test_a_centred_drawing_is_moved_to_the_middle(explorer):
    if not explorer.page.evaluate("latentsweep.data.drawing.fitted"):
        assert not explorer.find("#fit").is_visible()
        return
    explorer.click("#reset")
    explorer.tick("over", ticked=False)
    explorer.tick("fit", ticked=True)
    explorer.drag("#pad", [(0.1, 0.1), (0.3, 0.1), (0.3, 0.4)])
    [pad], [seen] = explorer.pixels("#pad"), explorer.pixels("#seen")
    centres = [centre_of_mass(each[..., 0]) for each in (pad, seen)]
    assert np.abs(centres[0] - 4).max() > 1
    assert np.abs(centres[1] - 4).max() < 0.7


def centre_of_mass(image):
    """Down and across, in pixels."""
    places = np.indices(image.shape) + 0.5
    return (places * image).sum(axis=(1, 2)) / image.sum()


def test_the_time_of_frames_is_recorded(explorer, record_property):
    frames = explorer.page.evaluate("latentsweep.frames")
    median = float(np.median(frames))
    record_property("median_frame_milliseconds", median)
    print(f"median frame: {median:.1f} ms of {len(frames)}")
    assert len(frames) > 0
