"""The runners, and `lift_op`, with spaces given by hand: for values whose type has none, or another.

Each function is that of the same name in the package, with the spaces first. A space given for an
argument sums its cotangents and is its zero where nothing arrives; one given for a result of
`lift_op` does the same there, and is its seed where it is the result of the run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

from . import _run
from ._apply import applied, named_after
from ._bvar import BVar, _bvar, input_var
from ._op import Op
from ._registry import dotted_name
from ._space import Space, add, one, register_space, space_of, zero
from ._tape import Tape, Token
from .errors import SpaceError

__all__ = ["PADDED", "backprop", "backprop_with", "eval_bp", "grad_bp", "lift_op"]

Spaces = Space | Sequence[Space | None] | None


def _add_padded(x: Any, y: Any) -> Any:
    longer, shorter = (x, y) if len(x) >= len(y) else (y, x)
    return [*map(add, shorter, longer), *longer[len(shorter) :]]


# Of lists: cotangents of unequal lengths add up, the shorter one as if zeros followed. The space
# of the type refuses them, since a cotangent has the length of its list.
PADDED: Final = Space(
    zero=lambda x: list(map(zero, x)),
    add=_add_padded,
    one=lambda x: list(map(one, x)),
)


def grad_bp(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The gradient of a function, with the spaces of its arguments given.

    Parameters
    ----------
    spaces : Space, or sequence of Space or None
        Of the arguments: one for all, or one for each; None stands for the space of the type.
    f, *xs, **settings
        As for `backprop_lift.grad_bp`.

    Examples
    --------
    >>> from backprop_lift import Space, explicit
    >>> largest = Space(zero=lambda x: 0.0, add=max, one=lambda x: 1.0)
    >>> explicit.grad_bp(largest, lambda x: 2.0 * x + 5.0 * x, 1.0)  # of the paths, not their sum
    5.0
    """
    return backprop(spaces, f, *xs, **settings)[1]


def backprop(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function, and its gradient, with the spaces of its arguments given.

    Parameters
    ----------
    spaces, f, *xs, **settings
        As for `grad_bp`.
    """
    return _run._gradient(_recorded(spaces, f, xs, settings))


def backprop_with(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function, and its scaled gradient, with the spaces of its arguments given.

    Parameters
    ----------
    spaces, f, *xs, **settings
        As for `grad_bp`.
    """
    run = _recorded(spaces, f, tuple(map(_run._own, xs)), settings)
    return run.y, lambda dzdy: run.gradient(run.copied(), dzdy)


def eval_bp(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function: just the call, which needs no spaces."""
    return _run.eval_bp(f, *xs, **settings)


def lift_op(space: Space, op: Op) -> Callable[..., Any]:
    """The function on BVars that an Op is, with the space of its result given.

    Parameters
    ----------
    space : Space
    op : Op
    """

    def lifted(*xs: Any, **settings: Any) -> Any:
        return applied(op, xs, settings, lambda tape, y: _given(tape, y, space))

    named_after(op, lifted)
    return lifted


def _recorded(spaces: Spaces, f: Callable[..., Any], xs: tuple[Any, ...], settings: Any) -> Any:
    each = [spaces] * len(xs) if spaces is None or isinstance(spaces, Space) else list(spaces)
    if len(each) != len(xs):
        raise SpaceError(
            f"explicit was given {len(each)} spaces for the {len(xs)} arguments of "
            f"{dotted_name(f)}.",
            "Give one space for all, or one for each; None stands for the space of the type.",
        )
    return _run._recorded(f, settings, _Run(dotted_name(f), xs, each))


class _Run(_run._Run):
    """A run whose arguments have given spaces."""

    def __init__(self, name: str, xs: tuple[Any, ...], spaces: list[Space | None]) -> None:
        super().__init__(name, xs)
        self.spaces = spaces

    def inputs(self) -> list[Any]:
        found = []
        for x, space in zip(self.xs, self.spaces, strict=True):
            if space is None:
                found.append(input_var(self.nodes, x))
            else:
                token, at = _given(self.nodes, x, space), len(self.nodes)
                self.nodes.append((None, token))
                found.append(_bvar(x, token, at))
        return found

    def ends_with(self, y: Any) -> None:
        self.result = y._bvar_space.cls if y.__class__ is BVar else y.__class__
        super().ends_with(y)

    def seed(self) -> Any:
        return space_of(self.result).one(self.y)

    def zero(self, i: int) -> Any:
        space = self.spaces[i]
        return super().zero(i) if space is None else space.zero(self.xs[i])


def _given(tape: Tape, value: Any, space: Space) -> Token:
    """The token of a value that lies in a given space."""
    token = Token(tape, value)
    token.cls = _stand_in(space)
    token.primal = token.cls()
    return token


@functools.cache
def _stand_in(space: Space) -> type:
    """A class whose space is the given one."""
    cls = type("Given", (), {"__slots__": ()})
    register_space(cls, space)
    return cls
