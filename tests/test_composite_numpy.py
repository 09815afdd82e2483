"""NumPy inside composites: constructors, iteration, functions over arrays, kinds of arrays."""

import contextlib
import datetime
import math

import numpy as np
import pytest

from backprop_lift import Registry, grad_bp, lifted, registry, twin_of
from backprop_lift.errors import LiftError

VECTOR = np.array([0.7, 1.9, 0.4])
MATRIX = np.array([[0.7, 1.9], [2.4, 1.3]])


def composite(f):
    into = Registry(parent=registry)
    lifted(f, into=into)
    return twin_of(f, into)


def by_block(x):
    return np.block([[np.eye(2) * x[0], np.zeros((2, 1))], [np.ones((1, 2)), np.array([[x[1]]])]])


def by_apply_along_axis(x):
    return np.apply_along_axis(lambda row: row * np.sum(row), 0, x)


def by_piecewise(x):
    return np.piecewise(x, [x < 1, x >= 1], [lambda v: v**2, lambda v: np.sin(v)])


def by_piecewise_with_settings(x):
    return np.piecewise(x, [x < 0.5, x >= 1], [lambda v, k: v**2 * k, 3.0, lambda v, k: v], 2.0)


def by_select(x):
    return np.select([x < 0.5, x < 1.0], [x**2, np.sin(x)], default=x * 3)


def by_choose(x):
    return np.choose([0, 1, 0], [x, x * x])


def by_nditer(x):
    return sum(float(v) ** 2 for v in np.nditer(x))


def by_ndenumerate(x):
    squares = np.zeros(3)
    for i, v in np.ndenumerate(x * 2.0):
        squares[i] = v * v
    return squares


def by_ndenumerate_of_a_buffer(x):
    a = np.zeros((2, 3))
    a[1] = x
    return sum(v * (i[1] + 1) for i, v in np.ndenumerate(a))


def by_flat(x):
    a = np.zeros((2, 3))
    a.flat[1] = x[1]
    a.flat[3:] = x
    b = np.zeros((3, 2), order="F")
    b.flat[1::3] = 1.0
    b.flat[0] = x[0]
    c = np.zeros(3)
    c.flat = [x[2], 1.0, 2.0]
    return np.concatenate([a.ravel(), b.ravel(), c, [v * v for v in x.flat]])


def by_columns(x):
    a = np.zeros((3, 2), order="F")
    a[0, 0] = x[0]
    a.reshape(-1)[2] = 5.0  # a copy, as the items lie by columns
    a.ravel()[3] = 7.0
    a.T[1, 2] = x[1]
    return a


def by_fromiter(x):
    return np.fromiter((v * v for v in x), dtype=np.float64, count=3)


def by_frompyfunc(x):
    sine = np.frompyfunc(lambda v: math.sin(v), 1, 1)
    return np.sum(sine(x)) + sine(x[0]) + np.sum(sine([x[1], 2.0]))


def by_vectorize(x):
    return np.sum(np.vectorize(math.sin)([x[0], x[1]])) + np.vectorize(math.exp)(x[2])


def by_vectorize_of_two(x):
    both = np.vectorize(lambda v: (math.sin(v), v), otypes=[float, float])(x)
    return both[0] * both[1]


def by_vectorize_with_excluded(x):
    return np.vectorize(lambda a, k: a * np.sum(k), excluded=["k"])(x, k=np.array([2.0, 1.0]))


def by_vectorize_of_integers(x):
    return np.vectorize(lambda v: int(v * 3))(x) * x


def by_vectorize_typed_by_its_first(x):
    return np.vectorize(lambda v: 1 if v < 1 else v)(x) * x


@np.vectorize
def vectorized(x, y):
    return math.sin(x) * y if x > 0.5 else y * 1.0


def by_decorator(x):
    return vectorized(x, 2.0)


def by_add_at(x):
    a = np.zeros(3)
    np.add.at(a, [0, 0, 1], x)
    np.subtract.at(a, 2, x[0])
    np.add.at(a, [0, 1], 2.0)
    return a


def by_objects(x):
    a = np.empty(3, dtype=object)
    for i in range(3):
        a[i] = x[i] ** 2
    return np.sum(a) + np.sum(np.array(a.tolist()))


def by_strides(x):
    return np.lib.stride_tricks.as_strided(x, (2, 2), (8, 8)) * [[1.0, 2.0], [3.0, 4.0]]


def by_diagonal_written_into(x):
    a = np.zeros((3, 3))
    a[0] = x
    np.einsum("ii->i", a)[...] += x[1]
    return a


def by_views_of_one_number(x):
    a = np.empty(3)
    first, last = a[..., 0], a[1:][..., 1]
    first[()] = x[0] * x[1]
    np.multiply(x[1], x[2], out=last)
    a[1] = 2.0 * x[2]
    last += first
    return a * last


def by_parts_of_complex_numbers(x):
    a = np.zeros(3, complex)
    a.real = x
    a.imag = x * x
    b = np.zeros((2, 3), complex)
    b.real[0] = x
    b.imag[1, 1:] = x[1:]
    b.imag += 1.0
    b[0].imag[2] = x[0] ** 2
    b.T.real[0] *= 3.0
    b.imag.ravel()[1] = 7.0  # a copy, as the items do not lie one after the other
    return np.abs(a * a) + np.abs(b[0] * b[1] + b.real[0])


def by_dtype_of_objects(x):
    a = x.astype(object)
    return a * a


def by_out_of_methods(x):
    a = np.zeros(3)
    x.cumsum(out=a)
    a.clip(0.8, None, out=a)
    total = np.zeros(())
    x.sum(out=total)
    a.cumprod(out=a[::-1])
    return a * total


def by_out_of_reductions(x):
    a, total = np.zeros(3), np.zeros(())
    np.maximum.accumulate(x, out=a)
    np.add.reduce(a, where=[True, False, True], out=total)
    return a * total


def by_nans_in_place(x):
    a = np.full(4, np.nan)
    a[1:] = x
    np.nan_to_num(a, copy=False, nan=2.0)
    return a * a


def by_siblings(x):
    first, second, third = np.outer(x, [1.0, 2.0])
    first *= 3.0
    second += third
    return first * second


def by_random_state(x):
    return np.random.default_rng(0).normal(size=3) * x


@pytest.mark.parametrize(
    "f",
    [
        by_block,
        by_apply_along_axis,
        by_piecewise,
        by_piecewise_with_settings,
        by_select,
        by_choose,
        by_nditer,
        by_ndenumerate,
        by_ndenumerate_of_a_buffer,
        by_flat,
        by_columns,
        by_fromiter,
        by_frompyfunc,
        by_vectorize,
        by_vectorize_of_two,
        by_vectorize_with_excluded,
        by_vectorize_of_integers,
        by_vectorize_typed_by_its_first,
        by_decorator,
        by_add_at,
        by_objects,
        by_strides,
        by_diagonal_written_into,
        by_views_of_one_number,
        by_parts_of_complex_numbers,
        by_dtype_of_objects,
        by_out_of_methods,
        by_out_of_reductions,
        by_nans_in_place,
        by_siblings,
        by_random_state,
    ],
    ids=lambda f: getattr(f, "__name__", "vectorized"),
)
def test_function_is_right(f, agrees):
    assert agrees(f, VECTOR)


def test_numbers_of_numpy_keep_the_tape(agrees):
    assert agrees(lambda x: np.double(x) * np.abs(np.complex128(x) * 1j + 1), 0.83)
    assert agrees(lambda x: x * np.int64(x * 3) + np.float64(x).item(), 0.83)


def test_array_of_objects_never_leaves_without_its_gradient(mine):
    def f(x):
        a = np.empty(2, dtype=object)
        a[0], a[1] = x[0] ** 2, 3.0
        return a

    lifted(f, into=mine)

    with contextlib.suppress(LiftError):
        assert grad_bp(lambda x: twin_of(f, mine)(x)[0], VECTOR) == pytest.approx([1.4, 0, 0])


class Length(np.ndarray):
    """An array of a kind of its own."""

    def __new__(cls, a):
        return np.asarray(a, float).view(cls)


CONSTANT = np.ones((2, 2)).view(np.matrix)
MASKED = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]])


def by_structure(x):
    a = np.zeros(2, dtype=[("a", float), ("b", float)])
    a["a"] = x[0]
    return np.sum(a["a"])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.matrix(x) * np.matrix(x)),
        lambda x: np.sum(np.asmatrix(x) * 2.0),
        lambda x: np.trace(CONSTANT * x),
        lambda x: np.trace(x * CONSTANT),
        lambda x: np.sum(MASKED * x),
        lambda x: np.ma.masked_array(x, mask=x > 1).sum(),
        lambda x: np.ma.masked_where(x > 1, x).sum(),
        lambda x: np.sum(np.ma.filled(np.ma.masked_less(x, 0.9), 0.0)),
        lambda x: np.sum(Length(x)),
        lambda x: np.sum(x.view(Length)),
        lambda x: np.sum(Length(np.ones((2, 2))) * x),
        by_structure,
        lambda x: np.sum(np.rec.fromarrays([x[0], x[1]], names="a,b").a),
        lambda x: np.interp(0.5, [0.0, 2.0, 1.0], [x[0, 0], x[0, 1], 3.0]),
        lambda x: np.sum([np.nditer([x, np.zeros((2, 2))])]),
    ],
)
def test_kind_of_array_that_hides_a_bvar_is_refused(f, mine):
    lifted(f, into=mine)

    with pytest.raises(LiftError):
        grad_bp(twin_of(f, mine), MATRIX)


def test_several_results_are_views_of_their_own_arrays():
    def f(v):
        plain, made = np.zeros(2), np.zeros(2)
        made[:] = v
        a, b = np.atleast_1d(plain, made)
        b[0] *= 3.0
        a[1] = v[1] ** 2
        return np.sum(made) + np.sum(plain)

    assert np.allclose(grad_bp(composite(f), np.array([0.7, 1.3])), [3.0, 1.0 + 2 * 1.3])


@pytest.mark.parametrize("value", [2, 2.0, [2.0, 1.0]])
def test_array_without_copy_makes_an_array_of_what_is_none(value):
    def f(x):
        array = np.array(value, ndmin=2, copy=None)
        return array.sum() * array.ndim * x

    assert grad_bp(composite(f), 1.5) == f(1.0)


def test_array_without_copy_keeps_to_a_dtype():
    def f(x, a):
        return np.array(a, dtype=int, copy=None).sum() * x

    assert grad_bp(lambda x: composite(f)(x, np.array([1.7])), 1.5) == 1.0


@pytest.mark.parametrize("kind", [np.polynomial.Polynomial, np.polynomial.Chebyshev])
def test_series_of_polynomials_has_the_gradient_of_its_coefficients(kind):
    def f(c, x):
        p = kind(c, domain=[0.0, 3.0])
        return (p.deriv() * 2 + p)(x) * p.integ()(x)

    c, x, eps = np.array([0.3, -1.2, 0.8]), 1.3, 1e-6
    dzdc, dzdx = grad_bp(composite(f), c, x)

    steps = eps * np.eye(3)
    assert np.allclose(dzdc, [(f(c + s, x) - f(c - s, x)) / (2 * eps) for s in steps], rtol=1e-7)
    assert np.isclose(dzdx, (f(c, x + eps) - f(c, x - eps)) / (2 * eps), rtol=1e-7)


def test_polynomial_of_one_variable_has_the_gradient_of_its_coefficients(agrees):
    def f(x):
        p = np.poly1d(x)
        return (p * p - 2.0 * p.deriv())(1.5) * p.integ()(x[0]) + p[1]

    assert agrees(f, VECTOR)


def test_function_made_to_replace_one_of_numpy_is_lifted_as_that(agrees):
    bottleneck = pytest.importorskip("bottleneck")
    missing = np.array([1.0, np.nan, 1.0])

    assert agrees(lambda x: bottleneck.nanstd(x * missing, ddof=1) + bottleneck.nansum(x), VECTOR)


def test_question_to_pandas_is_answered(agrees):
    pandas = pytest.importorskip("pandas")

    def f(x):
        x = np.append(x, np.nan)
        known = x[~pandas.isna(x)] if pandas.api.types.is_list_like(x) else x * 0.0
        return known * pandas.notna(x[0]) * pandas.api.types.is_scalar(x[0])

    assert agrees(f, VECTOR)


def test_write_through_a_view_of_other_numbers_is_refused(mine):
    def f(x):
        a = np.zeros(3, complex)
        a.view(float)[:3] = x
        return np.abs(a)

    lifted(f, into=mine)

    with pytest.raises(LiftError, match="bytes of a complex array"):
        grad_bp(lambda x: np.sum(twin_of(f, mine)(x)), VECTOR)


def test_conversion_to_objects_of_a_type_is_refused(mine):
    def f(x):
        return x.astype(datetime.datetime)

    lifted(f, into=mine)

    with pytest.raises(LiftError, match="conversion to datetime has no gradient"):
        grad_bp(lambda x: np.sum(twin_of(f, mine)(x)), VECTOR)


def test_sparse_matrix_of_bvars_is_refused_by_its_name(mine):
    sparse = pytest.importorskip("scipy.sparse")

    def f(x):
        return sparse.csr_matrix(np.diag(x)) @ x

    lifted(f, into=mine)

    with pytest.raises(LiftError, match=r"scipy\.sparse\.csr_matrix has no gradient here"):
        grad_bp(lambda x: np.sum(twin_of(f, mine)(x)), VECTOR)
