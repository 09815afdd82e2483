"""The short ways of twins: one node for plain numbers and arrays, with little ado.

They hold for values that arithmetic keeps, of one tape, with all settings at their defaults, and
fall back on the twin's general way for everything else. They say again what it does, for a
twentieth of a small network's gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .._bvar import BVar, finite, is_complex, rooted, site
from .._bvar.comparison import coincide
from .._bvar.kinks import SINGULAR
from .._tape import EDGES, UNARY

if TYPE_CHECKING:
    from .twin import Twin

__all__ = ["short_way"]

_NUMBERS: Final = {float, int, np.float64, np.ndarray}


def short_way(twin: Twin) -> Callable[..., Any] | None:
    """The twin for a call with leading arguments only; None where there is no short way."""
    if twin.rule.slope is not None and twin.defaults is not None:
        return _unary(twin)
    if twin.op is None and twin.wrt_at == list(range(twin.required or 0)):
        return _alone(twin) if len(twin.wrt_at) == 1 else _several(twin)
    return None


def _unary(twin: Twin) -> Callable[[Any], Any]:
    """Of an elementwise function of one argument, whose result lies in the same space."""
    original, rule, keeps, call = twin.original, twin.rule, twin.rule.keeps, twin.call
    recorded, singular = twin.recorded, SINGULAR.get(original)

    def short(x: Any) -> Any:
        if x.__class__ is not BVar:
            return call((x,))
        space = x._bvar_space
        tape = space.kept
        if tape is None:
            return call((x,))
        a = x._bvar_value
        try:
            y = short(a) if a.__class__ is BVar else original(a)
        except (ArithmeticError, ValueError):
            coincide(x)
            raise
        token = space
        if y.__class__ is not np.ndarray or y.dtype is not space.dtype or y.shape != space.shape:
            token = tape.token(y)
            if token is not space and (token.shape != () or space.shape != () or is_complex(y)):
                return recorded(tape, (x,), [a], y)  # of another space: to be projected
        if singular is not None and (
            abs(a) == singular
            if a.__class__ is float
            else np.any(np.equal(np.abs(rooted(a)), singular))
        ):
            tape.careful = True
            coincide(x)
        if not finite(y):
            tape.careful = True
        r = BVar()
        r._bvar_value = y
        r._bvar_space = token
        r._bvar_at = len(tape)
        residual = a if keeps == "x" else y if keeps == "result" else (a, y)
        tape.append((UNARY, x._bvar_at, rule, residual))
        return r

    return short


def _alone(twin: Twin) -> Callable[[Any], Any]:
    """Of any other function of one argument."""
    original, call, recorded = twin.original, twin.call, twin.recorded
    rule, scaled_grad, asks = twin.rule, twin.functions[0], twin.asks[0]
    defaults = tuple(twin.defaults or ())[1:]
    other = twin.kink is not None

    def short(x: Any) -> Any:
        if x.__class__ is not BVar:
            return call((x, *defaults))
        space = x._bvar_space
        tape, a = space.kept, x._bvar_value
        if tape is None or a.__class__ not in _NUMBERS:
            return call((x, *defaults))
        try:
            y = original(a)
        except (ArithmeticError, ValueError):
            coincide(x)
            raise
        cls = y.__class__
        if (
            other
            or y is a
            or cls not in _NUMBERS
            or (cls is np.ndarray and (y.base is not None or y.dtype.kind != "f"))
        ):
            return recorded(tape, (x,), [a, *defaults], y)
        r = BVar()
        r._bvar_value = y
        r._bvar_space = tape.token(y)
        r._bvar_at = len(tape)
        given = [a if i == 0 else y if i < 0 else defaults[i - 1] for i in asks]
        tape.append((EDGES, ((x._bvar_at, space, scaled_grad, given),), rule, site(3)))
        return r

    return short


def _several(twin: Twin) -> Callable[..., Any]:
    """Of a function of several arguments."""
    original, call = twin.original, twin.call
    defaults = tuple(twin.defaults or ())[twin.required :]
    recorded, real_only = twin.recorded, twin.real_only
    rule, kink, functions, asks = twin.rule, twin.kink, twin.functions, twin.asks
    at_once, count = None in functions, len(twin.wrt_at)

    def short(*xs: Any) -> Any:
        tape: Any = None
        for x in xs:
            if x.__class__ is BVar:
                kept = x._bvar_space.kept
                if kept is None or (kept is not tape and tape is not None):
                    return call((*xs, *defaults))
                tape = kept
                x = x._bvar_value
                if x.__class__ not in _NUMBERS:
                    return call((*xs, *defaults))
            elif x.__class__ not in _NUMBERS or (real_only and is_complex(x)):
                return call((*xs, *defaults))
        if tape is None:
            return original(*xs)
        plain = [x._bvar_value if x.__class__ is BVar else x for x in xs]
        try:
            result = original(*plain)
        except (ArithmeticError, ValueError):
            coincide(*xs)
            raise
        if at_once or kink is not None or result.__class__ not in _NUMBERS:
            return recorded(tape, xs, [*plain, *defaults], result)
        if result.__class__ is np.ndarray and (result.base is not None or result.dtype.kind != "f"):
            return recorded(tape, xs, [*plain, *defaults], result)
        r = BVar()
        r._bvar_value = result
        r._bvar_space = tape.token(result)
        r._bvar_at = len(tape)
        edges = []
        for i, x in enumerate(xs):
            if x.__class__ is BVar:
                if result is plain[i]:
                    return recorded(tape, xs, [*plain, *defaults], result)
                given = []
                for j in asks[i]:
                    if j < 0:
                        given.append(result)
                    elif j >= count:
                        given.append(defaults[j - count])
                    else:
                        y = plain[j]
                        mine = y is xs[j] and y.__class__ is np.ndarray
                        given.append(y.copy() if mine else y)
                edges.append((x._bvar_at, x._bvar_space, functions[i], given))
        tape.append((EDGES, edges, rule, site(3)))
        return r

    return short
