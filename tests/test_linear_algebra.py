"""Linear algebra with batch axes, twice, and where there is no derivative."""

import numpy as np
import pytest
import scipy.linalg as sl

from backprop_lift import grad_bp, twin_of
from backprop_lift.errors import NoGradientError

la = np.linalg
RNG = np.random.default_rng(0)
WEIGHTS = np.array([[1.0, -2.0, 0.5], [3.0, 0.2, -1.0], [0.7, 1.1, 2.0]])


def drawn(kind, *shape):
    real = RNG.normal(size=shape)
    return real + 1j * RNG.normal(size=shape) if kind == "complex" else real


def positive(a):
    return a @ np.swapaxes(a, -1, -2).conj() + np.eye(a.shape[-1])


def loss(results):
    """A real number that depends on every entry of the results, and is not symmetric in them."""
    rng, total = np.random.default_rng(7), 0.0
    for y in results if isinstance(results, tuple) else (results,):
        total = total + np.sum(np.real(y) * rng.normal(size=y.shape))
        if np.iscomplexobj(y):
            total = total + np.sum(np.imag(y) * rng.normal(size=y.shape))
    return total


def differences(f, x, step=1e-6):
    found = np.zeros(x.shape, x.dtype)
    for i in np.ndindex(x.shape):
        for unit in (1, 1j) if x.dtype.kind == "c" else (1,):
            e = np.zeros(x.shape, x.dtype)
            e[i] = unit
            found[i] += unit * (f(x + step * e) - f(x - step * e)) / (2 * step)
    return found


def assert_right(f, x, tolerance=2e-6):
    expected = differences(f, x)
    size = max(1.0, np.abs(expected).max(initial=0.0))

    assert grad_bp(f, x) / size == pytest.approx(expected / size, abs=tolerance)


# From a matrix, and how such a matrix is drawn.
REGULAR = lambda kind, batch: drawn(kind, *batch, 3, 3) + 2 * np.eye(3)
DEFINITE = lambda kind, batch: positive(drawn(kind, *batch, 3, 3))
TALL = lambda kind, batch: drawn(kind, *batch, 4, 2)
WIDE = lambda kind, batch: drawn(kind, *batch, 2, 4)
B = np.arange(6.0).reshape(3, 2) + 1
FUNCTIONS = {
    "inv": (la.inv, REGULAR),
    "det": (la.det, REGULAR),
    "slogdet": (lambda m: tuple(la.slogdet(m)), REGULAR),
    "solve for a vector": (lambda m: la.solve(m, B[:, 0]), REGULAR),
    "solve for columns": (lambda m: la.solve(m, B), REGULAR),
    "pinv of tall": (la.pinv, TALL),
    "pinv of wide": (la.pinv, WIDE),
    "eigh": (lambda m: tuple(la.eigh(m)), DEFINITE),
    "eigh of the upper triangle": (lambda m: tuple(la.eigh(m, "U")), DEFINITE),
    "eigvalsh": (la.eigvalsh, DEFINITE),
    "eigvals": (la.eigvals, REGULAR),
    "cholesky": (la.cholesky, DEFINITE),
    "svd of tall": (lambda m: tuple(la.svd(m, full_matrices=False)), TALL),
    "svd of square": (lambda m: tuple(la.svd(m)), REGULAR),
    "singular values of wide": (lambda m: la.svd(m, compute_uv=False), WIDE),
    "svd with all columns": (lambda m: (lambda u, s, vt: (s, np.abs(u[..., :2])))(*la.svd(m)), TALL),
    "qr of tall": (lambda m: tuple(la.qr(m)), TALL),
    "qr of wide": (lambda m: tuple(la.qr(m)), WIDE),
    "complete qr of tall": (lambda m: tuple(la.qr(m, "complete")), TALL),
    "complete qr of wide": (lambda m: tuple(la.qr(m, "complete")), WIDE),
    "r of tall": (lambda m: la.qr(m, "r"), TALL),
    "r of wide": (lambda m: la.qr(m, "r"), WIDE),
    "expm": (twin_of(sl.expm), REGULAR),
    "spectral norm": (lambda m: la.norm(m, 2, axis=(-2, -1)), TALL),
    "nuclear norm": (lambda m: la.norm(m, "nuc", axis=(-2, -1)), WIDE),
    "inverse square": (lambda m: la.matrix_power(m, -2), REGULAR),
}  # fmt: skip


@pytest.mark.parametrize("batch", [(), (2,), (2, 1)], ids=repr)
@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_with_batch_axes_is_right(name, kind, batch):
    f, matrix = FUNCTIONS[name]

    assert_right(lambda m: loss(f(m)), matrix(kind, batch))


SINGLE = {
    "sqrtm": (twin_of(sl.sqrtm), DEFINITE),
    "logm": (twin_of(sl.logm), DEFINITE),
    "lstsq of tall": (lambda m: la.lstsq(m, np.arange(4.0), rcond=None)[0], TALL),
    "lstsq of wide": (lambda m: la.lstsq(m, np.arange(2.0), rcond=None)[0], WIDE),
    "sums of squares of lstsq": (lambda m: la.lstsq(m, np.arange(4.0), rcond=None)[1], TALL),
    "cov": (lambda m: np.cov(m, rowvar=False), TALL),
}


@pytest.mark.parametrize("name", SINGLE)
def test_gradient_of_one_matrix_is_right(name):
    f, matrix = SINGLE[name]

    assert_right(lambda m: loss(f(m)), matrix("real", ()))


def test_gradient_of_solve_by_the_right_side_is_right():
    stack = REGULAR("real", (2,))

    assert_right(lambda b: loss(la.solve(stack, b)), drawn("real", 3))
    assert_right(lambda b: loss(la.solve(stack, b)), drawn("real", 2, 3, 4))
    assert_right(lambda b: loss(la.solve(stack[0], b)), drawn("real", 5, 3, 2))


@pytest.mark.parametrize("name", {**FUNCTIONS, **SINGLE}.keys() - {"sums of squares of lstsq"})
def test_second_derivative_is_right(name):
    f, matrix = {**FUNCTIONS, **SINGLE}[name]
    x = matrix("real", ())
    along = np.random.default_rng(3).normal(size=x.shape)

    assert_right(lambda m: np.sum(grad_bp(lambda q: loss(f(q)), m) * along), x, 2e-5)


# Where a matrix is singular, or values coincide

TURNED = la.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
TWICE_TWO = TURNED @ np.diag([2.0, 2.0, 5.0]) @ TURNED.T
RANK_ONE = np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 1.0])
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (la.det, SINGULAR),
        (la.det, RANK_ONE),
        (la.det, np.zeros((2, 2))),
        (lambda m: np.sum(la.det(m)), np.stack([np.zeros((2, 2)), WEIGHTS[:2, :2]])),
        (lambda m: np.sum(grad_bp(la.det, m) * WEIGHTS), SINGULAR),
        (lambda m: np.sum(la.eigvalsh(m) ** 3), TWICE_TWO),
        (lambda m: np.sum(la.eigh(m)[1][:, 2] ** 2 * WEIGHTS[0]), TWICE_TWO),
        (lambda m: la.svd(m, compute_uv=False)[0], RANK_ONE),
        (lambda m: np.sum(la.svd(m, compute_uv=False)), 2 * TURNED),
        (lambda m: np.sum(la.svd(m)[0][:, 0] ** 2 * WEIGHTS[0]), RANK_ONE),
        (lambda m: np.sum(la.eigvals(m)).real, np.array([[1.0, 1.0], [0.0, 1.0]])),
        (lambda m: np.sum(la.pinv(m, 1e-3) * WEIGHTS), RANK_ONE),
        (lambda m: np.sum(la.lstsq(m, WEIGHTS[0], rcond=1e-3)[0]), RANK_ONE),
        (lambda b: np.sum(la.lstsq(RANK_ONE, b, rcond=None)[0] * WEIGHTS[0]), WEIGHTS[1]),
        (lambda m: np.sum(twin_of(sl.expm)(m) * WEIGHTS), np.eye(3) + np.eye(3, k=1)),
        (lambda m: np.sum(twin_of(sl.sqrtm)(m) * WEIGHTS), np.eye(3)),
    ],
)  # fmt: skip
def test_gradient_at_singular_matrices_and_equal_values_is_right_where_it_exists(f, x):
    assert_right(f, x)


def rebuilt(w, v):
    return np.sum(((v * w) @ v.T) * WEIGHTS)


@pytest.mark.parametrize(
    ("f", "x", "message"),
    [
        (lambda m: np.sum(la.eigh(m)[1] * WEIGHTS), TWICE_TWO, "whose values coincide"),
        (lambda m: np.sum(la.eigh(m)[1] * WEIGHTS), np.eye(3), "whose values coincide"),
        (lambda m: rebuilt(*la.eigh(m)), TWICE_TWO, "whose values coincide"),
        (lambda m: rebuilt(*la.eigh(m)), np.zeros((3, 3)), "whose values coincide"),
        (lambda m: rebuilt(*twin_of(sl.eigh)(m)), TWICE_TWO, "scipy.linalg.eigh whose values"),
        (lambda m: np.sum(la.eig(m)[1] * WEIGHTS).real, np.eye(3), "whose values coincide"),
        (lambda m: la.eigvals(m)[0].real, np.eye(2, k=1) + np.eye(2), "a defective matrix"),
        (lambda m: np.sum(la.svd(m)[0] * WEIGHTS), np.eye(3), "whose values coincide"),
        (lambda m: np.sum((lambda u, s, vt: (u * s) @ vt)(*la.svd(m))), np.zeros((2, 2)), "coincide"),
        (
            lambda m: np.sum((lambda u, s, vt: (u * s) @ vt)(*la.svd(m, full_matrices=False))),
            np.array([[2.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
            "whose singular value is zero",
        ),
        (lambda m: np.sum(la.svd(m)[0]), np.vstack([WEIGHTS, B.T[:1]])[:, :2], "completes a basis"),
        (lambda m: np.sum(la.qr(m)[1]), RANK_ONE, "depend on each other"),
        (lambda m: np.sum(la.qr(m)[1]), SINGULAR[:2], "depend on each other"),
        (lambda m: np.sum(la.qr(m, "raw")[0]), WEIGHTS, 'mode="raw"'),
        (lambda m: la.slogdet(m)[1], np.zeros((2, 2)), "at a singular matrix"),
        (lambda m: np.sum(la.pinv(m)), RANK_ONE, "pinv .* of deficient rank"),
        (lambda m: np.sum(la.pinv(m, 1e-3)), np.zeros((2, 3)), "pinv .* of deficient rank"),
        (lambda m: np.sum(la.lstsq(m, WEIGHTS[0], rcond=None)[0]), RANK_ONE, "lstsq .* deficient"),
        (lambda m: np.sum(twin_of(sl.sqrtm)(m)), np.diag([1.0, 0.0]), "sqrtm has no derivative"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_gradient_that_does_not_exist_is_refused(f, x, message):
    with pytest.raises(NoGradientError, match=message):
        grad_bp(f, x)


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (la.inv, (0, 0)),
        (la.eigvalsh, (0, 0)),
        (la.cholesky, (0, 0)),
        (la.pinv, (3, 0)),
        (lambda m: la.qr(m)[0], (3, 0)),
        (lambda m: la.svd(m, compute_uv=False), (0, 3)),
        (twin_of(sl.expm), (0, 0)),
        (lambda m: la.det(m) + 0.0 * np.sum(m), (0, 0)),
    ],
)
def test_gradient_of_empty_matrices_is_empty(f, shape):
    assert grad_bp(lambda m: np.sum(f(m)), np.zeros(shape)).shape == shape
