"""The runners: backprop, backprop_with, eval_bp, grad_bp.

Positional arguments are differentiated, each arriving as one BVar; keyword arguments are settings
and pass untouched. There is no other option. Where the function has a twin, the twin is run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from ._bvar import (
    BVar,
    foreign_tape,
    has_bvar,
    input_var,
    operators,  # noqa: F401 - what BVars can do
)
from ._cotangent import Accumulator, fitted
from ._effect import comes_later, refused_outside
from ._registry import dotted_name, registry
from ._space import ZERO, is_record, one, parts_of, rebuilt, zero
from ._sweep import sweep
from ._tape import Tape, Token
from .errors import CotangentError

__all__ = ["backprop", "backprop_with", "eval_bp", "grad_bp"]


def eval_bp(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function on BVars at plain arguments: just the call, no tape.

    Parameters
    ----------
    f : callable
    *xs, **settings
        Its arguments.

    Returns
    -------
    object
        ``f(*xs, **settings)``.

    Examples
    --------
    >>> from backprop_lift import eval_bp
    >>> eval_bp(lambda x: x ** 2 + 3, 9.0)
    84.0
    """
    return _lifted(f)(*xs, **settings)


def grad_bp(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The gradient of a function.

    Parameters
    ----------
    f : callable
        Takes BVars of the `xs`, and the settings.
    *xs
        Differentiated: numbers, arrays, or lists, tuples, dicts and records of these. Without
        any, a function of them is returned.
    **settings
        Passed to `f` untouched.

    Returns
    -------
    object
        The gradient, with the structure of `x`; a tuple of gradients for several arguments.
        Where `f` returns more than one number, it is the gradient of their sum.

    Raises
    ------
    LiftError
        Where a gradient is not known. A complex result needs `backprop_with` and a seed.

    Examples
    --------
    >>> from backprop_lift import grad_bp
    >>> grad_bp(lambda x: x ** 2 + 3, 9.0)
    18.0
    >>> grad_bp(lambda x, y: x * y, 2.0, 5.0)
    (5.0, 2.0)
    """
    if not xs:
        return lambda *xs, **settings: grad_bp(f, *xs, **settings)
    return backprop(f, *xs, **settings)[1]


def backprop(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function, and its gradient.

    Parameters
    ----------
    f, *xs, **settings
        As for `grad_bp`.

    Returns
    -------
    y : object
        The result, plain.
    gradient : object
        As `grad_bp` gives it.

    Examples
    --------
    >>> from backprop_lift import backprop
    >>> backprop(lambda x: x ** 2 + 3, 9.0)
    (84.0, 18.0)
    """
    if not xs:
        return lambda *xs, **settings: backprop(f, *xs, **settings)
    return _gradient(_recorded(f, settings, _Run(dotted_name(f), xs)))


def backprop_with(f: Callable[..., Any], *xs: Any, **settings: Any) -> Any:
    """The value of a function, and its scaled gradient: what `Op.run` returns.

    Parameters
    ----------
    f, *xs, **settings
        As for `grad_bp`.

    Returns
    -------
    y : object
        The result, plain.
    scaled_grad : callable
        ``dzdy -> dzdx``; a tuple of cotangents for several arguments. It may be called any
        number of times, with cotangents of the structure of `y`.

    Examples
    --------
    >>> from backprop_lift import backprop_with
    >>> y, scaled_grad = backprop_with(lambda x: x ** 3, 2.0)
    >>> y, scaled_grad(1.0), scaled_grad(10.0)
    (8.0, 12.0, 120.0)
    """
    if not xs:
        return lambda *xs, **settings: backprop_with(f, *xs, **settings)
    run = _recorded(f, settings, _Run(dotted_name(f), tuple(map(_own, xs))))
    return run.y, lambda dzdy: run.gradient(run.copied(), dzdy)


def _gradient(run: _Run) -> tuple[Any, Any]:
    seeds = run.ones()
    if seeds is None:
        _refuse_complex(run)
        seeds = list(run.seeds(run.seed()))
    return run.y, run.pulled_back(run.nodes, seeds)


def _lifted(f: Callable[..., Any]) -> Callable[..., Any]:
    entry = registry.find(f)
    return f if entry is None else entry.twin


def _own(x: Any) -> Any:
    """A copy of the arrays in `x`: their owner may write into them before the last sweep."""
    if x.__class__ is np.ndarray:
        return x.copy("K")  # by rows or by columns as it was
    parts = parts_of(x)
    if parts is None or x.__class__ is BVar:
        return x
    return rebuilt(x, [(key, _own(part)) for key, part in parts])


def _recorded(f: Callable[..., Any], settings: Any, run: _Run) -> _Run:
    try:
        y = _lifted(f)(*run.inputs(), **settings)
        if y.__class__ is not BVar and comes_later(y):
            raise refused_outside(run.name, y)
        run.ends_with(y)
    finally:
        run.nodes.close()
    return run


class _Run:
    """One recorded call: its tape, its result, and how to sweep it."""

    def __init__(self, name: str, xs: tuple[Any, ...], tape: Tape | None = None) -> None:
        self.name = name
        self.xs = xs
        self.nodes = Tape(name) if tape is None else tape

    def inputs(self) -> list[Any]:
        """The arguments as BVars; to be called once."""
        return [input_var(self.nodes, x) for x in self.xs]

    def ends_with(self, y: Any) -> None:
        """Take the result of the call."""
        tape = self.nodes
        if y.__class__ is BVar and y._bvar_space.tape is tape:
            self.outputs: list[tuple[tuple[Any, ...], BVar]] = [((), y)]
            value = y._bvar_value
            self.y = value.copy() if value.__class__ is np.ndarray else value
            del tape[max(y._bvar_at + 1, len(self.xs)) :]
            return
        self.outputs = list(_outputs(y, tape, self.name)) if has_bvar(y) else []
        self.y = _plain(y, tape) if self.outputs else y
        last = max((v._bvar_at for _, v in self.outputs), default=-1)
        del tape[max(last + 1, len(self.xs)) :]

    def seed(self) -> Any:
        """The cotangent of a result that is to be differentiated as it is."""
        return one(self.y)

    def ones(self) -> list[tuple[int, Any]] | None:
        """What `seeds` makes of `seed` where the result is a real number or array; else None."""
        if len(self.outputs) != 1 or self.__class__ is not _Run:
            return None
        ((path, v),) = self.outputs
        token = v._bvar_space
        if path or token.shape is None or token.dtype.kind != "f":
            return None
        return [(v._bvar_at, np.ones(token.shape, token.dtype) if token.shape else 1.0)]

    def zero(self, i: int) -> Any:
        """The cotangent of an argument that nothing reached."""
        return zero(self.xs[i])

    def swept(self, nodes: Any, seeds: Any) -> list[Any]:
        """What arrived at the arguments."""
        return sweep(nodes, seeds, len(self.xs))

    def copied(self) -> Any:
        """The nodes, to be consumed by one sweep of several."""
        nodes = Tape(self.name)
        nodes.extend(self.nodes)
        nodes.careful, nodes.given = self.nodes.careful, self.nodes.given
        return nodes

    def gradient(self, nodes: Any, dzdy: Any) -> Any:
        """The cotangents of the arguments that belong to one of the result."""
        return self.pulled_back(nodes, list(self.seeds(dzdy)))

    def pulled_back(self, nodes: Any, seeds: list[tuple[int, Any]]) -> Any:
        """The cotangents of the arguments, given those of outputs by position; `seeds` is emptied."""
        slots = self.swept(nodes, seeds) if seeds else [None] * len(self.xs)
        seeds.clear()
        found = []
        for i in reversed(range(len(self.xs))):
            dzdx = _finished(slots.pop(), self.xs[i])
            found.append(self.zero(i) if dzdx is ZERO else dzdx)
        found.reverse()
        return found[0] if len(found) == 1 else tuple(found)

    def seeds(self, dzdy: Any) -> Iterator[tuple[int, Any]]:
        if dzdy is ZERO:
            return
        rule = _Seed(self.name)
        if self.outputs and dzdy is not None:
            for path, v in self.outputs:
                part, y = dzdy, self.y
                for key in path:
                    part, y = _part(part, key, y), _part(y, key, y)
                if part is not None and part is not ZERO:
                    part = fitted(part, v._bvar_space, None, rule)
                if part is not ZERO:
                    yield v._bvar_at, part
        elif not self.outputs:
            whole = Token(None, self.y)
            if whole.shape is not None:
                fitted(dzdy, whole, None, rule)


class _Seed:
    """Names a run in the error of a cotangent that does not fit its result."""

    where = ""

    def __init__(self, name: str) -> None:
        self.name = f"{name}'s result (the seed)"


def _part(whole: Any, key: Any, like: Any) -> Any:
    if whole is None or whole is ZERO:
        return ZERO
    if is_record(like):
        return whole.get(key) if isinstance(whole, dict) else getattr(whole, key, None)
    try:
        return whole[key]
    except (KeyError, IndexError, TypeError):
        raise CotangentError(
            "A cotangent has not the structure of the result that it belongs to.",
            "Give one part for each part of the result.",
            expected=f"a part {key!r}",
            got=repr(whole)[:100],
        ) from None


def _outputs(y: Any, tape: Tape, name: str, path: Any = ()) -> Iterator[tuple[Any, BVar]]:
    """The BVars of this tape in a result, with the path to each."""
    if y.__class__ is BVar:
        other = y._bvar_space.tape
        if other is tape:
            yield path, y
        elif other.serial > tape.serial:
            raise foreign_tape(name)
        elif other.__class__ is not Tape:
            other.append(())  # refuses
    elif has_bvar(y):
        for key, part in parts_of(y) or ():
            yield from _outputs(part, tape, name, (*path, key))


def _plain(y: Any, tape: Tape) -> Any:
    """A result without the BVars of this tape, whose arrays belong to the caller."""
    if y.__class__ is BVar:
        if y._bvar_space.tape is not tape:
            return y
        value = y._bvar_value
        return value.copy() if value.__class__ is np.ndarray else value
    if not has_bvar(y):
        return y
    return rebuilt(y, [(key, _plain(part, tape)) for key, part in parts_of(y) or ()])


def _refuse_complex(run: _Run) -> None:
    for _, v in run.outputs:
        if v._bvar_space.dtype is not None and v._bvar_space.dtype.kind == "c":
            raise CotangentError(
                f"{run.name} returned a complex value, whose gradient needs a direction.",
                "Return a real number such as abs(y), or seed it: backprop_with(f, x)[1](dzdy).",
            )


def _finished(slot: Any, x: Any) -> Any:
    """The gradient as it leaves the library: dense, of the types of `x`, writable, not shared.

    `ZERO` where nothing arrived.
    """
    cls = slot.__class__
    if cls is np.ndarray and x.__class__ is np.ndarray:
        alone = slot.base is None and slot.flags.writeable and sys.getrefcount(slot) <= _ALONE
        return slot if alone else slot.copy()
    if slot is None or slot is ZERO:
        return ZERO
    if cls is not Accumulator:
        return _copied(slot, x)
    if not slot.reached:
        return ZERO
    if slot.parts is None:
        return _finished(slot.handed_over(), x)
    primal, found = slot.token.primal, []
    cls = primal.__class__
    if cls is list or cls is tuple:
        take = slot.parts.pop
        for i, of in enumerate(primal):
            dzdx = _finished(take(i, None), of)
            found.append(zero(of) if dzdx is ZERO else dzdx)
        return found if cls is list else tuple(found)
    for key, of in parts_of(primal) or ():
        dzdx = _finished(slot.parts.pop(key, None), of)
        found.append((key, zero(of) if dzdx is ZERO else dzdx))
    return rebuilt(primal, found)


def _references(slot: Any) -> int:
    return sys.getrefcount(slot)


# How many references `sys.getrefcount` counts in a function of an argument that nobody else holds.
_ALONE: Final = _references(np.empty(0))


def _copied(dzdx: Any, x: Any) -> Any:
    """`dzdx` as a gradient of the types of `x`, with its arrays copied."""
    cls = dzdx.__class__
    if (cls is float and x.__class__ is float) or cls is BVar or dzdx is None:
        return dzdx
    if isinstance(x, (float, int, complex, np.generic)):
        return _number(dzdx[()] if cls is np.ndarray else dzdx, x)
    if cls is np.ndarray:
        return dzdx.copy()
    if x.__class__ is np.ndarray:
        return np.array(dzdx, x.dtype if x.dtype.kind in "fc" else float)
    parts = parts_of(dzdx)
    if parts is None:
        return dzdx
    of = dict(parts_of(x) or ())
    return rebuilt(dzdx, [(key, _copied(part, of.get(key))) for key, part in parts])


def _number(dzdx: Any, x: Any) -> Any:
    if isinstance(x, (float, int)) and not isinstance(x, np.generic):
        return float(dzdx)
    if x.__class__ is complex:
        return complex(dzdx)
    return (x.dtype if x.dtype.kind in "fc" else np.dtype(float)).type(dzdx)
