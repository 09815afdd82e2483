"""What a choice has to be made for: ties of `max` and `min`, and gradients straight through.

All else of the built-in functions works on BVars as it is: ``sum``, ``len``, ``map``, ``zip``,
``sorted``, ``round``, `functools.reduce`, `itertools.accumulate` and `math.prod`.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from ._apply import applied, named_after
from ._bvar import BVar, has_bvar, innermost
from ._op import Op
from ._space import ZERO, parts_of, rebuilt, zero
from .errors import CotangentError, RuleError, UnhandledParameterError

__all__ = ["max", "min", "straight_through"]

Ties = Literal["split", "first", "all"]


def max(*xs: Any, ties: Ties = "split") -> Any:
    """The largest of several numbers, with a choice of what ties do.

    Parameters
    ----------
    *xs : BVar or object
        The numbers, or one list, tuple, dict (of which the values count) or array of them.
    ties : {"split", "first", "all"}, optional
        Where several are the largest: the gradient is split equally between them, which is the
        subgradient of least norm; or the first gets all of it, as the built-in function has it;
        or each gets all of it, as the Haskell original has it, which is no subgradient.

    Raises
    ------
    UnhandledParameterError
        If `ties` is none of these. What the built-in function raises, it raises here too.

    Examples
    --------
    >>> from backprop_lift import grad_bp, prelude
    >>> grad_bp(prelude.max, [1.0, 3.0, 3.0, 2.0])
    [0.0, 0.5, 0.5, 0.0]
    >>> grad_bp(lambda v: prelude.max(v, ties="first"), [1.0, 3.0, 3.0, 2.0])
    [0.0, 1.0, 0.0, 0.0]
    """
    return _extreme("max", builtins.max, np.argmax, xs, ties)


def min(*xs: Any, ties: Ties = "split") -> Any:
    """The smallest of several numbers, with a choice of what ties do.

    Parameters
    ----------
    *xs, ties
        As for `max`.
    """
    return _extreme("min", builtins.min, np.argmin, xs, ties)


def straight_through(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`f`, with the gradient of the identity: the straight-through estimator.

    For `round`, ``int``, `numpy.sign` and other functions that are constant in pieces, where a
    gradient is wanted nevertheless. It is not the derivative of `f`, which is zero.

    Parameters
    ----------
    f : callable
        Its result has the shape of its argument.

    Returns
    -------
    callable

    Raises
    ------
    RuleError
        If `f` is not callable.
    CotangentError
        When it runs, if its result has not the structure of its argument.

    References
    ----------
    Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through stochastic
    neurons for conditional computation", arXiv:1308.3432 (2013), section 4.

    Examples
    --------
    >>> from backprop_lift import grad_bp
    >>> from backprop_lift.prelude import straight_through
    >>> grad_bp(lambda x: 3.0 * straight_through(round)(x), 2.7)
    3.0
    """

    if not callable(f):
        raise RuleError(
            f"straight_through was given {f!r}, which is not callable.",
            "Write straight_through(f)(x).",
        )

    def run(x: Any) -> tuple[Any, Callable[[Any], Any]]:
        if has_bvar(x):
            return through(x), lambda dzdy: dzdy
        y = _of_floats(f(x))
        if _outline(y) != _outline(x):
            raise CotangentError(
                f"{op.name} has a result of another structure than its argument, so that nothing "
                "can go straight through.",
                "Write an Op with the gradient that is meant.",
                expected=_outline(x),
                got=_outline(y),
            )
        return y, lambda dzdy: dzdy

    def through(x: Any) -> Any:
        return applied(op, (x,), {})

    op = Op(run, name=f"straight_through({getattr(f, '__name__', f)})", complex=True)
    named_after(op, through)
    return through


def _outline(value: Any) -> Any:
    """The parts of a value down to their shapes; None for a value without numbers."""
    parts = parts_of(value)
    if parts is not None:
        return [(key, _outline(part)) for key, part in parts]
    return None if zero(value) is None else np.shape(value)


def _of_floats(y: Any) -> Any:
    """A result of floats, so that it is on the tape like its argument."""
    if isinstance(y, (bool, int)):
        return float(y)
    return y.astype(float) if getattr(y, "dtype", np.dtype(float)).kind in "biu" else y


def _extreme(
    name: str,
    choose: Callable[..., Any],
    place_in: Callable[[Any], Any],
    xs: tuple[Any, ...],
    ties: Ties,
) -> Any:
    if ties not in ("split", "first", "all"):
        raise UnhandledParameterError(
            f"prelude.{name} was given ties={ties!r}.",
            'Write ties="split", "first" or "all".',
        )
    values = xs[0] if len(xs) == 1 else list(xs)
    if not isinstance(values, (BVar, list, tuple, Mapping, np.ndarray)):
        values = list(values)  # a generator, the values of a dict

    def run(values: Any) -> Any:
        root = innermost(values)
        is_array = isinstance(root, np.ndarray)
        numbers = _in_a_row(values)
        plain = [innermost(x) for x in numbers]
        if is_array:  # nan is the largest and the smallest, as NumPy has it
            first = int(place_in(plain))
        else:
            first = choose(range(len(plain)), key=plain.__getitem__)
        tied = [i == first or (ties != "first" and x == plain[first]) for i, x in enumerate(plain)]
        count = sum(tied) if ties == "split" else 1

        def scaled_grad(dzdy: Any) -> Any:
            if is_array:
                return np.reshape(tied, root.shape) * (dzdy / count)
            keys = [key for key, _ in parts_of(root) or ()]
            dzdxs = [dzdy / count if meets else ZERO for meets in tied]
            return rebuilt(root, list(zip(keys, dzdxs, strict=True)))

        return numbers[first], scaled_grad

    return applied(Op(run, name=name), (values,), {})


def _in_a_row(values: Any) -> Any:
    root = innermost(values)
    if isinstance(root, Mapping):
        return [values[key] for key in root]
    return values.ravel() if isinstance(root, np.ndarray) else list(values)
