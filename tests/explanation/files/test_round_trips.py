"""What is saved comes back: containers, dtypes, categories, labels and every value."""

import datetime
import json
import zipfile
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from attributions import bare_attribution, make_attribution
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from polars.testing import assert_frame_equal as assert_polars_equal

from surrogates.exceptions import FileFormatError
from surrogates.explanation import Attribution, load

FAST = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(max_size=8)
FLOATS = st.floats(width=64)
STAMPS = st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))
PERIODS = st.integers(-99, 99).map(lambda n: pd.Period("2024-01", "M") + n)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "+05:30"])


def again(result, tmp_path):
    return load(result.save(tmp_path / "e.npz"))


def rows(data, index=None):
    """Make an attribution whose rows are `data`."""
    n_rows = data.shape[0]
    fields = {"feature_names": ["all"], "index": index}
    return bare_attribution(np.ones((n_rows, 1, 1)), data=data, **fields)


# pandas


def or_missing(values, missing=None):
    return values | st.just(missing)


PANDAS = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint8": st.integers(0, 255),
    "float64": FLOATS,
    "float32": st.floats(width=32),
    "bool": st.booleans(),
    "object": st.one_of(
        st.none(), FLOATS, TEXT, st.booleans(), st.integers(), st.dates(), st.just(pd.NA),
        st.just(pd.NaT), st.decimals(allow_nan=False), st.binary(max_size=3), st.times(),
        st.timedeltas(), st.datetimes(timezones=st.none() | st.just(datetime.UTC)),
        STAMPS.map(pd.Timestamp), st.just(np.float32(0.1)), st.just(np.int8(3)),
        st.just(np.bool_(True)), st.just(np.datetime64("2024-02-29", "D")),
        st.just(pd.Interval(0, 1.5, "left")), st.just(pd.Period("2024-02", "M")),
        st.just(pd.Timestamp("2024-03-31 02:30", tz="Europe/London")), st.just(pd.Timedelta("2h")),
    ),
    "str": or_missing(TEXT),
    "string[python]": or_missing(TEXT, pd.NA),
    "datetime64[ns]": or_missing(STAMPS),
    "datetime64[s]": or_missing(STAMPS.map(lambda stamp: stamp.replace(microsecond=0))),
    "timedelta64[us]": or_missing(st.timedeltas(datetime.timedelta(-999), datetime.timedelta(999))),
    "Int64": or_missing(st.integers(-(2**63), 2**63 - 1), pd.NA),
    "UInt8": or_missing(st.integers(0, 255), pd.NA),
    "Float32": or_missing(st.floats(width=32, allow_nan=False), pd.NA),
    "boolean": or_missing(st.booleans(), pd.NA),
    "period[M]": or_missing(PERIODS, pd.NaT),
    "interval[int64, right]": st.integers(-9, 9).map(lambda n: pd.Interval(n, n + 1)),
    "Sparse[float64, nan]": FLOATS,
}  # fmt: skip


@st.composite
def pandas_columns(draw, n_rows, kind=None):
    kind = kind or draw(st.sampled_from([*PANDAS, "category", "zoned"]))
    if kind == "category":
        return draw(categories(n_rows))
    if kind == "zoned":
        stamps = draw(st.lists(or_missing(STAMPS), min_size=n_rows, max_size=n_rows))
        utc = pd.Series(stamps, dtype="datetime64[us]").dt.tz_localize("UTC")
        return utc.dt.tz_convert(draw(ZONES))
    values = draw(st.lists(PANDAS[kind], min_size=n_rows, max_size=n_rows))
    if kind.startswith("interval"):
        return pd.Series(pd.array(values, dtype=kind))
    return pd.Series(values, dtype=kind)


@st.composite
def categories(draw, n_rows):
    levels = draw(
        st.lists(TEXT, min_size=1, max_size=5, unique=True)
        | st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True)
        | st.just([pd.Interval(0, 1), pd.Interval(1, 2)])
        | st.just([True, False])
    )  # more than the rows use
    codes = draw(st.lists(st.integers(-1, len(levels) - 1), min_size=n_rows, max_size=n_rows))
    made = pd.Categorical.from_codes(codes, pd.Index(levels), ordered=draw(st.booleans()))
    return pd.Series(made)


@st.composite
def indexes(draw, n_rows):
    kind = draw(st.sampled_from(["range", "int", "str", "object", "dates", "level", "multi"]))
    name = draw(st.none() | TEXT | st.integers(-3, 3))
    if kind == "range":
        return pd.RangeIndex(5, 5 - 2 * n_rows, -2, name=name)
    if kind == "dates":
        return pd.date_range(
            "2024-01-31", periods=n_rows, freq="ME", tz=draw(st.none() | ZONES), name=name
        )
    if kind == "multi":
        first, second = (draw(pandas_columns(n_rows, kind)) for kind in ("str", "int64"))
        return pd.MultiIndex.from_arrays([first, second], names=[name, None])
    if kind == "level":
        return pd.CategoricalIndex(draw(categories(n_rows)), name=name)
    elements = {"int": PANDAS["int64"], "str": TEXT, "object": PANDAS["object"]}[kind]
    values = draw(st.lists(elements, min_size=n_rows, max_size=n_rows))
    return pd.Index(values, name=name, dtype={"str": "str", "int": "int64"}.get(kind, object))


@st.composite
def pandas_frames(draw):
    n_rows = draw(st.integers(0, 5))
    columns = draw(st.lists(pandas_columns(n_rows), min_size=1, max_size=4))
    names = draw(st.lists(TEXT | st.integers(-9, 9), min_size=len(columns), max_size=len(columns)))
    frame = pd.concat(columns, axis="columns", ignore_index=True)
    frame.columns = (
        pd.Index(names, dtype=object) if len(set(map(type, names))) > 1 else pd.Index(names)
    )
    frame.index = draw(indexes(n_rows))
    return frame


def same_cells(one, other):
    """Tell whether two objects have the same type and value."""
    if type(one) is not type(other):
        return False
    return one is other or one == other or (one != one and other != other)


def assert_same_frame(found, expected):
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_freq=True)
    for position, dtype in enumerate(expected.dtypes):
        assert found.dtypes.iloc[position] == dtype
        if dtype.kind == "O":
            assert all(map(same_cells, found.iloc[:, position], expected.iloc[:, position]))


@FAST
@given(pandas_frames())
def test_pandas(tmp_path, frame):
    found = again(rows(frame), tmp_path)
    assert_same_frame(found.data, frame)
    pd.testing.assert_index_equal(found.index, frame.index, exact=True)
    assert type(found.index) is type(frame.index)


@pytest.mark.parametrize("kind", [*PANDAS, "category", "zoned"])
@settings(FAST, max_examples=8)
@given(st.data())
def test_every_kind_of_column(tmp_path, kind, data):
    frame = data.draw(pandas_columns(3, kind)).to_frame("column")
    assert_same_frame(again(rows(frame), tmp_path).data, frame)


@FAST
@given(st.integers(0, 4).flatmap(indexes))
def test_index_of_the_caller(tmp_path, index):
    found = again(rows(np.zeros((len(index), 1)), index), tmp_path).index
    pd.testing.assert_index_equal(found, index, exact=True)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("double", [0.1, None]),
        ("string", ["a", None]),
        ("timestamp[ns]", [pd.Timestamp("2024-02-29"), None]),
        ("bool", [True, None]),
    ],
)
def test_columns_of_pyarrow(tmp_path, kind, values):
    pyarrow = pytest.importorskip("pyarrow")
    dtype = pd.ArrowDtype(pyarrow.type_for_alias(kind))
    frame = pd.DataFrame({"a": pd.array(values, dtype=dtype)})
    assert_same_frame(again(rows(frame), tmp_path).data, frame)


def test_text_kept_by_pyarrow(tmp_path):
    pytest.importorskip("pyarrow")
    for missing in (pd.NA, np.nan):
        frame = pd.DataFrame(
            {"a": pd.array(["a", None], pd.StringDtype("pyarrow", na_value=missing))}
        )
        assert_same_frame(again(rows(frame), tmp_path).data, frame)


def test_columns_on_two_levels(tmp_path):
    columns = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["u", "v"])
    frame = pd.DataFrame(np.eye(4), columns=columns)
    assert_same_frame(again(rows(frame), tmp_path).data, frame)


def test_many_objects_are_kept_once(tmp_path):
    texts = [f"level {i % 3}" for i in range(20_000)]
    frame = pd.DataFrame({"a": pd.array(texts, dtype=object)})
    path = rows(frame).save(tmp_path / "e.npz")
    assert path.stat().st_size < 20_000
    assert_same_frame(load(path).data, frame)


# numpy

DTYPES = ["f8", "f4", "i8", "u2", "?", "U5", "S3", "M8[ns]", "m8[h]", ">f8"]


@FAST
@given(st.sampled_from(DTYPES).flatmap(lambda dtype: arrays(dtype, (3, 2))))
def test_numpy(tmp_path, table):
    found = again(rows(table), tmp_path).data
    assert found.dtype == table.dtype
    np.testing.assert_array_equal(found, table)
    assert not found.flags.writeable


@FAST
@given(arrays(object, (2, 3), elements=PANDAS["object"]))
def test_numpy_objects(tmp_path, table):
    found = again(rows(table), tmp_path).data
    assert found.dtype == object
    assert all(map(same_cells, found.ravel(), table.ravel()))


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_order(tmp_path, order):
    table = np.asarray(np.arange(12.0).reshape(3, 4), order=order)
    found = again(rows(table), tmp_path).data
    np.testing.assert_array_equal(found, table)


# polars

POLARS = {
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.UInt64: st.integers(0, 2**64 - 1),
    pl.Int8: st.integers(-128, 127),
    pl.Float64: FLOATS,
    pl.Float32: st.floats(width=32),
    pl.Boolean: st.booleans(),
    pl.String: TEXT,
    pl.Categorical: TEXT,
    pl.Enum(["b", "a", "unused"]): st.sampled_from(["a", "b"]),
    pl.Date: st.dates(),
    pl.Time: st.times(),
    pl.Datetime("ms"): STAMPS,
    pl.Datetime("ns", "Europe/Berlin"): STAMPS.map(
        lambda stamp: stamp.replace(tzinfo=datetime.UTC)
    ),
    pl.Duration("us"): st.timedeltas(datetime.timedelta(-999), datetime.timedelta(999)),
    pl.Decimal(10, 2): st.integers(-99, 99).map(lambda n: Decimal(n).scaleb(-2)),
    pl.Null: st.none(),
}


@st.composite
def polars_frames(draw):
    n_rows = draw(st.integers(0, 5))
    names = draw(st.lists(TEXT, min_size=1, max_size=5, unique=True))
    columns = []
    for name in names:
        dtype = draw(st.sampled_from(list(POLARS)))
        values = draw(st.lists(or_missing(POLARS[dtype]), min_size=n_rows, max_size=n_rows))
        columns.append(pl.Series(name, values, dtype=dtype))
    return pl.DataFrame(columns)


@FAST
@given(polars_frames())
def test_polars(tmp_path, frame):
    found = again(rows(frame), tmp_path).data
    assert found.schema == frame.schema
    assert_polars_equal(found, frame)


def test_nanoseconds_of_polars(tmp_path):
    ticks = pl.Series("t", [1, None, -1]).cast(pl.Datetime("ns"))
    frame = pl.DataFrame([ticks, ticks.cast(pl.Int64).cast(pl.Duration("ns")).alias("d")])
    assert_polars_equal(again(rows(frame), tmp_path).data, frame)


# all the rest


def test_every_field(tmp_path):
    params = {
        "groups": {"g": ("column 0", "column 1")},
        "seed": np.int64(3),
        "tol": float("inf"),
        "deep": [{"a": [1, None, (True, "x")]}],
    }
    e = make_attribution(3, 3, 2, params=params)
    found = again(e, tmp_path)
    for name, value in e._state().items():
        theirs = getattr(found, name)
        if name == "data":
            assert_same_frame(theirs, value)
        elif name == "details":
            assert theirs.keys() == value.keys()
            for key in value:
                np.testing.assert_array_equal(theirs[key], value[key])
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(theirs, value)
            assert theirs.dtype == value.dtype
            assert not theirs.flags.writeable
        elif isinstance(value, pd.Index):
            assert theirs.equals(value)
        else:
            assert theirs == value
    assert found.params["groups"] == params["groups"]
    assert type(found.params["seed"]) is np.int64


@pytest.mark.parametrize(
    "select", [lambda e: e[1:], lambda e: e[[]], lambda e: e.output("class 1")]
)
def test_selections(tmp_path, select):
    e = select(make_attribution(3, 2, 2))
    found = again(e, tmp_path)
    pd.testing.assert_frame_equal(found.to_frame(), e.to_frame())
    pd.testing.assert_frame_equal(found.top(), e.top())


def test_names_of_files(tmp_path):
    e = make_attribution()
    assert e.save(tmp_path / "a") == tmp_path / "a.npz"
    assert e.save(str(tmp_path / "b.surrogates")) == tmp_path / "b.surrogates"
    for name in ("a", "a.npz", "b.surrogates"):
        assert len(load(tmp_path / name)) == len(e)
        assert len(Attribution.load(str(tmp_path / name))) == len(e)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "c")


def test_the_class_is_checked(tmp_path, monkeypatch):
    from surrogates.explanation import result

    monkeypatch.setattr(result, "_CLASSES", dict(result._CLASSES))

    class Other(result.Result):
        """Something else than an attribution."""

    path = make_attribution().save(tmp_path / "e")
    with pytest.raises(FileFormatError, match="a result of class Attribution, not Other"):
        Other.load(path)


def test_numpy_reads_it_too(tmp_path):
    e = make_attribution()
    with np.load(e.save(tmp_path / "e"), allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
        key = header["fields"]["values"]["key"]
        np.testing.assert_array_equal(arrays[key], e.values)
    assert header["format"] == "surrogates"
    assert header["schema"] == 1
    assert header["class"] == "Attribution"


def test_saving_again_replaces_the_file(tmp_path):
    make_attribution(50).save(tmp_path / "e")
    path = make_attribution(2).save(tmp_path / "e")
    assert zipfile.is_zipfile(path)
    assert len(load(path)) == 2


class Thing:
    """Something that no file can hold."""


CANNOT = [
    (pd.DataFrame({"a": [[1], [2]]}), r"A file cannot hold data\['a'\]: values of type list"),
    (pd.DataFrame({"a": [Thing(), 2]}), r"data\['a'\]: values of type Thing"),
    (pd.DataFrame({"a": [Fraction(1, 2), 1]}), r"data\['a'\]: values of type Fraction"),
    (pd.DataFrame({Thing: [1, 2]}), r"A file cannot hold data.columns: values of type type"),
    (np.array([[Thing()], [None]]), "A file cannot hold data: values of type Thing"),
    (np.zeros((2, 1), dtype="i4,i4"), "A file cannot hold data: an array of dtype"),
    (pl.DataFrame({"a": [[1], [2]]}), r"data\['a'\]: a column of dtype List"),
    (pl.DataFrame({"a": [Thing(), Thing()]}), r"data\['a'\]: a column of dtype Object"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), CANNOT)
def test_what_no_file_can_hold(tmp_path, data, message):
    with pytest.raises(TypeError, match=message):
        rows(data).save(tmp_path / "e")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"details": {"model": Thing()}}, r"details\['model'\]: values of type Thing"),
        ({"details": {"deep": [1, {"a": {2}}]}}, r"\['deep'\]\[1\]\['a'\]: values of type set"),
        ({"index": [Thing] * 4}, "A file cannot hold index: values of type type"),
        (
            {"details": {"at": datetime.datetime(2024, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo"))}},
            r"details\['at'\]: the time zone Asia/Tokyo \(use pandas.Timestamp\)",
        ),
    ],
)  # fmt: skip
def test_fields_that_no_file_can_hold(tmp_path, fields, message):
    with pytest.raises(TypeError, match=message):
        make_attribution(**fields).save(tmp_path / "e")
    assert list(tmp_path.iterdir()) == []
