"""numpy.einsum: the cotangent of an operand is an Einstein sum again."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._bvar import has_bvar
from .._bvar.views import link_if_view
from .._lift import lifted, locally_constant
from .._registry import twin_of
from ..errors import UnhandledParameterError
from ._matrices import Samples, array_like, conj

__all__: list[str] = []


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
    result = twin_of(_einsum_of)(variables, at, constants, optimize, settings)
    return link_if_view(result, variables)  # a diagonal, say


def _einsum_samples(rng: np.random.Generator) -> Samples:
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
    chain = "ij,jk,kl->il", a, b, rng.normal(size=(4, 2))
    ways = [True, "greedy", ["einsum_path", (1, 2), (0, 1)]]
    return [*real, *sublists, *turned, *((*chain, {"optimize": way}) for way in ways)]


lifted(twin=_einsum, samples=_einsum_samples)(np.einsum)
locally_constant(np.einsum_path)
