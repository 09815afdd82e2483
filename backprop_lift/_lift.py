"""Twins from rules: `lifted`, `no_grad`, `locally_constant`.

A rule says how a cotangent of the result becomes cotangents of the arguments. It asks for what it
needs by the original's parameter names. All that can be wrong with it is found at the decorator.
"""

from __future__ import annotations

import builtins
import contextlib
import inspect
import linecache
import math
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from ._bvar import (
    _PLAIN,
    BVar,
    _site,
    bare,
    coincide,
    collect,
    conj,
    has_bvar,
    is_complex,
    is_plain,
    kept_alive,
    link_if_view,
    nearly_equal,
    record,
    unary,
    value_of,
    youngest,
)
from ._effect import comes_later, then
from ._registry import Entry, Registry, dotted_name, registry
from ._space import parts_of
from ._tape import call_site
from .errors import (
    CotangentError,
    NoGradientError,
    RuleError,
    UnhandledParameterError,
)

__all__ = ["Rule", "lifted", "locally_constant", "noGrad", "no_grad"]

_PACKAGE: Final = __file__.rpartition("_lift")[0]


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

    return _dressed(twin, original) if callable(original) else by_hand


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
    entry.make_twin = getattr(rule, "make_twin", None)
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

    def make_twin() -> Any:
        def twin(*args: Any, **kwargs: Any) -> Any:
            result = function(*map(_rooted, args), **{k: _rooted(v) for k, v in kwargs.items()})
            if function in _MEETING and np.any(np.equal(result, _MEETING[function])):
                coincide(*args)
            return result

        return _dressed(twin, function)

    entry = Entry(function, "locally constant", dotted_name(function), where)
    entry.make_twin = make_twin
    into.add(entry, replace=replace)
    return original


# Functions whose derivative is infinite at one size of the argument.
_SINGULAR: Final = {
    np.sqrt: 0.0, math.sqrt: 0.0, np.cbrt: 0.0, np.arcsin: 1.0, math.asin: 1.0, np.arccos: 1.0,
    math.acos: 1.0, np.arccosh: 1.0, math.acosh: 1.0,
}  # fmt: skip

# Functions with a kink, and whether a call is at it.
_KINKS: Final[dict[Any, Callable[[Any, Any], Any]]] = {
    **dict.fromkeys(
        (np.maximum, np.minimum, np.fmax, np.fmin), lambda xs, y: nearly_equal(xs[0], xs[1])
    ),
    **dict.fromkeys(
        (np.linalg.norm, np.linalg.vector_norm, np.hypot, math.hypot, math.dist),
        lambda xs, y: np.any(np.equal(_rooted(y), 0)),
    ),
    **dict.fromkeys(
        (np.arctan2, math.atan2),
        lambda xs, y: np.any(np.equal(_rooted(xs[0]), 0) & np.equal(_rooted(xs[1]), 0)),
    ),
}

# Locally constant functions, with what they answer where values meet or leave the domain.
_MEETING: Final = {
    math.isclose: True, np.isclose: True, np.allclose: True, np.array_equal: True, np.isnan: True,
    np.isinf: True, np.isfinite: False, math.isnan: True, math.isinf: True, math.isfinite: False,
}  # fmt: skip


def _rooted(value: Any) -> Any:
    while has_bvar(value):
        value = value_of(value)
    return value


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


def refusing(function: Any, name: str, reason: str, where: str = "") -> Any:
    """A twin that runs a function and refuses to be differentiated.

    Every numeric part of its result is marked. A result that cannot be marked, such as an object
    made from BVars, is refused at the call.
    """

    def twin(*args: Any, **kwargs: Any) -> Any:
        if not has_bvar(args) and not has_bvar(kwargs):
            return function(*args, **kwargs)
        found = _bvars_in((args, kwargs))
        tape = youngest(found)
        on = [v for v in found if v._bvar_space.tape is tape]
        result = twin(
            *(_off(a, tape) for a in args), **{k: _off(a, tape) for k, a in kwargs.items()}
        )
        site = _site()
        held: list[Any] = [i for i, a in enumerate(args) if has_bvar(a)]
        held += [key for key, a in kwargs.items() if has_bvar(a)]

        def refuse(dzdy: Any) -> Any:
            raise _no_gradient(name, reason, where, site, _named(held, function))

        rule = _Refusal(name, where)
        parents = tuple((v._bvar_at, v._bvar_space) for v in on)

        def finish(result: Any) -> Any:
            try:
                return record(tape, result, refuse, parents, rule)
            except Exception as error:
                at = _named(held, function)
                raise _no_gradient(name, reason, where, site, at) from error

        return then(result, finish)

    return _dressed(twin, function)


class _Refusal:
    __slots__ = ("name", "where")

    def __init__(self, name: str, where: str) -> None:
        self.name, self.where = name, where


def _named(held: list[Any], function: Any) -> str:
    """Names of arguments, from their places in a call."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    found = [
        place
        if isinstance(place, str)
        else names[place]
        if place < len(names)
        else f"argument {place + 1}"
        for place in held
    ]
    return ", ".join(found)


def _no_gradient(name: str, reason: str, where: str, site: Any, at: str) -> NoGradientError:
    facts = {"at": at, "why": reason} if reason else {"at": at}
    if where:
        facts["declared"] = where
    if site is not None:
        facts["called"] = call_site(site)
    short = name.rpartition(".")[2]
    return NoGradientError(
        f"{name} has no gradient, and one was asked for.",
        f"Write lifted(grad=..., replace=True)({short}), or const_var(...) around its result "
        "where a constant is meant.",
        **facts,
    )


def _bvars_in(value: Any) -> list[BVar]:
    if value.__class__ is BVar:
        return [value]
    if not has_bvar(value):
        return []
    return [v for _, part in parts_of(value) or () for v in _bvars_in(part)]


def _off(value: Any, tape: Any) -> Any:
    """A value with the BVars of one tape replaced by what they stand for."""
    if value.__class__ is BVar:
        return value._bvar_value if value._bvar_space.tape is tape else value
    if not has_bvar(value):
        return value
    from ._space import rebuilt

    return rebuilt(value, [(key, _off(part, tape)) for key, part in parts_of(value) or ()])


# --- rules -------------------------------------------------------------------------------------


class Rule:
    """What a decorator said about one function, prepared for calls.

    Attributes
    ----------
    name, where : str
        For errors and notes.
    parameters : tuple of str
        Of the original.
    wrt : tuple of str
        The differentiable ones.
    slope : callable or None
        Of a function of one argument: its derivative as a function of one residual.
    """

    def __init__(self, original: Any, name: str, where: str, options: Mapping[str, Any]) -> None:
        self.original = original
        self.name = name
        self.where = where
        self.options = options
        self.slope: Any = None
        self.symbolic_zeros: bool = options["symbolic_zeros"]
        self._prepared = False
        self._real_only = not options["complex"] and options["derivative"] is None
        self._kink = _KINKS.get(original) if original.__hash__ is not None else None
        self._wrt: tuple[str, ...] = ()

    @property
    def wrt(self) -> tuple[str, ...]:
        """Names of the differentiable parameters."""
        self.prepare()
        return self._wrt

    # At the decorator

    def prepare(self) -> None:
        """Read both signatures, and find all that is wrong with them."""
        if self._prepared:
            return
        self.signature = signature_of(self.original, self.options["signature"], self.where)
        self.parameters = tuple(self.signature.parameters)
        self._wrt = self._differentiable()
        self.functions = self._functions()
        self.needs = {key: self._needed_by(f, key) for key, f in self.functions.items()}
        self._check_handled()
        self.needs_result = any("result" in needs for needs in self.needs.values())
        if self.options["derivative"] is not None and len(self.parameters) == 1:
            needs = self.needs[self._wrt[0]]
            self.slope = self.functions[self._wrt[0]]
            self.keeps = "both" if len(needs) > 1 else "result" if "result" in needs else "x"
            if not needs:
                constant = self.slope
                self.slope = lambda _: constant()
            elif len(needs) > 1:
                both, names = self.slope, needs
                self.slope = lambda x_y: both(
                    **dict(zip(names, x_y if names[0] != "result" else x_y[::-1], strict=True))
                )
            else:
                self.slope = _by_position(self.slope, needs)
        self._prepared = True

    def _differentiable(self) -> tuple[str, ...]:
        wrt = self.options["wrt"]
        rules = (
            self.options["grad"]
            if self.options["grad"] is not None
            else (self.options["derivative"])
        )
        if wrt is not None:
            names = (wrt,) if isinstance(wrt, str) else tuple(wrt)
        elif isinstance(rules, Mapping):
            names = tuple(name for name in self.parameters if name in rules)
            names += tuple(name for name in rules if name not in names)
        else:
            names = tuple(
                name
                for name, p in self.signature.parameters.items()
                if p.default is p.empty and p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)
            )
            if not names:
                names = self.parameters[:1]
        for name in names:
            if name not in self.parameters:
                raise self._error(f"has no parameter {name!r} to be differentiated")
        if not names:
            raise self._error("has no parameter to be differentiated")
        return names

    def _functions(self) -> dict[Any, Any]:
        for key in ("grad", "derivative"):
            rules = self.options[key]
            if rules is None:
                continue
            if isinstance(rules, Mapping):
                for name in self._wrt:
                    if name not in rules:
                        raise self._error(f"has no rule for {name!r} in the dict {key}=")
                for name in rules:
                    if name not in self._wrt:
                        raise self._error(f"has a rule for {name!r}, which wrt= leaves out")
                return {name: rules[name] for name in self._wrt}
            if key == "derivative":
                if len(self._wrt) > 1:
                    raise self._error(
                        "has several differentiable parameters, and one derivative",
                        "Write a dict of partial derivatives, or wrt= for one parameter.",
                    )
                return {self._wrt[0]: rules}
            return {None: rules}
        return {None: self.options["op"]}

    def _needed_by(self, function: Any, key: Any) -> tuple[str, ...]:
        """Names that a function of the rule asks for, after dzdy."""
        if not callable(function):
            raise self._error(f"was given {function!r} as a rule, which is not callable")
        code = getattr(function, "__code__", None)
        if code is not None and not code.co_flags & 0x0C and not hasattr(function, "__wrapped__"):
            names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
            if isinstance(function, types.MethodType):
                names = names[1:]
        else:
            names = [
                name
                for name, p in inspect.signature(function).parameters.items()
                if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
            ]
            if self.options["op"] is not None and not names:
                names = list(self._wrt)
        if self.options["grad"] is not None:
            if not names:
                raise self._error("has a rule that does not take dzdy", rule=_defined(function))
            names = names[1:]
        for name in names:
            if name not in self.parameters and name != "result":
                raise self._error(
                    f"has a rule that asks for {name!r}, which is not a parameter of it",
                    f"Its parameters are {', '.join(self.parameters)}; the forward result is "
                    "called result.",
                    rule=_defined(function),
                )
        return tuple(names)

    def _check_handled(self) -> None:
        ignores = self.options["ignores"]
        ignores = (ignores,) if isinstance(ignores, str) else tuple(ignores)
        for name in ignores:
            if name not in self.parameters:
                raise self._error(f"has no parameter {name!r} to be ignored")
        handled = {*self._wrt, *ignores, *(n for needs in self.needs.values() for n in needs)}
        kinds = {p.kind for p in self.signature.parameters.values()}
        self._positional = (
            [p.default for p in self.signature.parameters.values()]
            if kinds <= {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
            else None
        )
        self.handled = tuple(name for name in self.parameters if name in handled)
        self.unhandled: list[tuple[int, str, Any]] = []
        for index, (name, p) in enumerate(self.signature.parameters.items()):
            if name in handled:
                continue
            if p.kind is p.VAR_POSITIONAL:
                self.unhandled.append((index, name, ()))
            elif p.kind is p.VAR_KEYWORD:
                self.unhandled.append((index, name, {}))
            elif p.default is p.empty:
                raise self._error(
                    f"has a parameter {name!r} that its rule does not handle",
                    f"Name {name} in the rule's parameters, or list it in ignores=.",
                )
            else:
                self.unhandled.append((index, name, p.default))

    def _error(self, what: str, remedy: str = "", **facts: Any) -> RuleError:
        parameters = getattr(self, "parameters", None)
        return RuleError(
            f"{self.name} {what}.",
            remedy or (f"Its parameters are {', '.join(parameters)}." if parameters else ""),
            **facts,
            defined=self.where,
        )

    # The twin

    def make_twin(self) -> Any:
        """The function on BVars, with the original's signature."""
        self.prepare()
        index = {name: i for i, name in enumerate(self.parameters)}
        self._index = index
        self._wrt_at = [index[name] for name in self._wrt]
        self._asks = {
            index.get(name): [index.get(need, -1) for need in needs]
            for name, needs in self.needs.items()
        }
        self._has_op = self.options["op"] is not None
        after = 0 if self.options["grad"] is None else 1
        self._ordered = {
            index.get(name): _by_position(function, self.needs[name], after)
            for name, function in self.functions.items()
        }
        self._required = self._count_required()
        self._scaled_grad = (
            self._by_partials
            if self.options["derivative"] is not None
            else self._all_at_once
            if None in self.functions
            else self._by_argument
        )
        self._settings_at = [
            (i, self.signature.parameters[name].default)
            for name, i in index.items()
            if name not in self._wrt
        ]
        at_once = not inspect.iscoroutinefunction(self.original)
        if self.slope is not None and self.signature_is_plain and at_once:
            return self._unary_twin()
        return _with_signature(self.signature, self._apply, self.original)

    def _count_required(self) -> int | None:
        """How many values a call gives that leaves all settings to their defaults.

        None where that is not a number of leading ones.
        """
        defaults = self._positional
        if defaults is None:
            return None
        count = sum(default is inspect.Parameter.empty for default in defaults)
        return count if all(i < count for i in self._wrt_at) else None

    @property
    def signature_is_plain(self) -> bool:
        """Is it a function of one positional argument?"""
        (parameter,) = self.signature.parameters.values()
        return parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)

    def _unary_twin(self) -> Any:
        original, keeps, rule = self.original, self.keeps, self
        singular = _SINGULAR.get(original)

        def apply(values: tuple[Any]) -> Any:
            (x,) = values
            if x.__class__ is BVar:
                space = x._bvar_space
                tape = space.kept
                if tape is not None:
                    a = x._bvar_value
                    y = twin(a) if a.__class__ is BVar else original(a)
                    token = tape.token(y)
                    if token is not space and (
                        token.shape != () or space.shape != () or is_complex(y)
                    ):
                        return general(values)  # not of the same space: to be projected
                    if singular is not None and (
                        abs(a) == singular
                        if a.__class__ is float
                        else np.any(np.equal(np.abs(_rooted(a)), singular))
                    ):
                        tape.careful = True
                        coincide(x)
                    residual = a if keeps == "x" else y if keeps == "result" else (a, y)
                    return unary(tape, x, y, token, rule, residual)
            return general(values)

        general = self._apply
        twin = _with_signature(self.signature, apply, original)
        return twin

    def _apply(self, values: tuple[Any, ...]) -> Any:
        """Call the original on plain values, and record it where an argument holds a BVar."""
        tape: Any = None
        for i in self._wrt_at:
            x = values[i]
            if x.__class__ is BVar:
                other = x._bvar_space.tape
                if tape is None or (other is not tape and other.serial > tape.serial):
                    tape = other
            elif x.__class__ not in _PLAIN and (bare(x) is not x or has_bvar(x)):
                collected = collect(bare(x))
                if collected is not x and not (isinstance(x, (list, tuple)) and not has_bvar(x)):
                    return self._apply((*values[:i], collected, *values[i + 1 :]))
        given = False
        for i, default in self._settings_at:
            setting = values[i]
            if setting is default:
                continue
            given = True
            if setting.__class__ not in _PLAIN and has_bvar(setting):
                values = (*values[:i], self._plain_setting(i, setting), *values[i + 1 :])
        if tape is None:
            return self._call(values)
        if given:
            for i, name, default in self.unhandled:
                if values[i] is not default:
                    self._check_default(name, values[i], default)
        return self._record(tape, values, given)

    def _plain_setting(self, i: int, setting: Any) -> Any:
        name = self.parameters[i]
        root = _rooted(setting)
        if isinstance(root, (int, np.integer, np.bool_)) or (
            isinstance(root, np.ndarray) and root.dtype.kind in "iub"
        ):
            return root  # an integer setting does not vary
        raise UnhandledParameterError(
            f"{self.name} was given a BVar for {name}, which its rule does not differentiate.",
            f"Pass value_of({name}) where a constant is meant, or write a rule with "
            f"wrt=({', '.join(map(repr, (*self._wrt, name)))}).",
            rule=self.where,
            differentiable=", ".join(self._wrt),
        )

    def _check_default(self, name: str, given: Any, default: Any) -> None:
        same = (
            isinstance(given, (bool, int, float, complex, str, type(None)))
            and isinstance(default, (bool, int, float, complex, str, type(None)))
            and type(given) is type(default)
            and given == default
        )
        if same or (isinstance(given, (tuple, dict)) and not given and not default):
            return
        raise UnhandledParameterError(
            f"{self.name} was given {name}={_short(given)}, which its rule does not handle.",
            f"Name {name} in the rule's parameters, or list it in ignores=.",
            rule=self.where,
            handles=", ".join(self.handled),
            given=f"{name}={_short(given)}",
        )

    def _call(self, values: Sequence[Any]) -> Any:
        defaults = self._positional
        if defaults is None:
            args, kwargs = _arguments(self.signature, tuple(values))
            return self.original(*args, **kwargs)
        n = len(values)
        while n and values[n - 1] is defaults[n - 1]:
            n -= 1  # defaults are the original's business
        return self.original(*values[:n])

    def _record(self, tape: Any, values: tuple[Any, ...], given: bool) -> Any:
        parents, on, plain = [], [], list(values)
        inner = False
        for i in self._wrt_at:
            x = values[i]
            if x.__class__ is BVar:
                space = x._bvar_space
                if space.tape is tape:
                    parents.append((x._bvar_at, space))
                    on.append(i)
                    x = plain[i] = x._bvar_value
                    cls = x.__class__
                    inner = inner or cls is BVar or (cls not in _PLAIN and has_bvar(x))
                else:
                    inner = True
        if self._has_op:
            return self._record_op(tape, plain, tuple(parents), on)
        if inner:
            result = self._apply(tuple(plain))
        elif given or self._required is None:
            result = self._call(plain)
        else:
            result = self.original(*plain[: self._required])
        if result.__class__ not in _PLAIN and comes_later(result):
            return then(result, lambda y: self._recorded(tape, plain, y, parents, on))
        if (result.__class__ is np.ndarray and result.base is not None) or result is plain[on[0]]:
            return link_if_view(
                self._recorded(tape, plain, result, parents, on), [values[i] for i in on]
            )
        return self._recorded(tape, plain, result, parents, on)

    def _recorded(
        self, tape: Any, plain: list[Any], result: Any, parents: list[Any], on: list[int]
    ) -> Any:
        if self._real_only:
            self._refuse_complex(plain, result)
        if self._kink is not None and self._kink([_rooted(x) for x in plain], result):
            tape.coincident = True
            coincide(*plain)
        return record(
            tape, result, self._scaled_grad(tape, plain, result, on), tuple(parents), self
        )

    def _refuse_complex(self, plain: list[Any], result: Any) -> None:
        if _is_complex(result) or any(_is_complex(plain[i]) for i in self._wrt_at):
            raise UnhandledParameterError(
                f"{self.name} was given complex values, for which its rule is not known to hold.",
                "Check the rule in the convention dzdx = dzdy * conj(dy/dx), and say complex=True.",
                rule=self.where,
            )

    def _given(
        self, tape: Any, key: Any, plain: list[Any], result: Any, on: list[int]
    ) -> list[Any]:
        """What a function of the rule asks for, in its order; arrays of the caller are copied.

        Parameters
        ----------
        key : int or None
            Which function of the rule.
        on : list of int
            The parameters whose values are the tape's own.
        """
        given = []
        for i in self._asks[key]:
            if i < 0:
                given.append(result)
            elif i in on or plain[i].__class__ is not np.ndarray:
                given.append(plain[i])
            else:
                given.append(kept_alive(plain[i]))
        return given

    # What a rule says, as a function of dzdy alone; one of these is `_scaled_grad`.

    def _by_partials(
        self, tape: Any, plain: list[Any], result: Any, on: list[int]
    ) -> Callable[[Any], Any]:
        partials = [self._partial(tape, i, plain, result, on) for i in on]
        return lambda dzdy: [dzdy * conj(partial()) for partial in partials]

    def _by_argument(
        self, tape: Any, plain: list[Any], result: Any, on: list[int]
    ) -> Callable[[Any], Any]:
        calls = [(self._ordered[i], self._given(tape, i, plain, result, on)) for i in on]
        return lambda dzdy: [function(dzdy, *given) for function, given in calls]

    def _all_at_once(
        self, tape: Any, plain: list[Any], result: Any, on: list[int]
    ) -> Callable[[Any], Any]:
        function, given = self._ordered[None], self._given(tape, None, plain, result, on)
        return lambda dzdy: self._counted(function(dzdy, *given), on)

    def _partial(
        self, tape: Any, i: int, plain: list[Any], result: Any, on: list[int]
    ) -> Callable[[], Any]:
        function, given = self._ordered[i], self._given(tape, i, plain, result, on)

        def partial() -> Any:
            try:
                return function(*given)
            except (ZeroDivisionError, OverflowError):
                return function(
                    *(
                        np.asarray(x)[()] if x.__class__ in (float, builtins.complex) else x
                        for x in given
                    )
                )

        return partial

    def _record_op(
        self, tape: Any, plain: list[Any], parents: tuple[Any, ...], on: list[int]
    ) -> Any:
        function = self.functions[None]
        found = function(**{name: plain[self._index[name]] for name in self.needs[None]})
        if found.__class__ is not tuple and comes_later(found):
            return then(found, lambda y: self._recorded_op(tape, plain, y, parents, on))
        return self._recorded_op(tape, plain, found, parents, on)

    def _recorded_op(
        self, tape: Any, plain: list[Any], found: Any, parents: tuple[Any, ...], on: list[int]
    ) -> Any:
        if not isinstance(found, tuple) or len(found) != 2 or not callable(found[1]):
            raise CotangentError(
                f"The op of {self.name} did not return (y, scaled_grad).",
                "Return the result and a function dzdy -> cotangents.",
                rule=self.where,
                got=type(found).__name__,
            )
        result, pullback = found
        if not self.options["complex"]:
            self._refuse_complex(plain, result)

        def scaled_grad(dzdy: Any) -> Any:
            return self._counted(pullback(dzdy), on)

        return record(tape, result, scaled_grad, parents, self)

    def _counted(self, found: Any, on: list[int]) -> Any:
        """The cotangents of the parameters `on` the tape, out of those of all."""
        wrt_at = self._wrt_at
        found = self._one_for_each(found, len(wrt_at))
        if len(on) == len(wrt_at):
            return found
        return [dzdx for i, dzdx in zip(wrt_at, found, strict=True) if i in on]

    def _one_for_each(self, found: Any, count: int) -> Any:
        if count == 1 and not (
            isinstance(found, tuple) and len(found) == 1 and found.__class__ is tuple
        ):
            return (found,)
        if isinstance(found, (tuple, list)) and len(found) == count:
            return found
        got = f"{len(found)} cotangents" if isinstance(found, (tuple, list)) else type(found)
        raise CotangentError(
            f"The rule of {self.name} did not return one cotangent for each argument.",
            f"Return a tuple of one for each of {', '.join(self._wrt)}.",
            rule=self.where,
            expected=f"{count} cotangents",
            got=got,
        )


def _is_complex(value: Any) -> bool:
    if value.__class__ is np.ndarray:
        return bool(value.dtype.kind == "c")
    if value.__class__ is BVar:
        return _is_complex(value._bvar_value)
    if isinstance(value, (list, tuple)):
        return any(map(_is_complex, value))
    return is_complex(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."


def _by_position(function: Any, names: tuple[str, ...], after: int = 0) -> Any:
    """A function of a rule as one that takes what it asks for by position, after some others."""
    code = getattr(function, "__code__", None)
    if code is not None and not hasattr(function, "__wrapped__"):
        own = code.co_varnames[: code.co_argcount]
        own = own[1:] if isinstance(function, types.MethodType) else own
        if own[after:] == names:
            return function
    return lambda *given: function(*given[:after], **dict(zip(names, given[after:], strict=True)))


# --- signatures --------------------------------------------------------------------------------


def signature_of(original: Any, text: str | None, where: str) -> inspect.Signature:
    """The signature of a callable, or the one given for it."""
    if text is not None:
        scope: dict[str, Any] = {"np": np}
        try:
            exec(f"def _({text}): ...", scope)  # noqa: S102 - the author's own signature
        except SyntaxError:
            raise RuleError(
                f"{text!r} is not a signature.",
                'Write it as in a definition: signature="x, base=None".',
                defined=where,
            ) from None
        return inspect.signature(scope["_"])
    if isinstance(original, np.ufunc):
        names = ("x",) if original.nin == 1 else tuple(f"x{i + 1}" for i in range(original.nin))
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])
    try:
        signature = inspect.signature(original)
    except (ValueError, TypeError):
        raise RuleError(
            f"{dotted_name(original)} has no signature that Python can tell.",
            'Give it one: lifted(..., signature="x, base=None").',
            defined=where,
        ) from None
    return signature.replace(
        parameters=[p.replace(annotation=p.empty) for p in signature.parameters.values()],
        return_annotation=signature.empty,
    )


def _arguments(
    signature: inspect.Signature, values: tuple[Any, ...]
) -> tuple[list[Any], dict[str, Any]]:
    """The call that gives each parameter its value; defaults are left to the original."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    by_name = False
    for (name, p), value in zip(signature.parameters.items(), values, strict=True):
        if p.kind is p.VAR_POSITIONAL:
            args.extend(value)
            by_name = True
        elif p.kind is p.VAR_KEYWORD:
            kwargs.update(value)
        elif p.default is not p.empty and value is p.default and p.kind is not p.POSITIONAL_ONLY:
            by_name = True
        elif p.kind is p.KEYWORD_ONLY or (by_name and p.kind is not p.POSITIONAL_ONLY):
            kwargs[name] = value
        else:
            args.append(value)
    return args, kwargs


_sources: dict[str, types.CodeType] = {}


def _with_signature(signature: inspect.Signature, apply: Callable[[Any], Any], like: Any) -> Any:
    """A function with a signature that hands the values of its parameters to `apply`."""
    parameters, names, defaults = [], [], {}
    last_kind: Any = None
    for name, p in signature.parameters.items():
        if last_kind is p.POSITIONAL_ONLY and p.kind is not last_kind:
            parameters.append("/")
        if p.kind is p.KEYWORD_ONLY and last_kind not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            parameters.append("*")
        last_kind = p.kind
        prefix = "*" if p.kind is p.VAR_POSITIONAL else "**" if p.kind is p.VAR_KEYWORD else ""
        if p.default is not p.empty:
            defaults[f"_default_{name}"] = p.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(prefix + name)
        names.append(name)
    if last_kind is inspect.Parameter.POSITIONAL_ONLY:
        parameters.append("/")
    source = f"def twin({', '.join(parameters)}):\n    return _apply(({''.join(n + ', ' for n in names)}))"
    code = _sources.get(source)
    if code is None:
        code = _sources[source] = compile(source, f"{_PACKAGE}<twin>", "exec")
    scope: dict[str, Any] = {"_apply": apply, **defaults}
    exec(code, scope)  # noqa: S102 - our own text, of the original's parameter names
    return _dressed(scope["twin"], like, signature)


def _dressed(twin: Any, like: Any, signature: inspect.Signature | None = None) -> Any:
    """Give a twin the name, docs and signature of its original."""
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        value = getattr(like, name, None)
        if isinstance(value, str):
            setattr(twin, name, value)
    twin.__wrapped__ = like
    with contextlib.suppress(ValueError, TypeError):  # a callable without a signature
        signature = inspect.signature(like)
    if signature is not None:
        twin.__signature__ = signature
    return twin


# --- places ------------------------------------------------------------------------------------


def _caller() -> str:
    """File and line of the nearest frame outside this module."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _defined(function: Any) -> str:
    code = getattr(function, "__code__", None)
    if code is None:
        return repr(function)
    line = linecache.getline(code.co_filename, code.co_firstlineno).strip()
    place = f"{code.co_filename}:{code.co_firstlineno}"
    return f"{place}  {line}" if line else place
