"""Samples files: plain text, read back as it was."""

import collections
import dataclasses
import datetime
import enum
import functools
import json
import math

import numpy as np
import pytest

from backprop_lift.errors import SampleError
from backprop_lift.gradcheck import Sample, read_samples, write_samples
from backprop_lift.gradcheck.contracts import value_problem
from backprop_lift.gradcheck.samples_file import dumped, loaded

Pair = collections.namedtuple("Pair", "x y")


class Unit(enum.Enum):
    METRE = "m"


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or type(sys)(__name__))
    for value in (Pair, Unit, Layer):
        monkeypatch.setattr(sys.modules[__name__], value.__name__, value, raising=False)
        monkeypatch.setattr(value, "__module__", __name__)


VALUES = [
    None, True, 3, 0.1, math.inf, "text", 1 - 2j, np.float32(1.5), np.int64(3),
    np.linspace(0, 1, 6).reshape(2, 3), np.array(2.0), np.zeros((0, 3)), np.array([1 + 2j]),
    np.array([1.0, np.nan, -np.inf], np.float32), np.array([True, False]), np.array(["a", "bc"]),
    [1, [2.0]], (1.0, (2,)), {"a": 1.0, 2: (3.0,)}, {1, 2}, frozenset({"a"}), slice(1, None, 2),
    range(3), np.dtype("float32"), datetime.datetime(2020, 1, 2, 3), Pair(1.0, [2.0]), Unit.METRE,
    Layer(np.ones(2), 1.0), np.sin, math.exp, np.float64, {}, functools.partial(math.atan2, 1.0),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_value_reads_back_as_it_was(value):
    again = loaded(json.loads(json.dumps(dumped(value))))

    assert type(again) is type(value)
    assert value_problem(value, again) is None
    assert repr(again) == repr(value)


@pytest.mark.parametrize(
    "value", [lambda x: x, object(), np.zeros(50_000), np.random.default_rng(0)]
)
def test_value_without_a_plain_form_is_refused(value):
    with pytest.raises(SampleError, match="no form in a samples file"):
        dumped(value)


def test_object_that_its_fields_do_not_make_is_refused():
    said = {"record": "functools.partial", "fields": {"a": 1.0}}

    with pytest.raises(SampleError, match="cannot be made of its fields"):
        loaded(said)


def test_file_reads_back_what_was_written(tmp_path):
    path = tmp_path / "samples.jsonl"
    samples = {
        "mylib.f": [Sample((np.ones(2), 3.0), {"axis": 0}, "doctest", ("x",)), Sample((1.0,))]
    }

    unsaid = write_samples(path, samples)
    again = read_samples(path)

    assert unsaid == 0
    assert sorted(map(repr, again["mylib.f"])) == sorted(map(repr, samples["mylib.f"]))
    assert {s.wrt for s in again["mylib.f"]} == {("x",), None}


def test_file_is_sorted_and_has_one_call_a_line(tmp_path):
    path = tmp_path / "samples.jsonl"

    write_samples(
        path, {"b": [Sample((2.0,)), Sample((1.0,)), Sample((1.0,))], "a": [Sample((3.0,))]}
    )

    lines = path.read_text().splitlines()[1:]
    assert [json.loads(line)["function"] for line in lines] == ["a", "b", "b"]
    assert lines == sorted(lines)


def test_file_leaves_out_what_it_cannot_say_and_counts_it(tmp_path):
    assert write_samples(tmp_path / "s", {"f": [Sample((object(),)), Sample((1.0,))]}) == 1


@pytest.mark.parametrize(
    "line",
    ["nonsense", '{"function": "f"}', '{"function": "f", "args": [{"what": 1}]}',
     '{"function": "f", "args": [{"name": "no.such.thing"}]}'],
)  # fmt: skip
def test_file_with_a_bad_line_names_it(tmp_path, line):
    path = tmp_path / "samples.jsonl"
    write_samples(path, {})
    path.write_text(path.read_text() + line + "\n")

    with pytest.raises(SampleError) as raised:
        read_samples(path)

    assert raised.value.facts["at"] == f"{path}:2"


def test_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text("{}")

    with pytest.raises(SampleError, match="no samples file"):
        read_samples(path)


def test_file_that_is_missing_is_a_sample_error(tmp_path):
    with pytest.raises(SampleError, match="cannot be read"):
        read_samples(tmp_path / "missing")


def test_reading_a_file_imports_nothing(tmp_path):
    import sys

    sys.modules.pop("antigravity", None)

    with pytest.raises(SampleError, match="not found among the imported"):
        loaded({"name": "antigravity.geohash"})

    assert "antigravity" not in sys.modules
