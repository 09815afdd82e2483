"""Access: paths, parts and whole values."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest

from backprop_lift import (
    BVar,
    coerce_var,
    collect_var,
    grad_bp,
    iso_var,
    join_var,
    lift_op,
    op_coerce,
    op_iso,
    op_lens,
    op_tup,
    over_var,
    preview_var,
    sequence_var,
    set_var,
    split_var,
    to_list_of_var,
    view_var,
)
from backprop_lift.derivatives import hvp, show_tape
from backprop_lift.errors import IsoError, PathError
from backprop_lift.gradcheck.coordinates import Coordinates


@dataclasses.dataclass(frozen=True)
class Layer:
    w: Any
    b: Any = 1.0
    name: str = "layer"

    @property
    def size(self):
        return self.w.size


@dataclasses.dataclass
class Point:
    b: Any


class Pair(NamedTuple):
    left: Any
    right: Any


LAYER = Layer(np.arange(6.0).reshape(2, 3), 2.0)
NET = {"layers": [Layer(1.0, 2.0), Layer(3.0, 4.0)], "rate": 0.5}


# Reading


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("rate", 0.5),
        (["layers", 0, "w"], 1.0),
        (["layers", -1, "b"], 4.0),
        (["rate", float], 0.5),
        (["layers", 0, Layer, "b"], 2.0),
        (["layers", 1, lambda layer: layer.w > 2, "b"], 4.0),
    ],
)
def test_view_follows_a_path(path, expected):
    seen = []

    gradient = grad_bp(lambda net: seen.append(view_var(net, path)) or 3 * seen[0], NET)

    assert view_var(NET, path) == expected
    assert seen[0].__class__ is BVar
    assert (
        view_var(
            gradient,
            [s for s in np.array(path, object).tolist() if isinstance(s, (str, int))]
            if isinstance(path, list)
            else path,
        )
        == 3.0
    )


def test_view_reads_items_of_arrays():
    gradient = grad_bp(lambda v: view_var(v, ["w", (slice(None), 1)]).sum(), LAYER)

    assert gradient.w.tolist() == [[0, 1, 0], [0, 1, 0]]


def test_view_reads_fields_of_named_tuples_by_name():
    assert grad_bp(lambda p: view_var(p, "right") * 2, Pair(1.0, 2.0)) == Pair(0.0, 2.0)


def test_view_of_a_part_without_numbers_is_plain():
    grad_bp(lambda v: (view_var(v, "name").upper(), v.b)[1], LAYER)


def test_view_of_a_plain_value_is_plain():
    assert view_var(NET, ["layers", 0, "w"]).__class__ is float


@pytest.mark.parametrize("path", ["nosuch", ["layers", 7], ["layers", "w"], ["rate", 0]])
def test_view_that_leads_nowhere_is_refused(path):
    with pytest.raises(PathError, match="which it does not have"):
        view_var(NET, path)


@pytest.mark.parametrize(("path", "count"), [(["layers", ...], "2"), (["rate", str], "no")])
def test_view_of_other_than_one_part_is_refused(path, count):
    with pytest.raises(PathError, match=f"leads to {count} parts"):
        view_var(NET, path)


def test_preview_gives_the_part_or_none():
    assert preview_var(NET, ["layers", 0, "w"]) == 1.0
    assert preview_var(NET, ["layers", 7]) is None
    assert preview_var(NET, ["rate", str]) is None


def test_preview_is_a_pattern_match():
    def area(shape):
        radius = preview_var(shape, [float])
        if radius is not None:
            return 3.0 * radius**2
        width, height = preview_var(shape, [tuple])
        return width * height

    assert grad_bp(area, 2.0) == 12.0
    assert grad_bp(area, (2.0, 5.0)) == (5.0, 2.0)


def test_preview_passes_over_parts_that_do_not_match():
    assert preview_var([{"a": 1.0}, {"b": 2.0}], [..., "b"]) == 2.0


def test_path_steps_may_be_none():
    assert view_var({None: 2.0}, None) == 2.0
    assert view_var(np.arange(3.0), None).shape == (1, 3)


def test_preview_of_a_union_matches_types():
    assert preview_var(2.0, int | float) == 2.0
    assert preview_var("no", int | float) is None


def test_to_list_gives_all_parts_in_order():
    assert to_list_of_var(NET, ["layers", ..., "w"]) == [1.0, 3.0]
    assert to_list_of_var([1, 2, 3], [..., lambda x: x > 1]) == [2, 3]
    assert to_list_of_var(np.arange(3.0), ...) == [0.0, 1.0, 2.0]


def test_to_list_loses_no_contribution():
    gradient = grad_bp(lambda net: sum(to_list_of_var(net, ["layers", ..., "b"])), NET)

    assert to_list_of_var(gradient, ["layers", ..., "b"]) == [1.0, 1.0]


# Replacing


def test_set_replaces_a_part():
    assert set_var(NET, ["layers", 0, "w"], 9.0)["layers"][0] == Layer(9.0, 2.0)
    assert NET["layers"][0] == Layer(1.0, 2.0)


def test_set_gives_the_part_its_gradient_and_the_rest_theirs():
    def f(layer, w):
        changed = set_var(layer, "w", w)
        return changed.w * changed.b

    dlayer, dw = grad_bp(f, Layer(2.0, 3.0), 5.0)

    assert (dlayer.w, dlayer.b, dw) == (0.0, 5.0, 3.0)


def test_set_of_a_constant_keeps_the_gradient_of_the_rest():
    assert grad_bp(lambda v: sum(set_var(v, 0, 7.0)), [1.0, 2.0]) == [0.0, 1.0]


def test_set_in_a_constant_gives_the_part_its_gradient():
    assert grad_bp(lambda x: set_var([1.0, 2.0], 1, x)[1] ** 2, 3.0) == 6.0


def test_set_in_a_plain_value_is_plain():
    assert set_var((1.0, 2.0), 1, 5.0) == (1.0, 5.0)


def test_set_replaces_items_of_arrays():
    gradient = grad_bp(lambda v: np.sum(set_var(v, (0, slice(None)), 0.0)), np.ones((2, 3)))

    assert gradient.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_set_replaces_all_parts_that_match():
    assert set_var([1, -2, -3], [..., lambda x: x < 0], 0) == [1, 0, 0]


def test_set_where_nothing_matches_changes_nothing():
    assert set_var([1.0], [0, str], "x") == [1.0]


def test_set_of_a_slice_keeps_the_number_of_parts():
    assert grad_bp(lambda v, w: set_var(v, slice(0, 2), w)[1] * 2, [1.0, 2.0, 3.0], [4.0, 5.0]) == (
        [0.0, 0.0, 0.0],
        [0.0, 2.0],
    )
    with pytest.raises(PathError, match="another number of parts"):
        set_var([1.0, 2.0], slice(0, 2), [1.0])


def test_set_of_a_computed_attribute_is_refused():
    with pytest.raises(PathError, match="computed"):
        set_var(LAYER, "size", 3)


def test_assignment_to_a_field_is_refused_and_changes_nothing():
    def f(layer):
        with pytest.raises(AttributeError, match="no attribute 'b'"):
            layer.b = 3.0
        return layer.b * 2

    record = Point(1.0)

    assert grad_bp(f, record).b == 2.0
    assert record.b == 1.0


def test_set_is_one_node():
    shown = show_tape(lambda v: set_var(v, 0, 7.0), [1.0] * 50)

    assert [node.name for node in shown.nodes] == ["input", "set_var"]


def test_set_can_be_differentiated_twice():
    def f(v):
        return sum(x**3 for x in set_var(v, 0, v[1] ** 2))

    hessian = grad_bp(lambda v: grad_bp(f, v)[1], [1.0, 2.0])

    assert hessian == pytest.approx([0.0, 30 * 2.0**4 + 6 * 2.0])


def test_over_every_part_is_one_node():
    shown = show_tape(lambda v: over_var(v, ..., lambda x: 5.0), [1.0] * 20)

    assert len(shown.nodes) <= 21
    assert over_var([1, 2], ..., lambda x: x + 1) == [2, 3]
    assert over_var(np.arange(3.0), ..., lambda x: 2 * x).tolist() == [0, 2, 4]


def test_over_applies_a_function_at_a_path():
    gradient = grad_bp(
        lambda net: sum(
            layer.w for layer in over_var(net, ["layers", ..., "w"], lambda w: w**2)["layers"]
        ),
        NET,
    )

    assert [layer.w for layer in gradient["layers"]] == [2.0, 6.0]


# Whole values


@pytest.mark.parametrize(
    "value",
    [[1.0, 2.0], (1.0, 2.0), {"a": 1.0, "b": 2.0}, Pair(1.0, 2.0), Layer(1.0, 2.0)],
    ids=lambda value: type(value).__name__,
)
def test_sequence_and_collect_are_inverse(value):
    kinds = []

    def f(v):
        taken_apart = sequence_var(v)
        kinds.append(type(taken_apart))
        return collect_var(taken_apart)

    ones = grad_bp(f, value)

    assert kinds == [type(value)]
    assert ones == grad_bp(lambda v: v, value)


def test_sequence_of_an_array_is_a_list_of_its_items():
    gradient = grad_bp(lambda v: sequence_var(v)[1].sum(), np.ones((2, 3)))

    assert gradient.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_sequence_of_a_plain_value_is_plain():
    assert sequence_var([1.0, 2.0]) == [1.0, 2.0]
    assert collect_var([1.0, 2.0]) == [1.0, 2.0]


def test_collect_finds_bvars_at_any_depth():
    assert grad_bp(lambda x: collect_var({"a": [x, (x, 1.0)], "b": "text"}), 2.0) == 2.0


def test_split_gives_a_record_of_bvars():
    def f(layer):
        parts = split_var(layer)
        assert parts.name == "layer"
        return parts.b * 2

    assert grad_bp(f, Layer(1.0, 2.0)).b == 2.0


def test_join_gives_a_bvar_of_a_record():
    def f(b):
        layer = join_var(Layer(np.ones(2), b))
        assert layer.__class__ is BVar
        return layer.b * layer.w.sum()

    assert grad_bp(f, 3.0) == 2.0


def test_tuples_of_bvars_and_bvars_of_tuples_unpack_alike():
    together = lambda x: collect_var((x, x * x))
    apart = lambda x: (x, x * x)

    def f(pair_of, x):
        a, b = pair_of(x)
        return a * b

    assert grad_bp(lambda x: f(together, x), 2.0) == grad_bp(lambda x: f(apart, x), 2.0) == 12.0


# Isomorphisms


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_iso_takes_any_number_of_arguments(count):
    xs = [float(i + 1) for i in range(count)]
    back = (lambda held: held[0]) if count == 1 else tuple

    gradient = grad_bp(lambda *vs: iso_var(lambda *a: list(a), back, *vs)[count - 1] * 3, *xs)

    assert (gradient if count > 1 else (gradient,)) == (0.0,) * (count - 1) + (3.0,)


def test_iso_of_a_constructor():
    def f(w, b):
        layer = iso_var(Layer, lambda layer: (layer.w, layer.b), w, b, check=True)
        return layer.w * layer.b

    assert grad_bp(f, 2.0, 3.0) == (3.0, 2.0)


def test_iso_of_plain_values_is_plain():
    assert iso_var(lambda a, b: (a, b), tuple, 1.0, 2.0) == (1.0, 2.0)


def test_iso_that_calculates_is_refused():
    with pytest.raises(IsoError, match="changes the numbers"):
        grad_bp(lambda x: iso_var(np.exp, np.log, x), 2.0)


@pytest.mark.parametrize(
    ("to", "x"),
    [
        (lambda a: 2 * a, 0.0),
        (lambda a: a * a, 1.0),
        (lambda a: np.cumsum(a), np.zeros(3)),
        (lambda n: 3 * n, 0),
        (lambda a: {"bias": -a["bias"]}, {"bias": np.zeros(2)}),
    ],
)
def test_iso_that_calculates_is_refused_at_its_fixed_points(to, x):
    with pytest.raises(IsoError, match="changes the numbers"):
        grad_bp(lambda v: iso_var(to, lambda y: y, v), x)


def test_iso_may_refuse_other_numbers_than_it_is_given():
    def strict(a):
        assert a == 0.25
        return [a]

    assert grad_bp(lambda x: iso_var(strict, lambda held: held[0], x)[0], 0.25) == 1.0


@pytest.mark.parametrize(("to", "back"), [(3, tuple), (list, None)])
def test_iso_wants_functions(to, back):
    with pytest.raises(IsoError, match="which is not callable"):
        iso_var(to, back, 1.0)


def test_iso_can_be_differentiated_twice():
    def f(x):
        return iso_var(lambda a: [a], lambda held: held[0], x)[0] ** 3

    assert grad_bp(lambda x: grad_bp(f, x), 2.0) == 12.0


@dataclasses.dataclass
class Metres:
    length: float


@pytest.mark.parametrize(
    ("value", "cls", "expected"),
    [
        ([1.0, 2.0], tuple, (1.0, 2.0)),
        ((1.0, 2.0), Pair, Pair(1.0, 2.0)),
        (Pair(1.0, 2.0), list, [1.0, 2.0]),
        (Pair(1.0, 2.0), Layer, Layer(1.0, 2.0)),
        (2.0, Metres, Metres(2.0)),
        (Metres(2.0), float, 2.0),
        (Metres(2.0), dict, {"length": 2.0}),
    ],
)
def test_coerce_keeps_the_parts(value, cls, expected):
    kinds = []
    ones = grad_bp(lambda v: kinds.append(coerce_var(v, cls)) or kinds[0], value)

    assert coerce_var(value, cls) == expected
    assert kinds[0].__class__ is BVar
    assert ones == grad_bp(lambda v: v, value)


def test_coerce_to_its_own_class_is_the_same_bvar():
    grad_bp(lambda v: v if coerce_var(v, float) is v else 1 / 0, 2.0)


def test_coerce_of_other_parts_is_refused():
    with pytest.raises(PathError, match="cannot make a float"):
        coerce_var([1.0, 2.0], float)
    with pytest.raises(PathError, match="cannot make a Metres"):
        coerce_var([1.0, 2.0], Metres)


def test_coerce_wants_a_class():
    with pytest.raises(PathError, match="which is no class"):
        coerce_var([1.0], 3)


# Refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sequence_var(3.0), "a float, which has no parts"),
        (lambda: sequence_var("ab"), "a str, which has no parts"),
        (lambda: split_var(None), "a NoneType, which has no parts"),
        (lambda: sequence_var(np.array(3.0)), "a ndarray, which has no parts"),
        (lambda: grad_bp(sequence_var, 3.0), "a float, which has no parts"),
        (lambda: collect_var(x for x in [1.0]), "a generator, whose parts are still to come"),
        (lambda: over_var([1.0], 0, 3.0), "3.0 as the function to apply"),
        (lambda: to_list_of_var("ab", ...), "which it does not have"),
        (lambda: view_var([np.ones(2)], [0, lambda x: x > 0]), "neither true nor false"),
        (lambda: set_var(np.ones(2), slice(0, 2), np.ones(3)), "cannot take"),
        (lambda: set_var(np.ones(2), 0, "x"), "cannot take"),
        (lambda: set_var(np.ones(2), 0, 1j), "cannot take"),
        (lambda: grad_bp(lambda v: set_var(v, 0, 1j)[0], np.ones(2)), "cannot take"),
        (lambda: set_var({"a": 1.0}, "b", 2.0), "which it does not have"),
        (lambda: set_var([1.0], 5, 2.0), "which it does not have"),
        (lambda: set_var(3.0, "real", 1.0), "is computed"),
    ],
)
def test_access_of_what_is_not_there_is_refused(call, message):
    with pytest.raises(PathError, match=message):
        call()


def test_predicates_may_give_one_number_of_an_array():
    assert to_list_of_var([np.array([1.0]), np.array([-1.0])], [..., lambda x: x > 0]) == [1.0]


# The second derivative, through every function

TWICE = {
    "view": (lambda v: view_var(v, 0) ** 3 * view_var(v, -1), [1.5, 2.0]),
    "view field": (lambda v: view_var(v, "left") ** 3 * v.right, Pair(1.5, 2.0)),
    "view path": (lambda v: view_var(v, ["l", 0, "w"]) ** 3 * v["l"][0].b, {"l": [Layer(1.5, 2.0)]}),
    "view slice": (lambda v: np.sum(view_var(v, (slice(None), 1)) ** 3) * v[0, 0], np.eye(2) + 0.5),
    "view mask": (lambda v: np.sum(view_var(v, np.array([True, False])) ** 3), np.array([1.5, 2.0])),
    "preview": (lambda v: preview_var(v, [..., lambda x: x > 1.7]) ** 3 * v[0], [1.5, 2.0]),
    "to list": (lambda v: sum(x**3 * v[0] for x in to_list_of_var(v, ...)), [1.5, 2.0]),
    "set": (lambda v: sum(x**3 for x in set_var(v, 0, v[1] ** 2)), [1.5, 2.0]),
    "set field": (lambda v: set_var(v, "w", v.b * v.w).w ** 3 * v.b, Layer(1.5, 2.0)),
    "set key": (lambda v: set_var(v, "a", v["b"] * v["a"])["a"] ** 3, {"a": 1.5, "b": 2.0}),
    "set item": (lambda v: np.sum(set_var(v, 0, v[1] ** 2) ** 3), np.array([1.5, 2.0])),
    "set slice": (lambda v: sum(x**3 for x in set_var(v, slice(0, 2), [v[2], v[0]])), [1.5, 2.0, 3.0]),
    "set in a constant": (lambda v: sum(x**3 for x in set_var([1.0, 2.0], 0, v[0] ** 2)), [1.5]),
    "over": (lambda v: sum(x**3 for x in over_var(v, 0, lambda x: x * v[1])), [1.5, 2.0]),
    "over each": (lambda v: sum(x**3 for x in over_var(v, ..., lambda x: x * v[1])), [1.5, 2.0]),
    "over type": (lambda v: sum(over_var(v, [..., float], lambda x: x**3)), [1.5, 2.0]),
    "sequence": (lambda v: sequence_var(v)[0] ** 3 * sequence_var(v)[1], [1.5, 2.0]),
    "sequence rows": (lambda v: np.sum(sequence_var(v)[0] ** 3) * v[1, 0], np.eye(2) + 0.5),
    "collect": (lambda v: (lambda w: w["p"] ** 3 * w["q"][0])(collect_var({"p": v[0], "q": [v[1] ** 2]})), [1.5, 2.0]),
    "split": (lambda v: (lambda s: s.w**3 * s.b)(split_var(v)), Layer(1.5, 2.0)),
    "join": (lambda v: (lambda s: s.w**3 * s.b)(join_var(Layer(v[0] * v[1], v[1]))), [1.5, 2.0]),
    "coerce": (lambda v: (lambda p: p.left**3 * p.right)(coerce_var(v, Pair)), (1.5, 2.0)),
    "iso": (lambda v: iso_var(Pair, tuple, v[0] * v[1], v[1]).left ** 3, [1.5, 2.0]),
    "op_lens": (lambda v: lift_op(op_lens(0))(v) ** 3 * v[1], [1.5, 2.0]),
    "op_coerce": (lambda v: lift_op(op_coerce(tuple))(v)[0] ** 3 * v[1], [1.5, 2.0]),
    "op_tup": (lambda v: (lambda p: p[0] ** 3 * p[1])(lift_op(op_tup)(v[0], v[1] * v[0])), [1.5, 2.0]),
    "op_iso": (lambda v: (lambda p: p[0] ** 3 * p[1])(lift_op(op_iso(Pair, tuple))(v[0], v[1])), [1.5, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", TWICE)
def test_access_can_be_differentiated_twice(name):
    f, value = TWICE[name]
    here = Coordinates(value)
    n, step = len(here), 1e-5
    weights = np.arange(1.0, n + 1)
    slopes = lambda vector: here.of(grad_bp(f, here.rebuilt(vector)))

    found = here.of(hvp(f, value, here.cotangent(weights)))

    along = slopes(here.vector + step * weights) - slopes(here.vector - step * weights)
    assert found == pytest.approx(along / (2 * step), rel=1e-6, abs=1e-6)
