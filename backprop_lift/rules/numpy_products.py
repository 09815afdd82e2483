"""Products of vectors, matrices and tensors: matmul, dot, einsum, kron, cross and their kin.

``y = a @ b`` has ``dzda = dzdy @ b^H`` and ``dzdb = a^H @ dzdy``; the rest is bookkeeping of axes.

References
----------
M. B. Giles, "An extended collection of matrix derivative results for forward and reverse mode
automatic differentiation", Oxford NA-08/01 (2008), section 2.2.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._bvar import has_bvar
from .._lift import lifted
from .._registry import twin_of
from ..errors import UnhandledParameterError
from ._matrices import adjoint, array_like, column, conj, row, summed_to

__all__: list[str] = []

Samples = Callable[[np.random.Generator], list[tuple[Any, ...]]]


def _pairs(*shapes: tuple[tuple[int, ...], tuple[int, ...]], settings: Any = ()) -> Samples:
    """Samples of two operands: real ones of all `shapes`, complex ones of the first three."""

    def samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        real = [(rng.normal(size=m), rng.normal(size=n), *settings) for m, n in shapes]
        turned = [(a * (1 - 0.5j), b * (0.3 + 1j), *settings) for a, b, *settings in real[:3]]
        return real + turned

    return samples


# Below this size of the result, column times row is fastest by BLAS; above it by einsum, which
# takes half the time of np.outer.
_LARGE_OUTER = 20_000


def _outer(u: Any, v: Any) -> Any:
    if u.size * v.size < _LARGE_OUTER:
        return np.dot(u[:, None], v[None, :])
    return np.einsum("i,j->ij", u, v)


# Matrix products. The short cases come first, since everything else is slower than they are.


def _matmul_x1_grad(dzdy: Any, x1: Any, x2: Any) -> Any:
    x1, x2 = array_like(x1), array_like(x2).conj()
    n1, n2 = x1.ndim, x2.ndim
    if n2 == 1:
        if n1 == 2:
            return _outer(dzdy, x2)
        return dzdy * x2 if n1 == 1 else column(dzdy) * x2
    if n1 == 1:
        return x2 @ dzdy if n2 == 2 else summed_to((x2 @ column(dzdy))[..., 0], x1.shape)
    if n1 == n2 == 2:
        return dzdy @ x2.T
    return summed_to(dzdy @ np.swapaxes(x2, -1, -2), x1.shape)


def _matmul_x2_grad(dzdy: Any, x1: Any, x2: Any) -> Any:
    x1, x2 = array_like(x1).conj(), array_like(x2)
    n1, n2 = x1.ndim, x2.ndim
    if n1 == 1:
        if n2 == 1:
            return dzdy * x1
        return _outer(x1, dzdy) if n2 == 2 else column(x1) * row(dzdy)
    if n2 > 2:
        return summed_to(np.swapaxes(x1, -1, -2) @ dzdy, x2.shape)
    if n1 > 2:  # one matrix for the whole batch: a single product instead of a sum of products
        x1 = x1.reshape(-1, x1.shape[-1])
        dzdy = dzdy.reshape(-1, *x2.shape[1:])
    return dzdy @ x1 if n2 == 1 else x1.T @ dzdy


_matmul_samples = _pairs(
    ((2, 3), (3, 4)),
    ((2, 3), (3,)),
    ((2,), (2, 3)),
    ((3,), (3,)),
    ((5, 2, 3), (3,)),
    ((2,), (5, 2, 3)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
)
for _matmul in (np.matmul, np.linalg.matmul):
    lifted(
        grad={"x1": _matmul_x1_grad, "x2": _matmul_x2_grad}, complex=True, samples=_matmul_samples
    )(_matmul)


def _matvec_x2_grad(dzdy: Any, x1: Any, x2: Any) -> Any:
    return summed_to((adjoint(x1) @ column(dzdy))[..., 0], np.shape(x2))


def _vecmat_x1_grad(dzdy: Any, x1: Any, x2: Any) -> Any:
    return summed_to((array_like(x2) @ column(conj(dzdy)))[..., 0], np.shape(x1))


def _vecdot_x1_grad(dzdy: Any, x1: Any, x2: Any, axis: int) -> Any:
    v1, v2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    dzdv1 = np.expand_dims(conj(dzdy), -1) * v2
    return np.moveaxis(summed_to(dzdv1, v1.shape), -1, axis)


def _vecdot_x2_grad(dzdy: Any, x1: Any, x2: Any, axis: int) -> Any:
    return _vecdot_x1_grad(conj(dzdy), x2, x1, axis)


_VECTOR_PRODUCTS = {
    "matvec": (
        {
            "x1": lambda dzdy, x1, x2: summed_to(
                column(dzdy) * row(conj(array_like(x2))), np.shape(x1)
            ),
            "x2": _matvec_x2_grad,
        },
        _pairs(((2, 3), (3,)), ((5, 2, 3), (5, 3)), ((2, 3), (5, 3)), ((5, 1, 2, 3), (4, 3))),
    ),
    "vecmat": (
        {
            "x1": _vecmat_x1_grad,
            "x2": lambda dzdy, x1, x2: summed_to(
                column(array_like(x1)) * row(dzdy), np.shape(x2)
            ),
        },
        _pairs(((2,), (2, 3)), ((5, 2), (5, 2, 3)), ((5, 2), (2, 3)), ((4, 2), (5, 1, 2, 3))),
    ),
    "vecdot": (
        {"x1": _vecdot_x1_grad, "x2": _vecdot_x2_grad},
        _pairs(((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (3,)), ((4, 1, 3), (2, 3))),
    ),
}
for _name, (_grads, _samples) in _VECTOR_PRODUCTS.items():
    if hasattr(np, _name):  # vecdot came with numpy 2.0, the others with 2.2
        lifted(
            grad=_grads,
            complex=True,
            samples=_samples,
            signature="x1, x2, /, *, axis=-1" if _name == "vecdot" else None,
        )(getattr(np, _name))


# Products over chosen axes


def _contracted(
    axes: Any, a_ndim: int, b_ndim: int
) -> tuple[list[int], list[int], list[int], list[int]]:
    """The axes of `numpy.tensordot`: free ones of a, contracted ones of a and b, free ones of b."""
    if isinstance(axes, Sequence) or np.ndim(axes):
        of_a, of_b = ([int(i) for i in np.atleast_1d(one)] for one in axes)
    else:
        of_a, of_b = list(range(-int(axes), 0)), list(range(int(axes)))
    of_a, of_b = [i % a_ndim for i in of_a], [i % b_ndim for i in of_b]
    return (
        [i for i in range(a_ndim) if i not in of_a],
        of_a,
        of_b,
        [i for i in range(b_ndim) if i not in of_b],
    )


def _tensordot_a_grad(dzdy: Any, a: Any, b: Any, axes: Any) -> Any:
    free_a, of_a, of_b, free_b = _contracted(axes, np.ndim(a), np.ndim(b))
    after = range(len(free_a), len(free_a) + len(free_b))
    dzda = np.tensordot(dzdy, conj(b), axes=(list(after), free_b))
    order = free_a + [of_a[i] for i in np.argsort(of_b, kind="stable")]
    return np.transpose(dzda, np.argsort(order))


def _tensordot_b_grad(dzdy: Any, a: Any, b: Any, axes: Any) -> Any:
    free_a, of_a, of_b, free_b = _contracted(axes, np.ndim(a), np.ndim(b))
    dzdb = np.tensordot(conj(a), dzdy, axes=(free_a, list(range(len(free_a)))))
    order = [of_b[i] for i in np.argsort(of_a, kind="stable")] + free_b
    return np.transpose(dzdb, np.argsort(order))


def _tensordot_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5, 3))
    return [
        (a, b, ([1, 2], [2, 0])),
        (a, b, ([-1], [0])),
        (a, b, (2, 0)),
        (a, rng.normal(size=(3, 4, 5))),
        (a, rng.normal(size=(4, 5)), 1),
        (a, rng.normal(size=5), 0),
        (a * (1 + 2j), b * (0.5 - 1j), ([2, 1], [0, 2])),
    ]


lifted(
    grad={"a": _tensordot_a_grad, "b": _tensordot_b_grad}, complex=True, samples=_tensordot_samples
)(np.tensordot)


def _dot_axes(a: Any, b: Any) -> tuple[list[int], list[int]]:
    return [-1], [-2 if np.ndim(b) > 1 else -1]


def _dot_a_grad(dzdy: Any, a: Any, b: Any) -> Any:
    n = np.ndim(a), np.ndim(b)
    if 0 in n:
        return dzdy * conj(b)
    if max(n) < 3:
        return _matmul_x1_grad(dzdy, a, b)
    return _tensordot_a_grad(dzdy, a, b, _dot_axes(a, b))


def _dot_b_grad(dzdy: Any, a: Any, b: Any) -> Any:
    n = np.ndim(a), np.ndim(b)
    if 0 in n:
        return dzdy * conj(a)
    if max(n) < 3:
        return _matmul_x2_grad(dzdy, a, b)
    return _tensordot_b_grad(dzdy, a, b, _dot_axes(a, b))


lifted(
    grad={"a": _dot_a_grad, "b": _dot_b_grad},
    complex=True,
    samples=_pairs(
        ((3,), (3,)),
        ((2, 3), (3, 4)),
        ((2, 3), (3,)),
        ((2,), (2, 3)),
        ((), ()),
        ((2, 3), ()),
        ((), (3,)),
        ((5, 2, 3), (3,)),
        ((3,), (5, 3, 4)),
        ((2, 3), (5, 3, 4)),
        ((6, 2, 3), (5, 3, 4)),
    ),
)(np.dot)

_LAST = [-1], [-1]
lifted(
    grad={
        "a": lambda dzdy, a, b: (
            _tensordot_a_grad(dzdy, a, b, _LAST) if np.ndim(a) and np.ndim(b) else dzdy * conj(b)
        ),
        "b": lambda dzdy, a, b: (
            _tensordot_b_grad(dzdy, a, b, _LAST) if np.ndim(a) and np.ndim(b) else dzdy * conj(a)
        ),
    },
    complex=True,
    samples=_pairs(
        ((3,), (3,)), ((2, 3), (4, 3)), ((5, 2, 3), (3,)), ((3,), (2, 4, 3)), ((2, 3), ()), ((), (3,))
    ),
)(np.inner)

lifted(
    grad={
        "a": lambda dzdy, a, b: conj(dzdy) * np.reshape(b, np.shape(a)),
        "b": lambda dzdy, a, b: dzdy * np.reshape(a, np.shape(b)),
    },
    complex=True,
    samples=_pairs(((3,), (3,)), ((2, 3), (3, 2)), ((2, 3), (6,))),
)(np.vdot)


def _outer_a_grad(dzdy: Any, a: Any, b: Any) -> Any:
    return np.reshape(dzdy @ np.ravel(conj(b)), np.shape(a))


def _outer_b_grad(dzdy: Any, a: Any, b: Any) -> Any:
    return np.reshape(np.ravel(conj(a)) @ dzdy, np.shape(b))


lifted(
    grad={"a": _outer_a_grad, "b": _outer_b_grad},
    complex=True,
    samples=_pairs(((2,), (3,)), ((2, 3), (4,)), ((3,), (2, 2)), ((), (3,))),
)(np.outer)


def _kron_blocks(dzdy: Any, a: Any, b: Any) -> tuple[Any, Any, Any, list[int], list[int]]:
    """The cotangent with one axis for each axis of a and of b, and both filled up to its rank."""
    n = max(np.ndim(a), np.ndim(b))
    a = np.reshape(a, (1,) * (n - np.ndim(a)) + np.shape(a))
    b = np.reshape(b, (1,) * (n - np.ndim(b)) + np.shape(b))
    sizes = [size for pair in zip(a.shape, b.shape, strict=True) for size in pair]
    return np.reshape(dzdy, sizes), a, b, list(range(0, 2 * n, 2)), list(range(1, 2 * n, 2))


def _kron_a_grad(dzdy: Any, a: Any, b: Any) -> Any:
    blocks, _, filled_b, _, of_b = _kron_blocks(dzdy, a, b)
    return np.reshape(
        np.tensordot(blocks, conj(filled_b), axes=(of_b, list(range(len(of_b))))), np.shape(a)
    )


def _kron_b_grad(dzdy: Any, a: Any, b: Any) -> Any:
    blocks, filled_a, _, of_a, _ = _kron_blocks(dzdy, a, b)
    return np.reshape(
        np.tensordot(conj(filled_a), blocks, axes=(list(range(len(of_a))), of_a)), np.shape(b)
    )


lifted(
    grad={"a": _kron_a_grad, "b": _kron_b_grad},
    complex=True,
    samples=_pairs(
        ((2, 3), (4, 5)), ((2,), (3,)), ((2, 3), (4,)), ((3,), (2, 4)), ((2, 1, 3), (2, 2)), ((), (2,))
    ),
)(np.kron)


# Einstein sums


def _subscripts(operands: Sequence[Any]) -> tuple[list[str], str, list[int]]:
    """The call of `numpy.einsum` without its abbreviations.

    Returns
    -------
    terms, output : list of str, str
        A letter for each axis; ellipses are spelt out, the output is explicit.
    at : list of int
        Where the arrays stand among `operands`.
    """
    if isinstance(operands[0], str):
        inputs, arrow, output = operands[0].replace(" ", "").partition("->")
        terms, at = inputs.split(","), list(range(1, len(operands)))
    else:
        at = list(range(0, len(operands) - 1, 2))
        terms = [_lettered(operands[i + 1]) for i in at]
        arrow, output = "", ""
        if len(operands) % 2:
            arrow, output = "->", _lettered(operands[-1])
    letters = "".join(terms).replace(".", "")
    ranks = [
        np.ndim(operands[i]) - len(term.replace(".", "")) if "..." in term else 0
        for i, term in zip(at, terms, strict=True)
    ]
    unused = [letter for letter in string.ascii_letters if letter not in letters]
    dots = "".join(unused[: max(ranks)])
    if not arrow:
        output = "..." + "".join(sorted(i for i in set(letters) if letters.count(i) == 1))
    return (
        [
            term.replace("...", dots[len(dots) - rank :])
            for term, rank in zip(terms, ranks, strict=True)
        ],
        output.replace("...", dots),
        at,
    )


def _lettered(labels: Sequence[Any]) -> str:
    """A term of the sublist format as letters; capitals first, as numpy sorts them."""
    letters = string.ascii_uppercase + string.ascii_lowercase
    return "".join("..." if label is Ellipsis else letters[label] for label in labels)


def _einsum_term_grad(
    dzdy: Any, k: int, terms: list[str], output: str, arrays: list[Any], optimize: Any
) -> Any:
    """The cotangent of the k-th array: the sum with the result's term and its own exchanged.

    An axis that was summed alone is one of length one, stretched at the end. A letter that stands
    twice in the term (a diagonal) is made two letters, with an identity matrix between them. An
    axis of length one that was stretched is summed over.
    """
    sizes: dict[str, int] = {}
    for term, array in zip(terms, arrays, strict=True):
        for letter, size in zip(term, np.shape(array), strict=True):
            sizes[letter] = max(size, sizes.get(letter, 0))
    mine, shape = terms[k], np.shape(arrays[k])
    others = [i for i in range(len(terms)) if i != k]
    reached = {*output, *(letter for i in others for letter in terms[i])}
    unused = [letter for letter in string.ascii_letters if letter not in sizes]
    to, identities, axes = "", [], []
    for axis, (letter, size) in enumerate(zip(mine, shape, strict=True)):
        if size != sizes[letter]:
            continue
        if letter in to:
            to += unused.pop()
            identities.append((letter + to[-1], np.eye(size)))
        elif letter in reached or mine.count(letter) > 1:
            to += letter
        else:
            continue
        axes.append(axis)
    factors = [(terms[i], conj(arrays[i])) for i in others] + identities
    dzdx = np.einsum(
        ",".join([output, *(term for term, _ in factors)]) + "->" + to,
        dzdy,
        *(factor for _, factor in factors),
        optimize=optimize is not False,
    )
    lengths = dict(zip(axes, np.shape(dzdx), strict=True))
    dzdx = np.reshape(dzdx, [lengths.get(axis, 1) for axis in range(len(shape))])
    return dzdx if np.shape(dzdx) == shape else np.broadcast_to(dzdx, shape)


def _einsum_of(
    variables: Sequence[Any],
    at: Sequence[int],
    constants: Sequence[Any],
    optimize: Any,
    settings: dict[str, Any],
) -> Any:
    """`numpy.einsum` with the operands that vary apart from those that do not."""
    return np.einsum(*_merged(variables, at, constants), optimize=optimize, **settings)


def _merged(variables: Sequence[Any], at: Sequence[int], constants: Sequence[Any]) -> list[Any]:
    operands = list(constants)
    for place, variable in zip(at, variables, strict=True):
        operands[place] = variable
    return operands


def _einsum_grad(
    dzdy: Any, variables: Sequence[Any], at: Any, constants: Any, optimize: Any
) -> list[Any]:
    operands = _merged(variables, at, constants)
    terms, output, places = _subscripts(operands)
    arrays = [array_like(operands[place]) for place in places]
    return [
        _einsum_term_grad(dzdy, places.index(place), terms, output, arrays, optimize)
        for place in at
    ]


lifted(
    grad=_einsum_grad,
    wrt="variables",
    ignores="settings",
    complex=True,
    samples=lambda rng: [
        ([rng.normal(size=3)], [2], ["ij,j->i", rng.normal(size=(2, 3)), None], False, {})
    ],
)(_einsum_of)


def _einsum(*operands: Any, out: Any = None, optimize: Any = False, **settings: Any) -> Any:
    at = [place for place, operand in enumerate(operands) if has_bvar(operand)]
    if not at:
        return np.einsum(*operands, out=out, optimize=optimize, **settings)
    for name, given in (("out", out), ("dtype", settings.get("dtype"))):
        if given is not None:
            raise UnhandledParameterError(
                f"numpy.einsum was given {name}= and a BVar, which its rule does not handle.",
                f"Leave {name}= away.",
                handles="operands, optimize, order, casting",
            )
    constants = [None if place in at else operand for place, operand in enumerate(operands)]
    variables = [operands[place] for place in at]
    return twin_of(_einsum_of)(variables, at, constants, optimize, settings)


def _einsum_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    terms_and_shapes: list[tuple[str, list[tuple[int, ...]]]] = [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk->ki", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ba", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("ij,jk->k", [(2, 3), (3, 4)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iji->j", [(3, 2, 3)]),
        ("iii,i->i", [(3, 3, 3), (3,)]),
        ("ij,ij->", [(2, 3), (2, 3)]),
        ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
        ("...i,i...", [(2, 3), (3, 2)]),
        ("i...,i...->...", [(3, 4), (3, 1)]),
        ("...ij->...i", [(5, 2, 3)]),
        ("ij,jk->ik", [(2, 1), (3, 4)]),
        ("i,j,jk->ik", [(2,), (3,), (3, 4)]),
        (",ij->ji", [(), (2, 3)]),
        ("i,->i", [(3,), ()]),
    ]
    real = [
        (terms, *(rng.normal(size=shape) for shape in shapes)) for terms, shapes in terms_and_shapes
    ]
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    sublists = [(a, [0, 1], b, [1, 2], [2, 0]), (a, [1, 0]), (a, [..., 1], b, [1, 2])]
    turned = [("ij,jk->ik", a * (1 - 2j), b * 1j), ("ji", a * (1 - 2j))]
    return [*real, *sublists, *turned]


lifted(twin=_einsum, samples=_einsum_samples)(np.einsum)


# Vectors in space


def _in_space(x: Any) -> Any:
    """Vectors of the plane with a third component, which is zero."""
    if x.shape[-1] == 3:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], 1))], axis=-1)


def _cross_parts(
    dzdy: Any, a: Any, b: Any, axisa: int, axisb: int, axisc: int, axis: int | None
) -> tuple[Any, Any, Any, int, int]:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(array_like(a), axisa, -1), np.moveaxis(array_like(b), axisb, -1)
    if a.shape[-1] == b.shape[-1] == 2:
        dzdy = np.expand_dims(dzdy, -1) * np.array([0.0, 0.0, 1.0])
    else:
        dzdy = np.moveaxis(dzdy, axisc, -1)
    return dzdy, a, b, axisa, axisb


def _cross_a_grad(
    dzdy: Any, a: Any, b: Any, axisa: int, axisb: int, axisc: int, axis: int | None
) -> Any:
    dzdy, a, b, axisa, _ = _cross_parts(dzdy, a, b, axisa, axisb, axisc, axis)
    dzda = np.cross(_in_space(conj(b)), dzdy)[..., : a.shape[-1]]
    return np.moveaxis(summed_to(dzda, a.shape), -1, axisa)


def _cross_b_grad(
    dzdy: Any, a: Any, b: Any, axisa: int, axisb: int, axisc: int, axis: int | None
) -> Any:
    dzdy, a, b, _, axisb = _cross_parts(dzdy, a, b, axisa, axisb, axisc, axis)
    dzdb = np.cross(dzdy, _in_space(conj(a)))[..., : b.shape[-1]]
    return np.moveaxis(summed_to(dzdb, b.shape), -1, axisb)


def _cross_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    u, v, flat = rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    return [
        (u, u[::-1]),
        (v, u),
        (u, v),
        (v, flat),
        (flat, v),
        (v.T, v, 0, -1, 0),
        (v[:, None], rng.normal(size=(5, 3)), -1, -1, 1),
        (v.T, rng.normal(size=(3, 4)), -1, -1, -1, 0),
        (v * (1 + 2j), u * (2 - 1j)),
    ]


lifted(
    grad={"a": _cross_a_grad, "b": _cross_b_grad}, complex=True, samples=_cross_samples
)(np.cross)


# Traces


def _trace_grad(dzdy: Any, a: Any, offset: int, axis1: int, axis2: int) -> Any:
    shape = np.shape(a)
    places = np.eye(shape[axis1], shape[axis2], offset)
    return np.moveaxis(np.expand_dims(dzdy, (-2, -1)) * places, (-2, -1), (axis1, axis2))


def _trace_samples(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    a = rng.normal(size=(3, 4, 5))
    return [(a[0],), (a,), (a, 1), (a, -1, 0, 2), (a, 2, -1, 1), (a[0] * (1 + 1j), 1)]


lifted(grad={"a": _trace_grad}, complex=True, samples=_trace_samples)(np.trace)


# The array API's names for some of these


def _with_settings(*settings: dict[str, Any]) -> Callable[..., Samples]:
    """Samples once as they are and once with each of some keyword arguments."""
    return lambda samples: lambda rng: [
        *samples(rng),
        *((*samples(rng)[0], given) for given in settings),
    ]


def _matrices(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [(rng.normal(size=(2, 3)),), (rng.normal(size=(5, 2, 3)) * (1 + 1j),)]


for _original, _twin, _samples in (
    (
        np.linalg.diagonal,
        lambda x, /, *, offset=0: np.diagonal(x, offset, -2, -1),
        _with_settings({"offset": 1}, {"offset": -1})(_matrices),
    ),
    (
        np.linalg.trace,
        lambda x, /, *, offset=0, dtype=None: np.trace(x, offset, -2, -1, dtype),
        _with_settings({"offset": 1}, {"offset": -1})(_matrices),
    ),
    (np.linalg.matrix_transpose, lambda x, /: np.swapaxes(x, -1, -2), _matrices),
    (np.linalg.outer, lambda x1, x2, /: np.outer(x1, x2), _pairs(((2,), (3,)))),
    (
        np.linalg.tensordot,
        lambda x1, x2, /, *, axes=2: np.tensordot(x1, x2, axes),
        _with_settings({"axes": ([1], [0])})(_pairs(((2, 3, 4), (3, 4, 5)))),
    ),
    (
        np.linalg.cross,
        lambda x1, x2, /, *, axis=-1: np.cross(x1, x2, axis=axis),
        _with_settings({"axis": 0})(_pairs(((3, 3), (3, 3)), ((4, 3), (4, 3)))),
    ),
    (
        np.linalg.vecdot,
        lambda x1, x2, /, *, axis=-1: np.vecdot(x1, x2, axis=axis),
        _with_settings({"axis": 0}, {"axis": -2})(_pairs(((4, 3), (4, 3)), ((3,), (4, 3)))),
    ),
):
    lifted(twin=_twin, samples=_samples)(_original)
