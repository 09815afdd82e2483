"""Twins from rules: `lifted`, `no_grad`, `locally_constant`.

A rule says how a cotangent of the result becomes cotangents of the arguments. It asks for what it
needs by the original's parameter names. All that can be wrong with it is found at the decorator.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ._bvar import is_plain, rooted
from ._comparison import coincide
from ._meeting import JUMPS
from ._refusal import refusing
from ._registry import Entry, Registry, dotted_name, registry
from ._rule import Rule
from ._signature import dressed
from ._twin import twin_from
from .errors import RuleError

__all__ = ["lifted", "locally_constant", "noGrad", "no_grad"]


def lifted(
    original: Any = None,
    *,
    grad: Any = None,
    derivative: Any = None,
    op: Any = None,
    twin: Any = None,
    wrt: Iterable[str] | None = None,
    ignores: Iterable[str] = (),
    samples: Any = None,
    signature: str | None = None,
    complex: bool = False,
    symbolic_zeros: bool = False,
    replace: bool = False,
    into: Registry = registry,
) -> Any:
    """Give a function a twin that can be differentiated, and return the function untouched.

    The rule is in force through the twin: in a mirror, in composites, through NumPy's protocols,
    through methods of a BVar, and in every runner (``grad_bp(f, x)`` runs the twin of `f`). The
    original, called by its own name on a BVar, runs its plain body; ``twin_of(f)(v)`` is the call
    by the rule.

    Parameters
    ----------
    original : callable
        A function, ufunc, method, property, staticmethod, classmethod or class. Left away in the
        decorator with options: ``@lifted(grad=...)``.
    grad : callable or dict, optional
        The scaled gradient: ``f(dzdy, ...) -> dzdx``, a tuple of one for each differentiable
        parameter; or a dict of functions by parameter, of which only the needed ones are called.
        After `dzdy` it asks for what it needs by the original's parameter names, plus ``result``.
    derivative : callable or dict, optional
        dy/dx of a scalar or elementwise function, or a dict of partial derivatives.
    op : callable, optional
        ``f(*xs, ...) -> (y, dzdy -> dzdxs)``, where forward and gradient share work.
    twin : callable, optional
        The BVar-aware version itself, written out of lifted functions.
    wrt : iterable of str, optional
        The differentiable parameters; by default those without a default that are not
        keyword-only, or the keys of a dict of rules. All others are settings.
    ignores : iterable of str, optional
        Settings that the gradient does not depend on.
    samples : list or callable, optional
        Calls to check on, as tuples of arguments, or a function of a `numpy.random.Generator`
        that returns them.
    signature : str, optional
        Of a callable that has none: ``"x, base=None"``.
    complex : bool, optional
        The rule is right for complex values, in the convention ``dzdx = dzdy * conj(dy/dx)``.
    symbolic_zeros : bool, optional
        Give the rule `ZERO` for parts of a structured result that nothing reached.
    replace : bool, optional
        Allow an original that is registered already.
    into : Registry, optional
        Where to register.

    Returns
    -------
    callable
        `original` itself.

    Raises
    ------
    RuleError
        If the rule cannot be right, with the file and line of its definition.
    RegistrationError
        If `original` is registered already.

    Examples
    --------
    >>> from backprop_lift import grad_bp, lifted
    >>> @lifted(grad=lambda dzdy, u, v: (dzdy * v, u * dzdy))
    ... def mul(u, v):
    ...     return u * v
    >>> grad_bp(mul, 2.0, 5.0)
    (5.0, 2.0)
    """
    options = {
        "grad": grad, "derivative": derivative, "op": op, "twin": twin, "wrt": wrt,
        "ignores": ignores, "samples": samples, "signature": signature, "complex": complex,
        "symbolic_zeros": symbolic_zeros, "replace": replace, "into": into,
    }  # fmt: skip
    given = [name for name in ("grad", "derivative", "op", "twin") if options[name] is not None]
    where = _caller()
    if len(given) > 1:
        raise RuleError(
            f"lifted was given {' and '.join(f'{name}=' for name in given)}.",
            "Give one of them.",
            defined=where,
        )
    if original is None:
        return lambda original: _lift(original, options, where)
    return _lift(original, options, where)


def _lift(original: Any, options: dict[str, Any], where: str) -> Any:
    function = _underlying(original)
    if not callable(function) and not hasattr(function, "__get__"):
        raise RuleError(
            f"lifted was given {function!r}, which is not callable.",
            "Give it a function, or a class.",
            defined=where,
        )
    name = dotted_name(function)
    if options["twin"] is not None:
        _register(function, "twin", name, where, options, twin=_by_hand(options["twin"], function))
    elif all(options[key] is None for key in ("grad", "derivative", "op")):
        from ._rebind import composite_of

        into = options["into"]
        entry = Entry(function, "composite", name, where, samples=options["samples"])
        entry.make_twin = lambda: composite_of(function, into)
        into.add(entry, replace=options["replace"])
    else:
        rule = Rule(function, name, where, options)
        if not options["into"].loading:
            rule.prepare()
        _register(function, "rule", name, where, options, rule=rule)
    return original


def _by_hand(by_hand: Any, original: Any) -> Any:
    """A twin written by hand: called with plain values only, it is the original."""

    def twin(*args: Any, **kwargs: Any) -> Any:
        if all(map(is_plain, args)) and all(map(is_plain, kwargs.values())):
            return original(*args, **kwargs)
        return by_hand(*args, **kwargs)

    return dressed(twin, original) if callable(original) else by_hand


def _underlying(original: Any) -> Any:
    if isinstance(original, (staticmethod, classmethod)):
        return original.__func__
    if isinstance(original, property):
        return original.fget
    return original


def _register(
    function: Any,
    kind: Any,
    name: str,
    where: str,
    options: Mapping[str, Any],
    *,
    rule: Any = None,
    twin: Any = None,
    reason: str = "",
) -> None:
    entry = Entry(function, kind, name, where, rule, options.get("samples"), reason)
    wrt = options.get("wrt")
    if twin is not None and wrt is not None:
        entry.given_wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    entry._twin = twin
    if rule is not None:
        entry.make_twin = partial(twin_from, rule)
    options.get("into", registry).add(entry, replace=options.get("replace", False))


def locally_constant(original: Any = None, *, replace: bool = False, into: Any = registry) -> Any:
    """Say that a function's result does not vary with its arguments, but for jumps.

    Its twin gives plain values: nothing flows through floor, sign or argmax.

    Parameters
    ----------
    original : callable
    replace, into
        As for `lifted`.

    Returns
    -------
    callable
        `original` itself.
    """
    where = _caller()
    if original is None:
        return lambda original: locally_constant(original, replace=replace, into=into)
    function = _underlying(original)
    jumps = JUMPS.get(function) if function.__hash__ else None

    def make_twin() -> Any:
        def twin(*args: Any, **kwargs: Any) -> Any:
            plain, named = tuple(map(rooted, args)), {k: rooted(v) for k, v in kwargs.items()}
            result = function(*plain, **named)
            if jumps is not None and jumps(result, *plain, **named):
                coincide(*args, *kwargs.values())
            return result

        return dressed(twin, function)

    entry = Entry(function, "locally constant", dotted_name(function), where)
    entry.make_twin = make_twin
    into.add(entry, replace=replace)
    return original


def no_grad(original: Any = None, *, replace: bool = False, into: Any = registry) -> Any:
    """Say that nobody has written or tested a function's gradient: `noGrad`.

    Its twin runs, and *refuses to be differentiated*: the error comes when a gradient is asked of
    its result, not when it is called or left unused. This is not ``torch.no_grad``, which records
    nothing; for that, see `const_var`.

    Parameters
    ----------
    original : callable or str
        The function; or the reason, shown in the error: ``@no_grad("needs Bessel functions")``.
    replace, into
        As for `lifted`.

    Returns
    -------
    callable
        `original` itself.

    Examples
    --------
    >>> from backprop_lift import eval_bp, no_grad, twin_of
    >>> @no_grad
    ... def negate(x):
    ...     return -x
    >>> eval_bp(twin_of(negate), 2.0)
    -2.0
    """
    where = _caller()
    if original is None or isinstance(original, str):
        reason = original or ""
        return lambda function: _refuse(function, reason, where, replace, into)
    return _refuse(original, "", where, replace, into)


noGrad = no_grad  # the name that the originals gave it


def _refuse(original: Any, reason: str, where: str, replace: bool, into: Registry) -> Any:
    function = _underlying(original)
    name = dotted_name(function)
    _register(
        function, "no grad", name, where, {"replace": replace, "into": into},
        reason=reason, twin=refusing(function, name, reason, where),
    )  # fmt: skip
    return original


def _caller() -> str:
    """File and line of the nearest frame outside this module."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
