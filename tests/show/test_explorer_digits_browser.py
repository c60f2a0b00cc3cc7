"""Digits drawn in the explorer of networks that were really trained land where such digits are."""

import numpy as np
import pytest

import latentsweep
from exploring import Explorer, relu_network
from latentsweep.record.folder import RunFolder
from latentsweep.show.explorer import write_explorer
from latentsweep.show.explorer.content import content

pytestmark = pytest.mark.browser

LARGEST = "elbo-k16-s0"
LEAST_RIGHT = 6  # of ten digits: by chance one would be
# What is drawn of dabs [dabs, 2] on nothing, and what the largest network makes of it.
PAINTED = """(data, dabs) => {
  const made = family.makeFamily(data);
  const network = made.networks.find(({ size }) => size === 16);
  const strokes = dabs.map((dab) => ({ points: [dab], colour: null }));
  const there = { ...state.initialState(data), base: null, strokes, fit: false };
  const { at, exact } = made.placeOfItem(network, there);
  return { drawn: made.item(there), code: made.code(network, there), at, exact,
    made: made.reconstruction(network, there) };
}"""


@pytest.fixture(scope="session")
def trained(once) -> RunFolder:
    """A run of the digits of scikit-learn, without pictures and without a page."""
    settings = {"objectives": ("elbo",), "epochs": 100}

    def make(path):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("write_figures", "write_report"):
                patch.setattr(f"latentsweep.workflow.outcome.{name}", lambda *_: None)
            latentsweep.run("digits", path, latents=[2, 16], settings=settings)

    return RunFolder(once("trained digits", make))


@pytest.fixture(scope="session")
def data(trained):
    """What the page holds."""
    return content(trained)


@pytest.fixture(scope="module")
def explorer(browser, trained):
    page = browser.new_page(offline=True)
    explorer = Explorer(page, write_explorer(trained).as_uri())
    yield explorer
    page.close()
    assert explorer.leave() == []


@pytest.fixture(scope="session")
def tests_of(trained, data):
    """Examples [n, 64], labels and codes of size 16, of those that the page has."""
    examples, indices = trained.examples(), data["indices"]
    place = {index: row for row, index in enumerate(examples.indices.tolist())}
    rows = [place[index] for index in indices]
    codes = trained.arrays(LARGEST)["test/codes"][indices]
    values = examples.values[rows].reshape(len(rows), -1).astype(float)
    return values, examples.labels[indices], codes.astype(np.float16).astype(float)


def dabs_of(digit):
    """Where a digit [64] is inked, in shares of the pad [dabs, 2]."""
    inked = np.argwhere(digit.reshape(8, 8) > digit.max() / 2)
    return (inked[:, ::-1] + 0.5) / 8


@pytest.fixture(scope="session")
def painted(call, data, tests_of):
    """One test digit of each class, and what the modules make of a dab at each inked pixel."""
    values, labels, _ = tests_of
    rows = [int(np.flatnonzero(labels == label)[3]) for label in range(10)]
    found = call(PAINTED, [(data, dabs_of(values[row])) for row in rows])
    return list(zip(rows, found, strict=True))


def test_a_digit_painted_with_the_mouse_is_what_the_modules_are_given(explorer, tests_of, painted):
    row, expected = painted[1]
    explorer.click("#reset")
    explorer.tick("over", ticked=False)
    explorer.tick("fit", ticked=False)
    for dab in dabs_of(tests_of[0][row]):
        explorer.page.mouse.click(*explorer.at("#pad", dab))
    explorer.settle()
    drawn = explorer.page.evaluate("[...latentsweep.family.item(latentsweep.state)]")
    most = tests_of[0].max()
    np.testing.assert_allclose(drawn, expected["drawn"], atol=0.03 * most)
    kinds = explorer.find("#spaces .kind").all_inner_texts()
    assert kinds == [explorer.said("codes"), explorer.said("tsne_approximate")]
    explorer.click("#reset")
    assert explorer.find("#spaces .kind").nth(1).inner_text() == explorer.said("tsne")


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


def test_their_place_is_the_weighted_mean_of_their_neighbours(trained, data, tests_of, painted):
    _, _, codes = tests_of
    panel = trained.projections()
    panel = panel[panel["member"] == LARGEST].set_index("example")
    assert set(panel["method"]) == {"t-SNE"}
    for _, found in painted:
        rows, away = nearest(codes, found["code"])
        examples = np.array(data["indices"])[rows]
        places = panel.loc[examples, ["x", "y"]].to_numpy(float)
        mean = np.average(places, axis=0, weights=1 / away)
        np.testing.assert_allclose(found["at"], mean, atol=0.02)
        assert found["exact"] is False


def test_a_centred_drawing_is_moved_to_the_middle(explorer):
    assert explorer.page.evaluate("latentsweep.data.drawing.fitted")
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
