"""Text files as programs write them: names of rows, commas in numbers, lines before the names."""

import numpy as np
import pandas as pd
import pytest

from latentsweep.data import catalogue
from latentsweep.data.sources.in_memory import saved
from latentsweep.errors import DataError
from latentsweep.study import Study

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(60, 2)) @ RNG.normal(size=(2, 4)) + 0.1 * RNG.normal(size=(60, 4))).round(3)
NAMES = ["len", "wid", "hei", "mas"]
FRAME = pd.DataFrame(X, columns=NAMES)


def load(path, **fields):
    return catalogue.load_dataset(Study(name="test", data=str(path), **fields))


def message(path, **fields):
    with pytest.raises(DataError) as caught:
        load(path, **fields)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(folder, *lines, name="my.csv"):
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def is_whole(data):
    assert data.columns == tuple(NAMES)
    np.testing.assert_allclose(data.values, X, rtol=1e-6)
    return True


ROWS = [",".join(map(str, row)) for row in X]


# ---- names of rows --------------------------------------------------------------------------


def test_rows_numbered_by_r_have_their_own_values(tmp_path):
    numbered = [f'"{i}",{row}' for i, row in enumerate(ROWS, 1)]
    for header in (",".join(f'"{name}"' for name in NAMES), '"",' + ",".join(NAMES)):
        data = load(written(tmp_path, header, *numbered))
        assert is_whole(data)
        assert data.notes == ("column without a name left out: it only counts the rows",)
        assert data.ids is None


def test_rows_named_by_r_are_known_by_their_names(tmp_path):
    names = [f"Merc {i} D" for i in range(60)]
    rows = [f'"{name}",{row}' for name, row in zip(names, ROWS, strict=True)]
    data = load(written(tmp_path, ",".join(NAMES), *rows))
    assert is_whole(data)
    assert list(data.ids) == names
    assert data.notes == ("column without a name taken for the names of the rows, no feature",)


def test_a_filtered_frame_keeps_the_numbers_of_its_rows(tmp_path):
    FRAME[FRAME["len"] > 0].to_csv(tmp_path / "my.csv")
    data = load(tmp_path / "my.csv")
    assert data.columns == tuple(NAMES)
    assert list(data.ids) == [str(i) for i in FRAME.index[FRAME["len"] > 0]]


@pytest.mark.parametrize("index", [pd.Index(7 * np.arange(60), name="patient"), list("ab") * 30])
def test_an_index_names_the_rows_in_every_file_and_from_python(tmp_path, index):
    frame = FRAME.set_axis(index, axis=0)
    frame.to_parquet(tmp_path / "my.parquet")
    for path in (tmp_path / "my.parquet", saved(frame, None, tmp_path, "own")["data"]):
        data = load(path)
        assert is_whole(data)
        assert list(data.ids) == [str(name) for name in frame.index]


def test_an_index_can_have_a_part(tmp_path):
    frame = FRAME.set_axis(pd.Index(list("abc") * 20, name="kind"), axis=0)
    frame.to_parquet(tmp_path / "my.parquet")
    data = load(tmp_path / "my.parquet", label="kind")
    assert (data.label_names, data.ids) == (("a", "b", "c"), None)
    data = load(tmp_path / "my.parquet", id="kind")
    assert list(data.ids) == list(frame.index)


def test_a_separator_at_the_end_of_each_line_makes_no_column(tmp_path):
    rows = [f"{row}," for row in ROWS]
    assert is_whole(load(written(tmp_path, ",".join(NAMES), *rows)))
    assert is_whole(load(written(tmp_path, ",".join(NAMES) + ",", *rows)))


# ---- text stays text ------------------------------------------------------------------------


def test_what_looks_like_a_number_stays_text_where_it_is_a_name(tmp_path):
    zips, wells = [f"{71 * i:05d}" for i in range(60)], [f"{i // 10}E{i % 10}" for i in range(60)]
    sites = ["01", "1", "001", "2", "02"] * 12
    FRAME.assign(zip=zips, well=wells, site=sites).to_csv(tmp_path / "my.csv", index=False)
    data = load(tmp_path / "my.csv", id="zip", label="site", drop=("well",))
    assert list(data.ids) == zips
    assert set(data.label_names) == set(sites)
    assert list(load(tmp_path / "my.csv", id="well", drop=("zip", "site")).ids) == wells
    split = load(tmp_path / "my.csv", split_by="site", drop=("zip", "well"))
    assert len(np.unique(split.groups)) == 5


def test_a_class_called_na_is_a_class_and_an_empty_one_is_missing(tmp_path):
    regions = np.array(["EU", "NA", "AS"])[RNG.integers(0, 3, 60)]
    FRAME.assign(region=regions).to_csv(tmp_path / "my.csv", index=False)
    assert load(tmp_path / "my.csv", label="region").label_names == ("AS", "EU", "NA")
    regions[7] = ""
    FRAME.assign(region=regions).to_csv(tmp_path / "my.csv", index=False)
    assert "1 row of" in message(tmp_path / "my.csv", label="region")


@pytest.mark.parametrize("of_frame", [True, False])
def test_labels_that_are_missing_in_python_are_no_class(tmp_path, of_frame):
    kinds = pd.Categorical(np.where(np.arange(60) % 10 == 0, None, ["B cell", "T cell"] * 30))
    fields = saved(FRAME if of_frame else X, kinds, tmp_path, "own")
    assert "6 " in (text := message(fields["data"], label=fields.get("label", "")))
    assert text.endswith("--missing drop leaves them out")
    data = load(fields["data"], label=fields.get("label", ""), missing="drop")
    assert data.label_names == ("B cell", "T cell")
    assert len(data.values) == 54
    np.testing.assert_array_equal(data.rows, np.flatnonzero(np.arange(60) % 10))


# ---- commas in numbers ----------------------------------------------------------------------

PEOPLE = np.exp(7 + RNG.normal(size=60)).astype(int)
RATES = (12.5 + RNG.normal(size=60)).round(2)


def test_commas_of_thousands_part_no_decimals(tmp_path):
    rows = [f"{people:,}\t{rate}" for people, rate in zip(PEOPLE, RATES, strict=True)]
    data = load(written(tmp_path, "people\trate", *rows, name="towns.tsv"))
    np.testing.assert_allclose(data.values, np.column_stack([PEOPLE, RATES]), rtol=1e-6)
    millions = [f'"{1000 * people:,}"' for people in PEOPLE]
    data = load(written(tmp_path, "people", *millions))
    np.testing.assert_array_equal(data.values[:, 0], 1000 * PEOPLE)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_commas_of_decimals_are_decimals(tmp_path, separator):
    rows = [separator.join(str(v).replace(".", ",") for v in row) for row in X]
    assert is_whole(load(written(tmp_path, separator.join(NAMES), *rows)))


def test_a_single_column_may_have_decimal_commas(tmp_path):
    rows = [str(rate).replace(".", ",") for rate in RATES]
    data = load(written(tmp_path, "rate", *rows))
    np.testing.assert_allclose(data.values[:, 0], RATES, rtol=1e-6)


def test_points_of_thousands_stand_beside_decimal_commas(tmp_path):
    rows = [f"{people:,}".replace(",", ".") + f",5;{i},25" for i, people in enumerate(PEOPLE)]
    data = load(written(tmp_path, "people;other", *rows))
    np.testing.assert_allclose(data.values[:, 0], PEOPLE + 0.5)


def test_commas_that_may_be_either_are_refused_with_both(tmp_path):
    rows = [f"{1000 + i:,}\t{i}" for i in range(60)]
    path = written(tmp_path, "people\tplace", *rows, name="towns.tsv")
    assert message(path) == (
        f"data: '1,000' in column 'people' of '{path}' may be 1000 or 1.000; write its numbers "
        "without commas"
    )
    rows = [f"{rate}\t{i},5" for i, rate in enumerate(RATES)]
    path = written(tmp_path, "rate\tplace", *rows, name="towns.tsv")
    assert message(path).startswith(
        "data: numbers with commas or with points for decimals are needed, got '0,5' in column "
        "'place' and "
    )


# ---- the lines before the names -------------------------------------------------------------


def test_comments_and_declarations_before_the_names_are_skipped(tmp_path):
    assert is_whole(load(written(tmp_path, "# by a logger", "# in cm", ",".join(NAMES), *ROWS)))
    rows = [row.replace(",", ";") for row in ROWS]
    assert is_whole(load(written(tmp_path, "sep=;", ";".join(NAMES), *rows)))
    assert is_whole(load(written(tmp_path, "# by a logger", "#" + ",".join(NAMES), *ROWS)))


def test_separators_in_quotes_separate_nothing(tmp_path):
    names = ["height, cm", "weight, kg", "age, y", "mass, g"]
    rows = [row.replace(",", ";") for row in ROWS]
    quoted = ";".join(f'"{name}"' for name in names)
    assert load(written(tmp_path, quoted, *rows)).columns == tuple(names)
    assert load(written(tmp_path, ";".join(names), *rows)).columns == tuple(names)


def test_numbers_far_from_those_below_are_names(tmp_path):
    data = load(written(tmp_path, "400,410,420,430", *ROWS))
    assert data.columns == ("400", "410", "420", "430")
    path = written(tmp_path, *ROWS)
    assert message(path).startswith(f"data: the first line of '{path}' must name the columns")


# ---- times ----------------------------------------------------------------------------------

TIMES = pd.date_range("2024-01-01", periods=60, freq="13h")


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%m/%d/%Y %H:%M"),
        *("%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%m/%d/%Y %I:%M %p"),
        *(
            "%d %b %Y %H:%M",
            "%b %d, %Y %H:%M",
            "%m/%d/%y %H:%M",
            "%Y%m%dT%H%M%S",
            "%d%b%Y:%H:%M:%S",
        ),
        *("%m/%d/%Y, %H:%M", "%d.%m.%Y %H.%M", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S,000"),
    ],
)
def test_times_are_times_in_any_common_form(tmp_path, form):
    FRAME.assign(when=TIMES.strftime(form)).to_csv(tmp_path / "my.csv", index=False)
    data = load(tmp_path / "my.csv", split_by="when")
    np.testing.assert_array_equal(data.groups, np.arange(60) // 3)


@pytest.mark.parametrize("times", [TIMES, TIMES.normalize(), TIMES.tz_localize("UTC")])
def test_equal_times_are_split_equally_in_every_file(tmp_path, times):
    frame = FRAME.assign(when=times)
    frame.to_parquet(tmp_path / "my.parquet")
    frame.to_csv(tmp_path / "my.csv", index=False)
    one, other = (load(tmp_path / f"my.{end}", split_by="when") for end in ("csv", "parquet"))
    np.testing.assert_array_equal(one.groups, other.groups)
    np.testing.assert_array_equal(one.splits["test"], other.splits["test"])
    assert len(np.unique(one.groups)) > 15


def test_days_and_months_that_may_change_places_are_refused_with_both(tmp_path):
    days = pd.date_range("2024-01-01", periods=60, freq="h").strftime("%m/%d/%Y")
    FRAME.assign(when=days).to_csv(tmp_path / "my.csv", index=False)
    assert message(tmp_path / "my.csv", split_by="when") == (
        "split_by: times that can be read in one way are needed, got '01/02/2024' in 'when', which "
        "may be 2024-01-02 or 2024-02-01; write them as 2024-01-31"
    )


def test_midnights_without_hours_are_times_too(tmp_path):
    times = pd.Series(pd.date_range("2024-01-20", periods=60, freq="6h"))
    texts = times.dt.strftime("%d.%m.%Y %H:%M").str.replace(" 00:00", "")
    FRAME.assign(when=texts).to_csv(tmp_path / "my.csv", index=False)
    np.testing.assert_array_equal(
        load(tmp_path / "my.csv", split_by="when").groups, np.arange(60) // 3
    )


def test_times_in_no_known_form_are_refused(tmp_path):
    times = TIMES.strftime("%Y.%j.13:59 at 2024-02-30 %H/%M")
    FRAME.assign(when=times).to_csv(tmp_path / "my.csv", index=False)
    assert message(tmp_path / "my.csv", split_by="when").startswith(
        "split_by: times in a common form, or groups, are needed, got '2024.001.13:59 at"
    )


def test_one_time_everywhere_is_refused(tmp_path):
    FRAME.assign(when="2024-01-31").to_csv(tmp_path / "my.csv", index=False)
    assert message(tmp_path / "my.csv", split_by="when").startswith(
        "split_by: a column of two groups or more is needed, got '2024-01-31' everywhere"
    )


def test_numbers_in_any_writing_are_in_order(tmp_path):
    for numbers in (np.arange(60) * 1e-6, np.arange(60) * 1e12 + 1e16):
        frame = FRAME.assign(t=numbers)
        frame.to_csv(tmp_path / "t.csv", index=False)
        frame.to_parquet(tmp_path / "t.parquet")
        for end in ("csv", "parquet"):
            found = load(tmp_path / f"t.{end}", split_by="t")
            np.testing.assert_array_equal(found.groups, np.arange(60) // 3)
    FRAME.assign(t=[f"{i:04d}" for i in range(60)]).to_csv(tmp_path / "t.csv", index=False)
    np.testing.assert_array_equal(load(tmp_path / "t.csv", split_by="t").groups, np.arange(60) // 3)


# ---- what was found by trying to break it ---------------------------------------------------


def test_a_name_in_several_lines_takes_no_row(tmp_path):
    lines = ",".join(['"len\n(cm)"', *NAMES[1:]])
    data = load(written(tmp_path, lines, *ROWS))
    np.testing.assert_allclose(data.values, X, rtol=1e-6)
    assert data.columns[0] == "len\n(cm)"


def test_names_that_begin_with_a_comment_s_sign_are_names_beside_text_too(tmp_path):
    rows = [f"OTU{i},{row}" for i, row in enumerate(ROWS)]
    path = written(tmp_path, "# made from a biom file", "#OTU ID," + ",".join(NAMES), *rows)
    data = load(path, id="OTU ID")
    assert is_whole(data)
    assert list(data.ids[:2]) == ["OTU0", "OTU1"]


def test_a_first_row_in_the_place_of_names_is_refused(tmp_path):
    rows = [f"{row},{'uv'[i % 2]}" for i, row in enumerate(ROWS)]
    path = written(tmp_path, *rows)
    assert message(path, drop=("u",)).startswith(
        f"data: the first line of '{path}' must name the columns, got numbers ("
    )
    years = [f"{i % 7},{1000 + 37 * i},{2000 + i}" for i in range(60)]
    assert load(written(tmp_path, "country,2020,2021", *years)).columns[1:] == ("2020", "2021")


def test_row_numbers_that_were_saved_again_and_again_are_no_feature(tmp_path):
    FRAME.to_csv(tmp_path / "my.csv")
    pd.read_csv(tmp_path / "my.csv").to_csv(tmp_path / "my.csv")
    assert is_whole(load(tmp_path / "my.csv"))
    FRAME.rename_axis("id").to_csv(tmp_path / "my.csv")
    data = load(tmp_path / "my.csv")
    assert is_whole(data)
    assert data.notes == ("column id left out: it only counts the rows",)
    pd.concat({"k": FRAME[:30], "l": FRAME[30:]}).to_csv(tmp_path / "my.csv")
    data = load(tmp_path / "my.csv")
    assert is_whole(data)
    assert (data.ids[31], data.rows) == ("l", None)
    pd.concat({"k": FRAME[:30], "l": FRAME[30:]}).to_parquet(tmp_path / "my.parquet")
    assert is_whole(load(tmp_path / "my.parquet"))


def test_columns_that_are_left_out_have_no_part_in_reading_the_others(tmp_path):
    rows = [f"{row};1,{100 + i}" for i, row in enumerate(RATES)]
    data = load(written(tmp_path, "rate;note", *rows), drop=("note",))
    np.testing.assert_allclose(data.values[:, 0], RATES, rtol=1e-6)


def test_a_table_that_r_wrote_with_spaces_is_read(tmp_path):
    rows = [f'"{i}" ' + row.replace(",", " ") for i, row in enumerate(ROWS, 1)]
    header = " ".join(f'"{name}"' for name in NAMES)
    assert is_whole(load(written(tmp_path, header, *rows, name="my.csv")))


def test_names_that_stand_twice_are_told_apart(tmp_path):
    data = load(written(tmp_path, "a,a.1,a,a", *ROWS))
    assert len(set(data.columns)) == 4


def test_a_row_without_a_name_has_an_empty_one(tmp_path):
    names = ["" if i == 3 else f"n{i}" for i in range(60)]
    FRAME.assign(name=names).to_csv(tmp_path / "my.csv", index=False)
    assert list(load(tmp_path / "my.csv", id="name").ids) == names


def test_text_in_another_encoding_is_named(tmp_path):
    for encoding in ("utf-16", "utf-16-le", "latin-1"):
        content = "\n".join(["längs," + ",".join(NAMES[1:]), *ROWS])
        (tmp_path / "my.csv").write_bytes(content.encode(encoding))
        assert message(tmp_path / "my.csv").endswith("is not a UTF-8 text file; save it as UTF-8")


def test_whole_labels_have_one_writing(tmp_path):
    kinds = pd.Series(np.arange(60) % 3, dtype=float)
    FRAME.assign(kind=kinds).to_csv(tmp_path / "my.csv", index=False)
    FRAME.assign(kind=kinds).to_parquet(tmp_path / "my.parquet")
    for end in ("csv", "parquet"):
        assert load(tmp_path / f"my.{end}", label="kind").label_names == ("0", "1", "2")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, ""])
def test_lists_of_labels_with_gaps_have_no_class_of_gaps(tmp_path, missing):
    kinds = [missing if i % 10 == 0 else "ab"[i % 2] for i in range(60)]
    fields = saved(X, kinds, tmp_path, "own")
    assert load(fields["data"], missing="drop").label_names == ("a", "b")
    masked = np.ma.masked_array(np.arange(60) % 2, np.arange(60) % 10 == 0)
    assert len(load(saved(X, masked, tmp_path, "own")["data"], missing="drop").values) == 54


def test_points_of_thousands_are_no_decimals_where_commas_are(tmp_path):
    places = [f"{people:,}".replace(",", ".") for people in 37 * np.arange(1, 61)]
    rows = [f"{i},5;{place}" for i, place in enumerate(places)]
    data = load(written(tmp_path, "preis;menge", *rows))
    np.testing.assert_array_equal(data.values[:, 1], 37 * np.arange(1, 61))
    path = written(tmp_path, "city;menge", *[f"{i % 7};{place}" for i, place in enumerate(places)])
    assert message(path) == (
        f"data: '1.036' in column 'menge' of '{path}' may be 1036 or 1.036; write its numbers "
        "without points for thousands"
    )
    rows = [f"{i % 7};{rate:.3f}" for i, rate in enumerate(RATES)]
    np.testing.assert_allclose(load(written(tmp_path, "a;b", *rows)).values[:, 1], RATES, rtol=1e-6)


def test_an_empty_text_is_a_missing_label_in_every_file(tmp_path):
    kinds = ["" if i == 7 else "ab"[i % 2] for i in range(60)]
    FRAME.assign(kind=kinds).to_parquet(tmp_path / "my.parquet")
    FRAME.assign(kind=kinds).to_csv(tmp_path / "my.csv", index=False)
    for end in ("csv", "parquet"):
        assert "1 row of" in message(tmp_path / f"my.{end}", label="kind")


def test_a_space_before_a_quote_is_no_part_of_a_text(tmp_path):
    rows = [f'{row}, "{"u, v"[:: 1 - 2 * (i % 2)]}"' for i, row in enumerate(ROWS)]
    path = written(tmp_path, ", ".join([*NAMES, '"kind, of"']), *rows)
    assert load(path, label="kind, of").label_names == ("u, v", "v ,u")


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        ("Int64", [1, 2]),
        ("string", ["u", "v"]),
        ("boolean", [False, True]),
        ("category", ["a", "b"]),
    ],
)
def test_columns_of_pandas_own_types_may_have_gaps(tmp_path, kind, classes):
    values = [None if i % 10 == 0 else classes[i % 2] for i in range(60)]
    FRAME.assign(kind=pd.Series(values, dtype=kind)).to_parquet(tmp_path / "my.parquet")
    assert "6 rows of" in message(tmp_path / "my.parquet", label="kind")
    data = load(tmp_path / "my.parquet", label="kind", missing="drop")
    assert (data.label_names, len(data.values)) == (tuple(map(str, classes)), 54)
    data = load(tmp_path / "my.parquet", split_by="kind", missing="drop")
    assert len(np.unique(data.groups)) == 2


def test_a_column_left_out_does_not_say_what_points_are(tmp_path):
    rows = [f"{rate:.3f};{i},5" for i, rate in enumerate(RATES)]
    data = load(written(tmp_path, "rate;note", *rows), drop=("note",))
    np.testing.assert_allclose(data.values[:, 0], RATES, rtol=1e-6)
