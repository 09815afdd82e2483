"""Aliasing: what is written through a view is seen by its base, and the reverse, as in NumPy.

A BVar may refuse instead, where a view was taken before its base moved on; it is never wrong.
"""

import numpy as np
import pytest

from backprop_lift import Registry, backprop, lifted, registry, twin_of
from backprop_lift.errors import (
    ConversionError,
    NoGradientError,
    TapeError,
    UnhandledParameterError,
)

REFUSALS = (TapeError, ConversionError, NoGradientError, UnhandledParameterError)

MATRIX = np.array([[0.7, 1.9, -0.4], [2.4, -1.3, 0.6]])
WEIGHTS = np.cos(np.arange(6.0))

VIEWS = {
    "itself": lambda y: y,
    "row": lambda y: y[1],
    "column": lambda y: y[:, 1],
    "ellipsis": lambda y: y[...],
    "new axis": lambda y: y[:, None],
    "reversed": lambda y: y[::-1, ::-1],
    "row of a row": lambda y: y[0][1:],
    "T": lambda y: y.T,
    "mT": lambda y: y.mT,
    "transpose": lambda y: y.transpose(1, 0),
    "np.transpose": np.transpose,
    "ravel": lambda y: y.ravel(),
    "np.ravel": np.ravel,
    "reshape": lambda y: y.reshape(3, 2),
    "np.reshape": lambda y: np.reshape(y, (3, 2)),
    "swapaxes": lambda y: y.swapaxes(0, 1),
    "np.swapaxes": lambda y: np.swapaxes(y, 0, 1),
    "squeeze": lambda y: y[None].squeeze(),
    "np.squeeze": lambda y: np.squeeze(y[None]),
    "np.expand_dims": lambda y: np.expand_dims(y, 0)[0],
    "np.atleast_3d": np.atleast_3d,
    "np.moveaxis": lambda y: np.moveaxis(y, 0, 1),
    "np.split": lambda y: np.split(y, 2)[1],
    "np.hsplit": lambda y: np.hsplit(y, 3)[1],
    "np.array_split": lambda y: np.array_split(y, 2)[0],
    "np.flip": np.flip,
    "np.rot90": np.rot90,
    "np.asarray": np.asarray,
    "np.asanyarray": np.asanyarray,
    "np.ascontiguousarray": np.ascontiguousarray,
    "np.array without copy": lambda y: np.array(y, copy=None),
    "np.require": lambda y: np.require(y, float),
    "astype without copy": lambda y: y.astype(float, copy=False),
    "view": lambda y: y.view(),
    "real": lambda y: y.real,
    "np.real": np.real,
    "np.real_if_close": np.real_if_close,
    "conj of reals": lambda y: y.conj(),
    "diagonal": lambda y: y[:, :2].T.diagonal(),
}
COPIES = {
    "copy": lambda y: y.copy(),
    "np.copy": np.copy,
    "np.array": np.array,
    "astype": lambda y: y.astype(float),
    "flatten": lambda y: y.flatten(),
    "indices": lambda y: y[:, [0, 1]],
    "mask": lambda y: y[y > 0],
    "np.take": lambda y: np.take(y, [0, 1], axis=1),
    "positive": lambda y: +y,
    "times one": lambda y: y * 1.0,
    "np.concatenate": lambda y: np.concatenate([y, y]),
}
WAYS = VIEWS | COPIES


def multiplied(v):
    """An array of our own, made by an operation."""
    return v * 1.0


def filled(v):
    """An array of our own, made by a constructor."""
    y = np.zeros(v.shape)
    y[:] = v
    return y


def write_through(y, view, v):
    view[0] = 3.0 * v[1, 1]


def add_through(y, view, v):
    view[-1] += 2.0 * v[0, 0]


def scale_through(y, view, v):
    view *= v[0, 1]


def write_beneath(y, view, v):
    y[0, 0] = 3.0 * v[1, 1]
    y[1] *= 2.0


def write_both(y, view, v):
    view[0] = 3.0 * v[1, 1]
    y[1, 1] = view.ravel()[0] * 2.0


# Views that NumPy itself makes read-only.
READ_ONLY = {"diagonal"}
WRITES = [write_through, add_through, scale_through, write_beneath, write_both]


def weighed(x):
    return np.sum(np.ravel(x) * WEIGHTS[: np.size(x)]) if np.size(x) <= 6 else np.sum(x)


def differences(f, x, eps=1e-6):
    found = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        found[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return found


@pytest.mark.parametrize("inside", ["composite", "plain code"])
@pytest.mark.parametrize("make", [multiplied, filled])
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "way", [pytest.param(way, id=name) for name, way in WAYS.items() if name not in READ_ONLY]
)
def test_aliasing_is_numpys(way, write, make, inside):
    def f(v):
        y = make(v)
        view = way(y)
        write(y, view, v)
        return weighed(y) + 1.7 * weighed(view)

    expected = f(MATRIX)
    g = f
    if inside == "composite":
        into = Registry(parent=registry)
        lifted(f, into=into)
        g = twin_of(f, into)

    try:
        y, gradient = backprop(g, MATRIX)
    except REFUSALS:
        return
    except ValueError as error:  # NumPy's own, of an assignment that we refused
        if isinstance(error.__cause__, REFUSALS):
            return
        raise

    assert np.isclose(y, expected)
    assert np.allclose(gradient, differences(f, MATRIX), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("way", VIEWS.values(), ids=VIEWS)
def test_read_only_view_is_right_everywhere(way):
    def f(v):
        return weighed(way(filled(v))) * weighed(way(multiplied(v)))

    into = Registry(parent=registry)
    lifted(f, into=into)
    y, gradient = backprop(twin_of(f, into), MATRIX)

    assert np.isclose(y, f(MATRIX))
    assert np.allclose(gradient, differences(f, MATRIX), rtol=1e-5, atol=1e-6)


def parts_of_complex(v):
    z = np.zeros(3, complex)
    z[0] = v[0, 0]
    z[1] = v[0, 1] * 1j
    z.real[2] = v[1, 1]
    z.imag[0] = v[1, 0]
    return np.sum(np.abs(z) * np.arange(1.0, 4.0))


def test_parts_of_a_complex_array_are_views():
    into = Registry(parent=registry)
    lifted(parts_of_complex, into=into)

    try:
        y, gradient = backprop(twin_of(parts_of_complex, into), MATRIX)
    except REFUSALS:
        return

    assert np.isclose(y, parts_of_complex(MATRIX))
    assert np.allclose(gradient, differences(parts_of_complex, MATRIX), rtol=1e-5)


def swapped_rows(v):
    y = v * 1.0
    y[0], y[1] = y[1], y[0]
    return np.sum(np.ravel(y) * WEIGHTS)


@pytest.mark.parametrize("inside", ["composite", "plain code"])
def test_swapping_rows_by_views_is_as_surprising_as_in_numpy_or_refused(inside):
    into = Registry(parent=registry)
    lifted(swapped_rows, into=into)

    try:
        y, _ = backprop(
            twin_of(swapped_rows, into) if inside == "composite" else swapped_rows, MATRIX
        )
    except TapeError:
        return

    assert np.isclose(y, swapped_rows(MATRIX))


@pytest.mark.parametrize("inside", ["composite", "plain code"])
@pytest.mark.parametrize("way", [np.real, np.squeeze, np.transpose])
def test_what_numpys_functions_view_may_be_written_through(way, inside):
    def f(v):
        y = v * 1.0
        view = way(y)
        view /= v[0, 0]
        return weighed(y)

    into = Registry(parent=registry)
    lifted(f, into=into)
    _, gradient = backprop(twin_of(f, into) if inside == "composite" else f, MATRIX)

    assert np.allclose(gradient, differences(f, MATRIX), rtol=1e-5, atol=1e-6)


SPECTRUM = np.array([1.0 + 2.0j, 2.0 - 1.0j])


def test_view_that_is_not_known_to_read_its_base_is_assigned_to():
    def f(z):
        part = np.real(z * 1.0)
        part /= part[1]
        return part[0]

    gradient = backprop(f, SPECTRUM)[1]

    assert np.allclose(gradient, [0.5, -0.25])


@lifted(grad=lambda dzdy, x: np.concatenate([dzdy, np.zeros(len(x) - 1)]))
def head(x):
    return x[:1]


@pytest.mark.parametrize(
    "use", [lambda w: np.abs(w).sum(), lambda w: (w == w).sum(), lambda w: w[0], lambda w: w.shape]
)
def test_base_is_refused_after_a_view_that_a_rule_gave_was_assigned_to(use):
    def f(v):
        w = v * 1.0
        part = twin_of(head)(w)
        part /= 2.0
        use(w)
        return part[0]

    with pytest.raises(TapeError, match="shares its memory"):
        backprop(f, np.array([1.0, 2.0]))


def test_view_compares_as_its_base_after_that_was_assigned_to():
    def f(v):
        y = v * 1.0
        row = y[0]
        y[0, 0] = 5.0
        return np.sum(y) * np.count_nonzero(row > 3.0)

    assert np.allclose(backprop(f, MATRIX)[1], differences(f, MATRIX))


@pytest.mark.parametrize("part", [np.real, lambda z: z.real])
def test_real_part_of_a_complex_array_may_be_written_through(part):
    def f(v):
        z = v * (1.0 + 2.0j)
        view = part(z)
        view /= v[0, 1]
        return weighed(np.real(z)) + 1.7 * weighed(np.imag(z))

    into = Registry(parent=registry)
    lifted(f, into=into)
    _, gradient = backprop(twin_of(f, into), MATRIX)

    assert np.allclose(gradient, differences(f, MATRIX), rtol=1e-5, atol=1e-6)
