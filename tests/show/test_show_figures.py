"""Figures: tables hold the run's numbers, and artists hold the tables' numbers."""

import shutil

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from latentsweep.record.folder import RunFolder
from latentsweep.show import style
from latentsweep.show.figures import (
    FIGURES,
    curves,
    grid,
    headline,
    plane,
    points,
    reconstructions,
    terms,
    tsne,
    write_figures,
    write_pictures,
)


def scatters(axes):
    return [artist for artist in axes.collections if isinstance(artist, PathCollection)]


def curves_of(axes):
    """The lines of an axes without the caps of its bars."""
    return [line for line in axes.lines if line.get_marker() not in {"_", "|"}]


def words_of(figure):
    return {text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))}


def test_headline_lines_are_the_results(usual_run):
    rows, results = headline.table(usual_run), usual_run.results()
    axes = headline.draw(rows).axes[0]
    drawn = {tuple(np.round(line.get_ydata(), 6)) for line in curves_of(axes)}
    blog, elbo = (results[results["objective"] == name] for name in ("keras-blog", "elbo"))
    assert drawn == {tuple(blog["loss"]), tuple(blog["neg_elbo"]), tuple(elbo["neg_elbo"])}
    assert list(axes.xaxis.get_majorticklocs()) == [2, 4, 8]
    drawn_lines = [line for key, line in style.LINES.items() if "linear" not in key]
    assert {text.get_text() for text in axes.texts} == {line.label for line in drawn_lines}


def test_headline_lines_differ_without_colour(usual_run):
    lines = curves_of(headline.draw(headline.table(usual_run)).axes[0])
    assert len({line.get_marker() for line in lines}) == 3
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == 3


def test_headline_shows_seeds_as_dots_and_their_mean_as_line(make_run, recipes):
    rows = headline.table(make_run(recipes["keras-blog only"]))
    axes = headline.draw(rows).axes[0]
    dots = np.vstack([scatter.get_offsets() for scatter in scatters(axes)])
    assert sorted(map(tuple, dots)) == sorted(map(tuple, rows[["latent_size", "value"]].to_numpy()))
    loss = rows[rows["quantity"] == "loss"].groupby("latent_size")["value"].mean()
    assert list(curves_of(axes)[0].get_ydata()) == list(loss)


def test_no_latent_model_is_drawn_only_among_the_points(usual_run):
    rows = headline.table(usual_run)
    assert len(curves_of(headline.draw(rows).axes[0])) == 3
    assert len(curves_of(headline.draw(rows.assign(no_latent=111.0)).axes[0])) == 4


def test_headline_caption_follows_the_numbers(usual_run):
    rows = headline.table(usual_run)
    assert "goes from 112.0 at size 2 to 100.0 at size 8" in headline.caption(rows)
    assert headline.caption(rows).endswith("One seed: seen, not judged.")
    assert "113.5 at size 2" in headline.caption(rows.assign(value=rows["value"] + 1.5))


def test_terms_panels_span_the_same_nats_and_add_up(usual_run):
    rows = terms.table(usual_run)
    panels = terms.draw(rows).axes
    spans = [np.ptp(axes.get_ylim()) for axes in panels]
    np.testing.assert_allclose(spans, spans[0])
    first, second, total = (np.array([line.get_ydata() for line in axes.lines]) for axes in panels)
    np.testing.assert_allclose(first + second, total)
    assert "106.0 + 6.0 = 112.0 at size 2" in terms.caption(rows)


def test_reconstructions_are_the_original_then_the_decodes(usual_run):
    rows = reconstructions.table(usual_run)
    blocks = reconstructions.draw(rows).axes
    examples = usual_run.examples()
    assert len(blocks) == 2
    for axes in blocks:
        assert len(axes.images) == 3 * 4  # classes x (original and sizes)
        assert [t.get_text() for t in axes.get_xticklabels()] == ["original", "2", "4", "8"]
    originals = rows[rows["latent_size"] == 0]
    for position, values in zip(originals["position"], originals["values"], strict=True):
        np.testing.assert_array_equal(values, examples.values[position])
    decodes = usual_run.arrays("elbo-k04-s0")["shown/decodes"]
    chosen = rows[(rows["objective"] == "elbo") & (rows["latent_size"] == 4)]
    np.testing.assert_array_equal(np.stack(chosen["values"]), decodes[chosen["position"]])
    assert list(originals["class_name"]) == ["zero", "one", "two"]
    assert "0.04 at size 2 and 0.01 at size 8" in reconstructions.caption(rows)


def test_vectors_are_drawn_as_lines_over_their_originals(make_run, recipes):
    rows = reconstructions.table(make_run(recipes["vectors"]))
    panels = reconstructions.draw(rows).axes
    assert len(panels) == 2 * 3 * 3  # objectives x examples x sizes
    original = rows.loc[rows["latent_size"] == 0, "values"].iloc[0]
    for axes in panels:
        assert len(axes.lines) == 2
        assert not axes.images
    np.testing.assert_array_equal(panels[0].lines[0].get_ydata(), original)


def test_charts_of_counts_go_by_their_logarithm(make_run, recipes):
    rows = reconstructions.table(make_run(recipes["counts"]))
    for axes in reconstructions.draw(rows.assign(high=240.0)).axes:
        heights = axes.transData.transform([(0, count) for count in (0, 1, 3, 7)])[:, 1]
        np.testing.assert_allclose(np.diff(heights), heights[1] - heights[0])
        assert axes.get_yticks().tolist() == [0, 10, 100]
    others = reconstructions.draw(reconstructions.table(make_run(recipes["vectors"]))).axes
    assert {axes.get_yscale() for axes in others} == {"linear"}


def test_plane_draws_every_code_and_names_the_classes(usual_run):
    rows = plane.table(usual_run)
    panels = plane.draw(rows).axes
    assert len(panels) == 2
    for axes, name in zip(panels, ("keras-blog", "elbo"), strict=True):
        codes = usual_run.arrays(f"{name}-k02-s0")["test/codes"]
        (scatter,) = scatters(axes)
        offsets = np.asarray(scatter.get_offsets())
        np.testing.assert_array_equal(offsets, rows.loc[rows["objective"] == name, ["x", "y"]])
        assert sorted(map(tuple, offsets)) == sorted(map(tuple, codes.astype(float)))
        assert scatter.get_rasterized()
        assert axes.get_aspect() == 1
        assert [text.get_text() for text in axes.texts] == ["zero", "one", "two"]


def test_plane_colours_follow_the_labels(usual_run):
    rows = plane.table(usual_run)
    (scatter,) = scatters(plane.draw(rows).axes[0])
    labels = rows.loc[rows["objective"] == "keras-blog", "label"]
    colours = [to_hex(colour) for colour in scatter.get_facecolors()]
    assert colours == [style.CLASS_COLOURS[label] for label in labels]


def test_plane_order_is_random_not_by_class_or_example(usual_run):
    rows = plane.table(usual_run)
    labels = rows.loc[rows["objective"] == "elbo", "label"].to_numpy()
    assert not np.array_equal(labels, usual_run.examples().labels)
    assert (np.diff(labels) != 0).mean() > 0.4


def test_plane_caption_has_the_radius_of_most_codes(usual_run):
    rows = plane.table(usual_run)
    twice = rows.assign(x=2 * rows["x"], y=2 * rows["y"])
    for table in (rows, twice):
        radius = plane.radius_of_most(table[table["objective"] == "elbo"])
        assert f"{radius:.1f} (trained with the ELBO)" in plane.caption(table)


def test_grid_stands_where_its_coordinates_are(usual_run):
    rows = grid.table(usual_run)
    decodes = usual_run.arrays("elbo-k02-s0")["grid/decodes"]
    tiles = rows[rows["objective"] == "elbo"].set_index(["first", "second"])["values"]
    np.testing.assert_array_equal(tiles[-2.0, 2.0], decodes[0, 0])
    np.testing.assert_array_equal(tiles[2.0, 2.0], decodes[0, 8])
    np.testing.assert_array_equal(tiles[-2.0, -2.0], decodes[8, 0])
    panels = grid.draw(rows).axes
    assert [len(axes.images) for axes in panels] == [81, 81]
    left, _, bottom, top = panels[1].images[0].get_extent()
    assert left < -4 < left + 1
    assert bottom < 4 < top
    assert [t.get_text() for t in panels[0].get_xticklabels()] == ["−2", "−1", "0", "1", "2"]


def test_differences_of_tiles_against_all_pairs_by_hand():
    tiles = np.random.default_rng(0).normal(size=(9, 9, 4))
    flat = tiles.reshape(81, 4)
    pairs = [np.abs(flat[i] - flat[j]).mean() for i in range(81) for j in range(i)]
    neighbours = [
        np.abs(tiles[i, j] - tiles[i + di, j + dj]).mean()
        for di, dj in ((0, 1), (1, 0))
        for i in range(9 - di)
        for j in range(9 - dj)
    ]
    np.testing.assert_allclose(grid.differences(tiles), (np.mean(neighbours), np.mean(pairs)))


def test_tsne_panels_hold_the_projections_and_their_numbers(usual_run):
    rows = tsne.table(usual_run)
    figure = tsne.draw(rows)
    assert len(figure.axes) == 6
    projections = usual_run.projections()
    names = [f"{name}-k{size:02d}-s0" for name in ("keras-blog", "elbo") for size in (2, 4, 8)]
    for axes, name in zip(figure.axes, names, strict=True):
        there = projections.loc[projections["member"] == name, ["x", "y"]].to_numpy()
        (scatter,) = scatters(axes)
        assert sorted(map(tuple, scatter.get_offsets())) == sorted(map(tuple, there))
    titles = [axes.get_title(loc="left") for axes in figure.axes[:3]]
    assert titles == ["size 2: the codes", "size 4", "size 8"]
    assert figure.axes[0].get_xlabel() == "not t-SNE"
    assert figure.axes[1].get_xlabel() == "kept 48 %, trust 0.98\nKL 1.25 nats"
    assert tsne.READING_NOTE in words_of(figure)
    assert "here 47 % to 48 %" in tsne.caption(rows)


def test_tsne_has_one_colour_and_no_names_without_labels(make_run, recipes):
    figure = tsne.draw(tsne.table(make_run(recipes["no labels"])))
    for axes in figure.axes:
        assert len(np.unique(scatters(axes)[0].get_facecolors(), axis=0)) == 1
        assert not axes.texts
    assert not figure.legends


def test_at_most_ten_sizes_are_shown_and_the_caption_says_so(make_run, recipes):
    run = make_run(recipes["30 sizes"])
    for drawing in (tsne, reconstructions):
        rows = drawing.table(run)
        sizes = sorted(set(rows["latent_size"]) - {0})
        assert (len(sizes), sizes[0], sizes[-1]) == (10, 1, 30)
        assert "10 of the run's 30 sizes are shown." in drawing.caption(rows)


def test_curves_are_the_histories(usual_run):
    panels = curves.draw(curves.table(usual_run)).axes
    assert [len(axes.lines) for axes in panels] == [3, 3]
    history = usual_run.history("elbo-k08-s0")
    np.testing.assert_array_equal(panels[1].lines[2].get_ydata(), history["loss"])
    assert {text.get_text() for text in panels[1].texts} == {"size 2", "size 4", "size 8"}


def test_a_failed_member_is_a_dotted_line_with_a_cross(make_run, recipes):
    rows = curves.table(make_run(recipes["a failed member"]))
    lines = curves.draw(rows).axes[1].lines
    assert [line.get_linestyle() for line in lines] == ["-", "-", ":", "None"]
    assert lines[-1].get_marker() == "X"
    assert "A cross ends the line of what failed: elbo-k02-s0 (epoch 2)." in curves.caption(rows)


def test_failed_members_are_left_out_with_a_word(run_of, undrawn):
    run = run_of("a failed member")
    pictures = {picture.name: picture for picture in write_pictures(run)}
    assert "elbo" not in set(plane.table(run)["objective"])
    assert pictures["plane"].caption.endswith("training failed: elbo-k02-s0 (epoch 2).")


def test_hostile_names_are_drawn_as_they_are_written(make_run, recipes):
    figure = plane.draw(plane.table(make_run(recipes["hostile names"])))
    assert "$x_1$ 100%" in words_of(figure)
    assert not any(text.get_parse_math() for axes in figure.axes for text in axes.texts)


def test_many_classes_are_said_to_be_too_many(make_run, recipes):
    assert "30 classes are too many" in plane.caption(
        plane.table(make_run(recipes["colours, many classes"]))
    )


def test_figures_are_drawn_again_only_when_their_numbers_change(reported, tmp_path):
    run = RunFolder(shutil.copytree(reported.path, tmp_path / "run"))
    times = {path: path.stat().st_mtime_ns for path in run.figures_path.glob("*.*")}
    assert set(write_figures(run)) == set(times)
    results = run.results()
    results["neg_elbo"] += 1
    run.write_results(results)
    changed = {path.stem for path in write_figures(run) if path.stat().st_mtime_ns > times[path]}
    assert changed == {"headline", "terms"}


def test_style_leaves_no_setting_behind(run_of):
    run = run_of("one member")
    with matplotlib.rc_context({"font.size": 3.25}):  # what earlier tests can't have left behind
        before = dict(matplotlib.rcParams)
        for figure in FIGURES:
            drawn = figure.drawing.draw(figure.drawing.table(run))
            assert dict(matplotlib.rcParams) == before
        style.saved(drawn, "svg", "")
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("name", "drawing"),
    [("counts", reconstructions), ("colours, many classes", reconstructions), ("no labels", plane)],
    ids=["counts", "colours", "no labels"],
)
def test_odd_pictures_can_be_saved(run_of, name, drawing):
    drawn = drawing.draw(drawing.table(run_of(name)))
    assert style.saved(drawn, "png", "").startswith(b"\x89PNG")


@pytest.mark.parametrize("gap", [0.05, 0.1])
def test_spread_places_keep_their_order_and_distance(gap):
    places = np.random.default_rng(1).uniform(0, 1, 8)
    placed = style.spread(places, gap)
    order = np.argsort(places)
    assert np.all(np.diff(placed[order]) >= gap - 1e-12)
    assert placed.min() >= 0
    assert placed.max() <= 1 + 1e-12


def test_spread_leaves_places_that_have_room():
    np.testing.assert_allclose(style.spread([0.1, 0.9, 0.5], 0.1), [0.1, 0.9, 0.5])


def test_names_push_each_other_apart():
    x, y, widths = np.zeros(3), np.zeros(3), np.full(3, 0.2)
    placed = np.sort(points.pushed_apart(x, y, widths, 0.1))
    np.testing.assert_allclose(np.diff(placed), 0.1, atol=2e-3)


def test_class_medians():
    cloud = pd.DataFrame(
        {"x": [0.0, 1, 5], "y": [0.0, 3, 9], "label": [1, 1, 0], "name": list("bba")}
    )
    medians = points.class_medians(cloud, "name")
    assert medians.to_numpy().tolist() == [["a", 5.0, 9.0], ["b", 0.5, 1.5]]
