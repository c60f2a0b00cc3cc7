import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentsweep.answers.losses import (
    COLUMNS,
    LEAST_EXAMPLES,
    Losses,
    read_losses,
    table_losses,
    unbalanced,
)
from latentsweep.errors import DataError
from latentsweep.show.words.remarks import remark_sentences

SIZES, SEEDS, EXAMPLES = (2, 4, 8), (0, 1), 120


def sentences(remarks):
    return tuple(each for remark in remarks for each in remark_sentences(remark))


def values(sizes=SIZES, seeds=SEEDS, examples=EXAMPLES):
    """Losses [K, seeds, N], no two alike."""
    return np.random.default_rng(0).normal(size=(len(sizes), len(seeds), examples)) + 90


def table(losses=None, *, names=None, no_latent=(), sizes=SIZES, seeds=SEEDS):
    """A row a number, written out by loops; `no_latent` are losses [seeds, N] of size 0."""
    losses = values(sizes, seeds) if losses is None else losses
    names = range(losses.shape[2]) if names is None else names
    rows = [
        (size, seed, name, losses[i, j, n])
        for i, size in enumerate(sizes)
        for j, seed in enumerate(seeds)
        for n, name in enumerate(names)
    ]
    rows += [
        (0, j, n, x) for j, each in enumerate(no_latent) for n, x in zip(names, each, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def complaint(given_table):
    with pytest.raises(DataError) as caught:
        table_losses(given_table)
    return str(caught.value)


def same(one, other):
    np.testing.assert_array_equal(one.values, other.values)
    assert (one.sizes, one.seeds) == (other.sizes, other.seeds)
    if one.no_latent is None or other.no_latent is None:
        assert one.no_latent is other.no_latent
    else:
        np.testing.assert_array_equal(one.no_latent, other.no_latent)


def test_a_table_is_the_losses_it_was_written_from():
    read = table_losses(table())
    same(read.losses, Losses(SIZES, SEEDS, values()))
    assert read.remarks == ()
    assert read.losses.examples == EXAMPLES
    assert read.losses.present.all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_rows_columns_and_index_may_stand_in_any_order(seed):
    without = np.random.default_rng(seed).normal(size=(2, EXAMPLES))
    ordered = table(no_latent=without)
    shuffled = ordered.sample(frac=1, random_state=seed)[["loss", "seed", "example", "latent_size"]]
    same(table_losses(shuffled).losses, table_losses(ordered).losses)


@pytest.mark.parametrize(
    "names",
    [
        [f"image-{n:03}" for n in range(EXAMPLES)],
        list(range(1000, 1000 + EXAMPLES)),
        [n if n % 2 else f"b{n}" for n in range(EXAMPLES)],
        pd.Categorical([f"image-{n:03}" for n in range(EXAMPLES)]),
        pd.to_datetime(np.arange(EXAMPLES), unit="D"),
    ],
    ids=["text", "numbers", "mixed", "categories", "dates"],
)
def test_examples_have_any_names(names):
    """Each keeps its losses together, whatever order the names are sorted in."""
    expected, without = values(), np.arange(EXAMPLES)
    losses, notes = table_losses(table(names=names, no_latent=[without]))
    assert notes == ()
    np.testing.assert_array_equal(losses.values, expected[:, :, losses.no_latent.astype(int)])
    assert set(losses.no_latent) == set(without)


@pytest.mark.parametrize("name", ["latent_size", "seed", "example"])
def test_a_column_of_categories_is_read_as_what_they_are(name):
    many = values(examples=150)  # more than a category's byte counts
    for plain in (table(many), table(many, no_latent=many[:1, 0])):
        same(table_losses(plain.astype({name: "category"})).losses, table_losses(plain).losses)


def test_numbers_written_as_text_are_numbers():
    plain = table()
    text = plain.assign(latent_size=plain["latent_size"].astype(str), loss=plain["loss"].map(repr))
    same(table_losses(text).losses, table_losses(plain).losses)


def test_size_0_is_the_model_without_a_latent_the_mean_over_its_seeds():
    without = np.random.default_rng(1).normal(size=(3, EXAMPLES))
    losses, notes = table_losses(table(no_latent=without))
    assert losses.sizes == SIZES
    assert losses.seeds == SEEDS  # not its three
    assert notes == ()
    expected = (without[0] + without[1] + without[2]) / 3
    np.testing.assert_allclose(losses.no_latent, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["losses.parquet", "losses.csv", "LOSSES.CSV"])
def test_files_hold_what_was_written(name, tmp_path):
    written = table(names=[f"image {n}" for n in range(EXAMPLES)], no_latent=values()[0])
    path = tmp_path / name
    if name.endswith("parquet"):
        written.to_parquet(path)
    else:
        written.to_csv(path, index=False)
    read = read_losses(path)
    same(read.losses, table_losses(written).losses)
    assert read.remarks == ()


def test_another_kind_of_file_is_refused(tmp_path):
    path = tmp_path / "losses.xlsx"
    with pytest.raises(DataError) as caught:
        read_losses(path)
    assert str(caught.value) == (
        f"losses: a .parquet or .csv file is needed, got '{path}'; write the table with pandas' "
        "to_parquet or to_csv"
    )


@pytest.mark.parametrize("name", ["losses.parquet", "losses.csv"])
def test_a_file_that_cannot_be_read_is_refused_in_one_line(name, tmp_path):
    path = tmp_path / name
    start, end = f"losses: cannot read '{path}' (", "); check the file"
    for damage in (None, b"", b'"\xff\x00', b"PAR1 and no more"):
        if damage is not None:
            path.write_bytes(damage)
        if damage == b"PAR1 and no more" and name.endswith("csv"):
            continue  # a table of one column
        with pytest.raises(DataError) as caught:
            read_losses(path)
        assert str(caught.value).startswith(start)
        assert str(caught.value).endswith(end)
        assert "\n" not in str(caught.value)


def test_missing_columns_are_named():
    assert complaint(table()[["latent_size", "seed", "loss"]].assign(nll=1)) == (
        "losses: the columns latent_size, seed, example, loss are needed, example is missing "
        "among latent_size, seed, loss, nll; rename or add it"
    )
    assert "latent_size, seed is missing among example, loss;" in complaint(
        table()[["example", "loss"]]
    )


@pytest.mark.parametrize("column", ["latent_size", "seed"])
@pytest.mark.parametrize("bad", ["wide", "-1", "2.5", "", "nan", "inf"])
def test_sizes_and_seeds_are_whole_numbers_from_0_on(column, bad):
    wrong = table().astype({column: object})
    wrong.loc[7, column] = bad
    assert complaint(wrong) == (
        f"losses: {column} must be a whole number from 0 to 2,147,483,647, got '{bad}' in row 7; "
        "mend that row"
    )


def test_missing_numbers_of_any_kind_are_found():
    for missing, kind in [(None, object), (pd.NA, "Int64"), (np.nan, float)]:
        wrong = table().astype({"latent_size": kind})
        wrong.loc[3, "latent_size"] = missing
        assert re.search(r"got '(None|<NA>|nan)' in row 3; mend", complaint(wrong))


def test_text_is_no_loss():
    wrong = table().astype({"loss": object})
    wrong.loc[5, "loss"] = "1,5"
    assert complaint(wrong) == (
        "losses: loss must hold numbers, got '1,5' in row 5; write nats per example, higher being "
        "worse"
    )


@pytest.mark.parametrize("kind", [object, "Int64", "string"])
def test_an_example_without_a_name_is_not_dropped_in_silence(kind):
    wrong = table().astype({"example": kind})
    wrong.loc[[3, 123], "example"] = None
    assert complaint(wrong) == (
        "losses: example must name the held-out example of each row, got nothing in row 3; mend "
        "that row"
    )


def test_one_row_with_two_losses_has_no_meaning():
    wrong = table(names=[f"image {n}" for n in range(EXAMPLES)])
    again = wrong.iloc[[130]].assign(loss=1.0)
    assert complaint(pd.concat([wrong, again])) == (
        "losses: one loss for each latent_size, seed and example is needed, got several for 2, 1, "
        "image 10; give each training a seed of its own, or average the rows"
    )
    unknown = wrong.iloc[[130]].assign(loss=np.nan)
    assert "got several for 2, 1, image 10;" in complaint(pd.concat([unknown, wrong]))


def test_some_networks_are_needed():
    message = (
        "losses: a row with a latent_size of 1 or more is needed, got none with finite losses; add "
        "the networks' rows"
    )
    whole = table(no_latent=values()[0])
    assert complaint(whole[whole["latent_size"] == 0]) == message
    assert complaint(whole[:0]) == message
    assert complaint(whole.assign(loss=whole["loss"].where(whole["latent_size"] == 0))) == message


def test_too_few_shared_examples():
    few = LEAST_EXAMPLES - 1
    message = (
        "losses: at least 40 held-out examples that all networks share are needed, got {}; "
        "measure every network on the same, larger set"
    )
    assert complaint(table(values()[:, :, :few])) == message.format(few)
    cut = table()
    cut = cut[(cut["latent_size"] != 4) | (cut["example"] < few)]
    assert complaint(cut) == message.format(few)
    apart = table()
    apart["example"] += 1000 * apart["latent_size"]  # each network measured on its own
    assert complaint(apart) == message.format(0)
    assert table_losses(table(values()[:, :, :LEAST_EXAMPLES])).losses.examples == LEAST_EXAMPLES


def test_repeated_rows_are_left_out_and_said():
    whole = table()
    read = table_losses(pd.concat([whole, whole[5:17]]))
    same(read.losses, table_losses(whole).losses)
    assert sentences(read.remarks) == ("12 rows that repeat another were left out.",)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_network_with_a_loss_that_is_not_finite_is_left_out_and_said(bad):
    wrong, expected = table(), values()
    wrong.loc[
        (wrong["latent_size"] == 4) & (wrong["seed"] == 1) & (wrong["example"] == 9), "loss"
    ] = bad
    losses, notes = table_losses(wrong)
    expected[1, 1] = np.nan
    np.testing.assert_array_equal(losses.values, expected)
    np.testing.assert_array_equal(losses.present, [[True, True], [True, False], [True, True]])
    assert (
        sentences(notes)[0] == "Left out, since some of their losses are not finite: size 4 seed 1."
    )
    assert len(notes) == 2


def test_a_missing_loss_of_any_kind_is_not_finite():
    for kind in ("Float64", object):
        wrong = table().astype({"loss": kind})
        wrong.loc[0, "loss"] = None
        assert "not finite: size 2 seed 0." in sentences(table_losses(wrong).remarks)[0]


def test_a_model_without_a_latent_that_is_not_finite_is_left_out_and_said():
    without = values()[0]
    without[0, 3] = np.inf
    losses, notes = table_losses(table(no_latent=without))
    np.testing.assert_array_equal(losses.no_latent, without[1])
    assert sentences(notes) == (
        "Left out, since some of their losses are not finite: size 0 seed 0.",
    )


def test_examples_that_a_network_lacks_are_left_out_and_said():
    whole = table(no_latent=[np.arange(EXAMPLES)])
    lacking = whole.drop(whole.index[(whole["latent_size"] == 4) & (whole["example"] < 7)])
    lacking = lacking.drop(
        lacking.index[(lacking["latent_size"] == 0) & (lacking["example"] == 50)]
    )
    losses, notes = table_losses(lacking)
    kept = np.delete(np.arange(7, EXAMPLES), 50 - 7)
    np.testing.assert_array_equal(losses.values, values()[:, :, kept])
    np.testing.assert_array_equal(losses.no_latent, kept)
    assert sentences(notes) == (
        "8 of 120 examples were left out, since not every network was measured on them.",
    )


def test_a_network_left_out_costs_no_examples():
    wrong = table()
    failed = (wrong["latent_size"] == 4) & (wrong["seed"] == 1)
    wrong.loc[failed & (wrong["example"] == 0), "loss"] = np.nan
    losses, _ = table_losses(wrong[~failed | (wrong["example"] < 9)])
    assert losses.examples == EXAMPLES


def test_seeds_that_some_sizes_lack_are_said():
    whole = table(seeds=(0, 1, 5))
    lacking = whole[(whole["latent_size"] != 8) | (whole["seed"] == 5)]
    losses, notes = table_losses(lacking)
    assert losses.seeds == (0, 1, 5)
    assert sentences(notes) == (
        "Not every size has each of the 3 seeds (2: 3, 4: 3, 8: 1); what a seed adds everywhere is "
        "taken out by least squares.",
    )


@pytest.mark.parametrize("seeds", [(5,), (0, 5)])
def test_that_is_said_in_any_language(shouted, seeds):
    """A note that goes into a run folder; the others stay with the table they are of."""
    whole = table(seeds=(0, 1, 5))
    losses = table_losses(whole[(whole["latent_size"] != 8) | whole["seed"].isin(seeds)]).losses
    (note,) = sentences(unbalanced(losses))
    with shouted():
        assert sentences(unbalanced(losses)) == (note.upper(),)


def test_seeds_that_no_sizes_share_are_said():
    """As many each, but none in common: nothing can be taken out."""
    whole = table(seeds=(0, 1, 2, 3, 4, 5))
    own = whole[whole["seed"] // 2 == whole["latent_size"].map({2: 0, 4: 1, 8: 2})]
    assert sentences(table_losses(own).remarks) == (
        "Not every size has each of the 6 seeds (2: 2, 4: 2, 8: 2); what a seed adds everywhere "
        "stays in: they share too few.",
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_rows_used_and_rows_said_to_be_left_out_are_the_rows_given(seed):
    """By sets, from the sentences: repeats, networks and examples that are said, and no more."""
    rng = np.random.default_rng(seed)
    once = table(no_latent=values()[0]).sample(frac=1 - rng.uniform(0, 0.005), random_state=seed)
    bad = rng.choice(len(once), rng.integers(0, 3), replace=False)
    once["loss"] = once["loss"].mask(np.isin(np.arange(len(once)), bad))
    losses, notes = table_losses(pd.concat([once, once.sample(rng.integers(0, 4))]))
    words = " ".join(sentences(notes))

    left_out = {(int(k), int(s)) for k, s in re.findall(r"size (\d+) seed (\d+)", words)}
    networks = dict(list(once.groupby(["latent_size", "seed"])["example"]))
    kept = [set(names) for network, names in networks.items() if network not in left_out]
    shared = set.intersection(*kept)
    unshared = re.search(r"(\d+) of (\d+) examples", words)
    assert losses.examples == len(shared)
    assert (int(unshared[1]) if unshared else 0) == len(set.union(*kept)) - len(shared)
    with_latent = [network for network in networks if network[0] and network not in left_out]
    assert losses.present.sum() == len(with_latent)
    assert (losses.no_latent is None) == ({(0, 0), (0, 1)} <= left_out)
    assert bad.size or not left_out


def test_the_number_of_repeats_is_that_of_the_rows_beyond_the_first():
    whole = table()
    read = table_losses(pd.concat([whole, whole[:1000], whole[:500]]))
    assert sentences(read.remarks) == (
        f"{len(whole) + 500:,} rows that repeat another were left out.",
    )


def test_chosen_sizes_keep_their_losses():
    losses = Losses(SIZES, SEEDS, values(), np.arange(EXAMPLES))
    chosen = losses.of_sizes(np.array([True, False, True]))
    same(chosen, Losses((2, 8), SEEDS, values()[[0, 2]], np.arange(EXAMPLES)))


def test_sizes_out_of_order_are_our_own_mistake():
    with pytest.raises(AssertionError):
        Losses((4, 2, 8), SEEDS, values())
    with pytest.raises(AssertionError):
        Losses((2, 4), SEEDS, values())
