"""Plain functions of numbers, run with many digits by mpmath.

A number of many digits, `Digits`, goes through Python's operators, through NumPy's ufuncs, and
through the functions of `math`, `numpy` and `scipy.special` that mpmath has too; a Python function
is run with its names bound to these. Anything else refuses it rather than drop its digits.
"""

from __future__ import annotations

import functools
import importlib.util
import operator
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._rebind import rebound
from .._registry import Entry, Registry

__all__ = ["DIGITS", "Digits", "is_known", "with_digits"]

# Of the numbers; a double has sixteen.
DIGITS: Final = 40


class Digits:
    """A real number of many digits.

    Parameters
    ----------
    value : mpmath.mpf
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            return NotImplemented
        operation = _OPERATORS_OF_UFUNCS.get(ufunc.__name__)
        if operation is not None:
            return operation(*(Digits(_number(x)) for x in inputs))
        function = _found(ufunc)
        return NotImplemented if function is None else function(*inputs)

    def __float__(self) -> float:
        raise TypeError("a number of many digits would lose them")

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Digits({self.value!r})"

    __hash__ = None  # type: ignore[assignment]  # never a key


def _number(value: Any) -> Any:
    """What mpmath takes: an mpf for a float, exactly."""
    import mpmath

    if isinstance(value, Digits):
        return value.value
    if isinstance(value, (bool, np.bool_, str)):
        raise TypeError(f"no number: {value!r}")
    if isinstance(value, (int, np.integer)):
        return mpmath.mpf(int(value))
    if isinstance(value, (float, np.floating)):
        return mpmath.mpf(float(value))
    raise TypeError(f"no real number: {value!r}")


def _real(value: Any) -> Digits:
    import mpmath

    if isinstance(value, mpmath.mpf) and mpmath.isfinite(value):
        return Digits(value)
    raise ValueError(f"no finite real number: {value}")


def _add_operators() -> None:
    def two(name: str, operation: Callable[[Any, Any], Any], *, compares: bool = False) -> None:
        def forward(self: Digits, other: Any) -> Any:
            try:
                found = operation(self.value, _number(other))
            except TypeError:
                return NotImplemented
            return found if compares else _real(found)

        def backward(self: Digits, other: Any) -> Any:
            try:
                return _real(operation(_number(other), self.value))
            except TypeError:
                return NotImplemented

        setattr(Digits, f"__{name}__", forward)
        if not compares:
            setattr(Digits, f"__r{name}__", backward)

    for name in ("add", "sub", "mul", "truediv", "pow", "mod"):
        two(name, getattr(operator, name))
    two("floordiv", lambda a, b: (a - a % b) / b)
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        two(name, getattr(operator, name), compares=True)
    for name in ("neg", "pos", "abs"):
        one = getattr(operator, name)
        setattr(Digits, f"__{name}__", lambda self, one=one: _real(one(self.value)))


_add_operators()

_OPERATORS_OF_UFUNCS: Final[dict[str, Callable[..., Any]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "float_power": operator.pow,
    "remainder": operator.mod,
    "negative": operator.neg,
    "positive": operator.pos,
    "absolute": operator.abs,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "maximum": lambda x, y: x if x >= y else y,
    "minimum": lambda x, y: x if x <= y else y,
    "isnan": lambda x: False,
    "isfinite": lambda x: True,
    "isinf": lambda x: False,
}

# Names in `math`, `numpy` and `scipy.special`, and what mpmath calls the same function.
_SAME: Final[dict[str, Any]] = {
    name: name
    for name in ["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "exp", "expm1", "log", "log10", "log1p", "sqrt", "cbrt", "hypot", "atan2", "gamma", "erf", "erfc", "degrees", "radians", "floor", "ceil", "beta", "zeta", "lambertw", "erfinv", "digamma", "rgamma", "hyp0f1", "hyp1f1", "hyp2f1"]
} | {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "arctan2": "atan2", "deg2rad": "radians", "rad2deg": "degrees",
    "psi": "digamma", "lgamma": "loggamma", "gammaln": "loggamma", "fabs": "fabs",
    "jv": "besselj", "jn": "besselj", "yv": "bessely", "yn": "bessely", "iv": "besseli",
    "kv": "besselk", "kn": "besselk", "ellipk": "ellipk", "ellipe": "ellipe",
    "ellipkinc": "ellipf", "ellipeinc": "ellipe", "exp1": "e1", "expn": "expint",
    "ndtr": "ncdf", "expi": "ei", "struve": "struveh", "pow": lambda mp, x, y: mp.power(x, y),
    "exp2": lambda mp, x: mp.power(2, x), "log2": lambda mp, x: mp.log(x, 2),
    "polygamma": lambda mp, n, x: mp.psi(int(n), x),
    "j0": lambda mp, x: mp.besselj(0, x), "j1": lambda mp, x: mp.besselj(1, x),
    "y0": lambda mp, x: mp.bessely(0, x), "y1": lambda mp, x: mp.bessely(1, x),
    "i0": lambda mp, x: mp.besseli(0, x), "i1": lambda mp, x: mp.besseli(1, x),
    "k0": lambda mp, x: mp.besselk(0, x), "k1": lambda mp, x: mp.besselk(1, x),
    "betaln": lambda mp, a, b: mp.log(mp.beta(a, b)),
    "gammainc": lambda mp, a, x: mp.gammainc(a, 0, x, regularized=True),
    "gammaincc": lambda mp, a, x: mp.gammainc(a, x, mp.inf, regularized=True),
    "betainc": lambda mp, a, b, x: mp.betainc(a, b, 0, x, regularized=True),
    "expit": lambda mp, x: 1 / (1 + mp.exp(-x)), "logit": lambda mp, x: mp.log(x / (1 - x)),
    "log_expit": lambda mp, x: -mp.log1p(mp.exp(-x)),
    "logaddexp": lambda mp, x, y: mp.log(mp.exp(x) + mp.exp(y)),
    "xlogy": lambda mp, x, y: x * mp.log(y), "xlog1py": lambda mp, x, y: x * mp.log1p(y),
    "sinc": lambda mp, x: mp.sincpi(x), "erfcx": lambda mp, x: mp.exp(x * x) * mp.erfc(x),
    "dawsn": lambda mp, x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
    "exprel": lambda mp, x: mp.expm1(x) / x, "cosm1": lambda mp, x: -2 * mp.sin(x / 2) ** 2,
    "spence": lambda mp, x: mp.polylog(2, 1 - x),
}  # fmt: skip


@functools.cache
def _found(function: Any) -> Any:
    """What mpmath has for a function, on numbers of many digits; None where it has nothing."""
    import mpmath

    name = getattr(function, "__name__", "")
    homes = [sys.modules.get(module) for module in ("math", "numpy", "scipy.special")]
    if not any(getattr(home, name, None) is function for home in homes):
        return None
    given = _SAME.get(name)
    if given is None:
        return None
    same: Any = (
        getattr(mpmath, given) if isinstance(given, str) else functools.partial(given, mpmath)
    )

    def found(*args: Any) -> Any:
        if not any(isinstance(x, Digits) for x in args):
            return function(*args)
        return _real(mpmath.mpmathify(same(*map(_number, args))))

    found.__name__ = name
    return found


def _as_number(original: Any, x: Any = 0.0) -> Any:
    return x if isinstance(x, Digits) else original(x)


class _OfMpmath(Registry):
    """A registry in which the twin of a function is mpmath's."""

    def find(self, original: Any) -> Entry | None:
        twin: Any
        if original is float or original is np.float64:
            twin = functools.partial(_as_number, original)
        elif original is int or original is complex:
            twin = original  # which refuses it
        else:
            try:
                twin = _found(original)
            except TypeError:  # not hashable
                return None
        if twin is None:
            return None
        return Entry(original, "twin", original.__name__, "mpmath", _twin=twin)


_of_mpmath: Final = _OfMpmath()


def is_known(function: Any) -> bool:
    """Has mpmath a function itself, so that its numbers have no truncation of ours?"""
    try:
        return importlib.util.find_spec("mpmath") is not None and _found(function) is not None
    except TypeError:  # not hashable
        return False


def with_digits(function: Any) -> Any:
    """A function as one on numbers of many digits, or None where it cannot be run on them.

    Parameters
    ----------
    function : callable
        One that mpmath has too, or a Python function, which is run with its names bound to those.
    """
    found = _found(function) if getattr(function, "__hash__", None) else None
    if found is not None:
        return found
    try:
        return rebound(function, _of_mpmath)
    except Exception:
        return None
