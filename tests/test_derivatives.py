"""Jacobians, Hessians, products with them, and the table of a run."""

import dataclasses
import math
import xml.etree.ElementTree as ET
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backprop_lift import Op, grad_bp, lift_op
from backprop_lift.derivatives import hessian, hvp, jacobian, jvp, show_tape
from backprop_lift.errors import CotangentError

A = np.array([[1.0, -2.0, 0.5], [3.0, 0.2, -1.0]])
X = np.array([0.3, -1.2, 2.0])


@dataclasses.dataclass
class Line:
    slope: Any
    offset: Any
    name: str = "line"


def _differences(f, x, step=1e-6):
    columns = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]
    return np.stack(columns, axis=-1)


def test_jacobian_of_a_linear_map_is_its_matrix():
    assert jacobian(lambda x: A @ x, X) == pytest.approx(A)


def test_jacobian_is_that_of_differences():
    f = lambda x: np.sin(x) * x[::-1] / (1 + x @ x)

    assert jacobian(f, X) == pytest.approx(_differences(f, X), abs=1e-8)


def test_jacobian_has_the_shapes_of_result_and_argument():
    found = jacobian(lambda m: np.stack([m.sum(axis=0), m.prod(axis=0)]), A)

    assert found.shape == (2, 3, 2, 3)
    assert found[1, 2, 0, 2] == A[1, 2]


def test_jacobian_of_numbers_is_a_number():
    assert jacobian(lambda x: x**3, 2.0) == 12.0


@pytest.mark.parametrize(
    "number", [Fraction(1, 3), Decimal("1.5"), 3, np.float64(3), np.array(3.0)]
)
def test_jacobian_of_a_number_is_one_of_its_cotangents(number):
    found = jacobian(lambda x: x * x, number)

    assert found == 2 * number
    assert type(found) is type(grad_bp(lambda x: x * x, number))


@pytest.mark.parametrize(
    ("f", "x", "shape"),
    [
        (lambda v: v * 2, np.zeros(0), (0, 0)),
        (lambda v: v[:0], X, (0, 3)),
        (lambda v: np.sum(v, axis=1), np.zeros((2, 0)), (2, 2, 0)),
    ],
    ids=["both", "result", "argument"],
)
def test_jacobian_of_empty_arrays_is_empty(f, x, shape):
    assert jacobian(f, x).shape == shape


def test_jacobian_of_integers_is_of_floats():
    found = jacobian(lambda n: n**2, np.array([1, 2]))

    assert found.tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_jacobian_keeps_unions_and_missing_parts():
    assert jacobian(lambda d: d["a"] * 2, {"a": 1.0, "b": None, "c": "text"}) == {
        "a": 2.0, "b": None, "c": None,
    }  # fmt: skip


def test_jacobian_of_several_arguments_is_a_tuple():
    by_x, by_y = jacobian(lambda x, y: x * y, X, 2.0)

    assert by_x == pytest.approx(2 * np.eye(3))
    assert by_y == pytest.approx(X)


def test_jacobian_follows_the_structures_of_result_and_argument():
    found = jacobian(lambda v: {"sum": v.slope + v.offset, "text": "x"}, Line(X, 2.0))

    assert found["text"] is None
    assert found["sum"].slope == pytest.approx(np.eye(3))
    assert found["sum"].offset == pytest.approx(np.ones(3))
    assert found["sum"].name is None


def test_jacobian_of_a_constant_result_is_zero():
    assert jacobian(lambda x: np.ones(2), X) == pytest.approx(np.zeros((2, 3)))


def test_jacobian_without_arguments_is_a_function():
    assert jacobian(lambda x: x**2)(3.0) == 6.0


def test_jacobian_can_be_differentiated():
    gradient = grad_bp(lambda x: np.sum(jacobian(lambda y: y**3, x)), X)

    assert gradient == pytest.approx(6 * X)


def test_jacobian_of_complex_values_is_refused():
    with pytest.raises(CotangentError, match="holomorphic"):
        jacobian(lambda z: z * z, 1 + 2j)


def test_hessian_is_the_jacobian_of_the_gradient():
    f = lambda x: np.exp(A @ x).sum() * x[0]

    assert hessian(f, X) == pytest.approx(_differences(lambda x: grad_bp(f, x), X), abs=1e-6)


def test_hessian_of_several_arguments_is_a_tuple_of_blocks():
    (xx, xy), (yx, yy) = hessian(lambda x, y: (x @ x) * y**2, X, 3.0)

    assert xx == pytest.approx(18 * np.eye(3))
    assert xy == pytest.approx(12 * X)
    assert yx == pytest.approx(12 * X)
    assert yy == pytest.approx(2 * X @ X)


def test_hessian_follows_the_structure_of_the_argument():
    found = hessian(lambda d: d["a"] ** 2 * d["b"], {"a": 2.0, "b": 3.0})

    assert found == {"a": {"a": 6.0, "b": 4.0}, "b": {"a": 4.0, "b": 0.0}}


def test_hessian_of_many_numbers_is_refused():
    with pytest.raises(CotangentError, match="whose result is one number"):
        hessian(lambda x: x * 2, X)


def test_hvp_is_the_hessian_applied():
    f = lambda x: np.sin(x @ x) + x[0] ** 3
    direction = np.array([1.0, -0.5, 2.0])

    assert hvp(f, X, direction) == pytest.approx(hessian(f, X) @ direction)


def test_hvp_takes_records():
    found = hvp(lambda v: v.slope**2 * v.offset, Line(2.0, 3.0), Line(1.0, 0.0))

    assert (found.slope, found.offset) == (6.0, 4.0)


def test_jvp_is_the_jacobian_applied():
    f = lambda x: np.cos(A @ x) * x[:2]
    direction = np.array([1.0, -0.5, 2.0])

    y, dy = jvp(f, X, direction)

    assert y == pytest.approx(f(X))
    assert dy == pytest.approx(jacobian(f, X) @ direction)


def test_jvp_of_a_constant_is_zero():
    assert jvp(lambda x: 5.0, X, X) == (5.0, 0.0)
    assert jvp(lambda x: {"a": x[0] * 2, "b": None}, X, X)[1] == {"a": 0.6, "b": None}


@pytest.mark.parametrize("product", [hvp, jvp])
@pytest.mark.parametrize("dx", [np.ones(2), 1.0, [1.0, 0.0, 0.0], None], ids=repr)
def test_products_refuse_a_direction_that_is_not_like_the_value(product, dx):
    with pytest.raises(CotangentError, match="a direction that is not like"):
        product(lambda x: x @ x, X, dx)


def test_hvp_of_a_complex_value_is_that_of_its_two_parts():
    direction = 0.3 - 2j
    f = lambda z: np.abs(z) ** 4
    here, h = 1.0 + 0.5j, 1e-5

    slopes = [grad_bp(f, here + k * h * direction) for k in (1, -1)]

    assert hvp(f, here, direction) == pytest.approx((slopes[0] - slopes[1]) / (2 * h), rel=1e-6)


def test_jvp_takes_records_and_settings():
    y, dy = jvp(lambda v, k: {"at": v.slope * k + v.offset}, Line(2.0, 3.0), Line(1.0, 1.0), k=10.0)

    assert y == {"at": 23.0}
    assert dy == {"at": 11.0}


def test_jvp_agrees_with_the_scaled_gradient():
    f = lambda x: np.tanh(A @ x)
    direction, weights = np.array([0.3, 1.0, -1.0]), np.array([2.0, -1.0])

    _, dy = jvp(f, X, direction)

    assert weights @ dy == pytest.approx(grad_bp(lambda x: weights @ f(x), X) @ direction)


# The table


def _loss(line):
    residual = np.log(line.slope @ np.abs(X)) + line.offset
    return np.sum(residual * residual)


def test_shown_tape_has_a_row_for_each_node():
    shown = show_tape(lambda x: x * x + 1.0, 3.0)

    assert [(n.at, n.name, n.parents, n.value, n.gradient) for n in shown.nodes] == [
        (0, "input", (), 3.0, 6.0),
        (1, "mul", (0, 0), 9.0, 1.0),
        (2, "add", (1,), 10.0, 1.0),
    ]


def test_shown_tape_says_where_each_call_was_made():
    shown = show_tape(_loss, Line(np.abs(A), 1.0))

    named = {node.name: node for node in shown.nodes}
    line = _loss.__code__.co_firstlineno

    assert named["item 'slope'"].called == f"{__file__}:{line + 1}"
    assert named["numpy.log"].called == f"{__file__}:{line + 1}"
    assert named["numpy.sum"].called == f"{__file__}:{line + 2}"
    assert named["numpy.log"].shape == "(2,)"


def test_shown_tape_has_the_gradients_of_the_run():
    shown = show_tape(_loss, Line(np.abs(A), 1.0))

    gradient = grad_bp(_loss, Line(np.abs(A), 1.0))

    assert shown.nodes[0].gradient.slope == pytest.approx(gradient.slope)
    assert shown.nodes[0].gradient.offset == pytest.approx(gradient.offset)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_shown_tape_finds_the_first_value_that_is_not_finite():
    shown = show_tape(lambda x: np.sum(np.log(x - 1.0) * 2.0), np.array([2.0, 1.0]))

    assert shown.not_finite.name == "numpy.log"
    assert shown.gradient_not_finite.name == "sub"
    assert "The first value that is not finite is node 2, numpy.log" in str(shown)
    assert "np.log(x - 1.0)" in str(shown)


def test_shown_tape_of_a_finite_run_finds_nothing():
    shown = show_tape(_loss, Line(np.abs(A), 1.0))

    assert shown.not_finite is None
    assert shown.gradient_not_finite is None


def test_shown_tape_of_a_refused_sweep_tells_so():
    refusing = lift_op(Op.no_grad(math.floor, "flat"))

    shown = show_tape(lambda x: refusing(x) * 2, 1.5)

    assert "The sweep ended early: floor has no gradient" in str(shown)


def test_shown_tape_is_drawn():
    root = ET.fromstring(show_tape(_loss, Line(np.abs(A), 1.0)).picture())

    boxes = root.findall(".//{http://www.w3.org/2000/svg}rect")

    assert len(boxes) == len(show_tape(_loss, Line(np.abs(A), 1.0)).nodes)


def test_shown_tape_has_no_node_after_the_result():
    shown = show_tape(lambda x: (x * 2.0, x * 3.0)[0], 1.0)

    assert [node.name for node in shown.nodes] == ["input", "mul"]
