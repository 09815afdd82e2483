"""Runners and lifters with spaces given by hand: for values whose type has none, or another.

Each function is that of the same name in the package, with the spaces first. A space given for an
argument sums its cotangents, and is its zero where nothing arrives; one given for a result does
the same there, and is its seed where it is the result of the run. `in_space` gives one to any
BVar, such as a part that `view_var` has read or the result of a twin.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

from . import _run
from ._access import set_var
from ._apply import applied, named_after
from ._bvar import BVar, Named, bvar_at, input_var
from ._cotangent import Accumulator
from ._lift.lift_op import checkpoint
from ._op import Op, only_op
from ._registry import dotted_name
from ._space import ZERO, Space, add, one, parts_of, rebuilt, register_space, space_of, zero
from ._tape import CALL, Tape, Token
from .errors import SpaceError

__all__ = [
    "PADDED",
    "backprop",
    "backprop_with",
    "bp_op",
    "eval_bp",
    "grad_bp",
    "in_space",
    "lift_op",
]

Spaces = Space | Sequence[Space | None] | None


def _add_padded(x: Any, y: Any) -> Any:
    for cotangent in (x, y):
        if not isinstance(cotangent, list):
            raise SpaceError(
                f"PADDED.add was given a {type(cotangent).__name__}.",
                "It adds lists; other values have the space of their type.",
                got=repr(cotangent)[:100],
            )
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
    >>> steepest = Space(zero=lambda x: 0.0, add=max, one=lambda x: 1.0)
    >>> explicit.grad_bp(steepest, lambda x: 2.0 * x + 5.0 * x, 1.0)  # of the paths, not their sum
    5.0
    """
    if not xs:
        return lambda *xs, **settings: grad_bp(spaces, f, *xs, **settings)
    return backprop(spaces, f, *xs, **settings)[1]


def backprop(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function, and its gradient, with the spaces of its arguments given.

    Parameters
    ----------
    spaces, f, *xs, **settings
        As for `grad_bp`.
    """
    if not xs:
        return lambda *xs, **settings: backprop(spaces, f, *xs, **settings)
    return _run._gradient(_recorded(spaces, f, xs, settings))


def backprop_with(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function, and its scaled gradient, with the spaces of its arguments given.

    Parameters
    ----------
    spaces, f, *xs, **settings
        As for `grad_bp`.
    """
    if not xs:
        return lambda *xs, **settings: backprop_with(spaces, f, *xs, **settings)
    run = _recorded(spaces, f, tuple(map(_run._own, xs)), settings)
    return run.y, lambda dzdy: run.gradient(run.copied(), dzdy)


def eval_bp(spaces: Spaces, f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function: just the call, which needs no spaces."""
    _each(spaces, f, xs)
    return _run.eval_bp(f, *xs, **settings)


def bp_op(spaces: Spaces, f: Callable[..., Any], *, name: str | None = None) -> Op:
    """A function on BVars as one Op, with the spaces of its arguments given.

    Parameters
    ----------
    spaces
        As for `grad_bp`.
    f, name
        As for `backprop_lift.bp_op`.

    Examples
    --------
    >>> from backprop_lift import explicit, space_of
    >>> explicit.bp_op(space_of(float), lambda x: x * x).grad(3.0)
    6.0
    """
    return checkpoint(f, name, lambda name, xs: _Run(name, xs, _each(spaces, f, xs)))


def lift_op(space: Space, op: Op) -> Callable[..., Any]:
    """The function on BVars that an Op is, with the space of its result given.

    Parameters
    ----------
    space : Space
    op : Op

    Examples
    --------
    >>> from backprop_lift import Op, explicit, grad_bp, space_of
    >>> double = explicit.lift_op(space_of(float), Op(lambda x: (2 * x, lambda dzdy: 2 * dzdy)))
    >>> grad_bp(lambda x: double(x) * double(x), 3.0)
    24.0
    """
    only_op(op, "explicit.lift_op")
    _only_space(space, "explicit.lift_op")

    def lifted(*xs: Any, **settings: Any) -> Any:
        return applied(op, xs, settings, lambda tape, y: _given(tape, y, space))

    named_after(op, lifted)
    return lifted


def in_space(space: Space, v: Any) -> Any:
    """A BVar whose cotangents are summed in a given space from here on.

    Parameters
    ----------
    space : Space
    v : BVar or object
        A plain value is left as it is.

    Examples
    --------
    >>> from backprop_lift import explicit, grad_bp, view_var
    >>> def f(xs):
    ...     part = explicit.in_space(explicit.PADDED, view_var(xs, 0))
    ...     return part[0] * part[1]
    >>> grad_bp(f, [[3.0, 2.0], [1.0]])
    [[2.0, 3.0], [0.0]]
    """
    _only_space(space, "explicit.in_space")
    if v.__class__ is not BVar:
        return v
    tape, value = v._bvar_space.tape, v._bvar_value
    token, at = _given(tape, value, space), len(tape)
    tape.given.append((at, token))
    parent = (v._bvar_at, v._bvar_space)
    tape.append((CALL, lambda dzdy: (_completed(dzdy, value),), (parent,), _IN_SPACE, None))
    return bvar_at(value, token, at)


_IN_SPACE: Final = Named("explicit.in_space")


def _each(spaces: Spaces, f: Callable[..., Any], xs: tuple[Any, ...]) -> list[Space | None]:
    """The space of each argument of `f`."""
    if spaces is None or isinstance(spaces, Space):
        return [spaces] * len(xs)
    if not isinstance(spaces, (list, tuple)):
        _only_space(spaces, "explicit")
    for space in spaces:
        if space is not None:
            _only_space(space, "explicit")
    if len(spaces) != len(xs):
        raise SpaceError(
            f"explicit was given {len(spaces)} spaces for the {len(xs)} arguments of "
            f"{dotted_name(f)}.",
            "Give one space for all, or one for each; None stands for the space of the type.",
        )
    return list(spaces)


def _only_space(space: Any, function: str) -> None:
    if not isinstance(space, Space):
        raise SpaceError(
            f"{function} was given {space!r} for a space.",
            "Write Space(zero, add, one), or space_of(...) of a type; the spaces come first.",
        )


def _recorded(spaces: Spaces, f: Callable[..., Any], xs: tuple[Any, ...], settings: Any) -> Any:
    return _run._recorded(f, settings, _Run(dotted_name(f), xs, _each(spaces, f, xs)))


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
                found.append(bvar_at(x, token, at))
        return found

    def ends_with(self, y: Any) -> None:
        self.result = y._bvar_space.cls if y.__class__ is BVar else y.__class__
        super().ends_with(y)

    def seed(self) -> Any:
        return space_of(self.result).one(self.y)

    def zero(self, i: int) -> Any:
        space = self.spaces[i]
        return super().zero(i) if space is None else space.zero(self.xs[i])

    def swept(self, nodes: Any, seeds: Any) -> list[Any]:
        slots = super().swept(nodes, seeds)
        for i, slot in enumerate(slots):
            if self.spaces[i] is not None and slot is not None:
                gathered = slot.__class__ is Accumulator
                if not gathered or slot.reached:
                    slots[i] = _completed(slot.total() if gathered else slot, self.xs[i])
        return slots


def _completed(dzdx: Any, x: Any) -> Any:
    """A cotangent without symbolic zeros, that of a list in the list's length."""
    if dzdx is ZERO:
        return zero(x)
    parts = parts_of(dzdx)
    if parts is None:
        return dzdx
    of = dict(parts_of(x) or ())
    found = [(key, _completed(part, of.get(key))) for key, part in parts]
    if isinstance(dzdx, list):
        found += [(i, zero(of[i])) for i in range(len(dzdx), len(of))]
    return rebuilt(dzdx, found)


class _Given:
    """Stands for a value that lies in a given space, which is that of a subclass.

    Parameters
    ----------
    value : object
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def completed(self, dzdx: Any) -> Any:
        """A cotangent of the value as the space expects it."""
        return _completed(dzdx, self.value)

    def holding(self, key: Any, dzdpart: Any) -> Any:
        """A cotangent of the value, of which only the part at `key` is not zero."""
        return set_var(space_of(type(self)).zero(self.value), [key], dzdpart)


def _given(tape: Tape, value: Any, space: Space) -> Token:
    """The token of a value that lies in a given space."""
    token = Token(tape, value)
    token.cls = _stand_in(space)
    token.primal = token.cls(value)
    return token


@functools.cache
def _stand_in(space: Space) -> type:
    """A class whose space is the given one."""
    cls = type("Given", (_Given,), {"__slots__": ()})
    register_space(cls, space)
    return cls
