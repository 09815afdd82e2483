"""Functions on BVars from Ops, and Ops from functions on BVars: `lift_op` and `bp_op`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from .._access import view_var
from .._apply import applied, named_after
from .._bvar import has_bvar, rooted
from .._containers import coerce_var
from .._effect import comes_later, refused_inside, running_as_node
from .._op import Op, only_op, place_of
from .._registry import Entry, Kind, Registry, dotted_name, registry
from .._run import _lifted, _recorded, _Run, backprop_with
from .._space import parts_of
from ..errors import RuleError, TapeError
from .rule import Rule, signature_of
from .signature import with_signature

__all__ = ["bp_op", "lift_op", "op_coerce", "op_lens"]


def lift_op(
    op: Op,
    *,
    name: str | None = None,
    signature: str | None = None,
    wrt: Iterable[str] | None = None,
    samples: Any = None,
    replace: bool = False,
    into: Registry = registry,
) -> Any:
    """The function on BVars that an Op is.

    With a name, it is a first-class function that exists only in lifted form: registered,
    checked like any other, and taken over by mirrors.

    Parameters
    ----------
    op : Op
    name : str, optional
        Registers the function under this name, in the module of the caller.
    signature : str, optional
        ``"x, base=2.0"``; by default that of the Op's own function. Parameters with a default
        are settings, which the Op receives by name.
    wrt, samples, replace, into : optional
        As for `lifted`; only with a name.

    Returns
    -------
    callable
        Takes BVars and plain values; plain ones give a plain result.

    Raises
    ------
    RuleError
        If it is given no Op, or the name or signature cannot be right.

    Examples
    --------
    >>> from backprop_lift import Op, grad_bp, lift_op
    >>> square = lift_op(Op(lambda x: (x ** 2, lambda dzdy: dzdy * 2 * x)))
    >>> square(3.0), grad_bp(square, 3.0)
    (9.0, 6.0)
    """
    only_op(op, "lift_op")
    if name is not None and not all(map(str.isidentifier, str(name).split("."))):
        raise RuleError(
            f"lift_op was given {name!r} for a name, which is none.",
            'Write name="square", or name="mylib.square" for a function of another module.',
            defined=op.where,
        )
    if name is not None:
        caller = sys._getframe(1)
        place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        path, _, short = name.rpartition(".")
        module = path or caller.f_globals.get("__name__", "")
        return _registered(op, short, module, place, signature, wrt, samples, replace, into)
    if signature is not None or samples is not None or wrt is not None:
        raise RuleError(
            f"lift_op({op.name}) was given a signature, samples or wrt without a name.",
            'Name the function: lift_op(op, name="square", signature="x").',
            defined=op.where,
        )

    def lifted(*xs: Any, **settings: Any) -> Any:
        return applied(op, xs, settings)

    named_after(op, lifted)
    return lifted


def _registered(
    op: Op,
    name: str,
    module: str,
    where: str,
    text: str | None,
    wrt: Iterable[str] | None,
    samples: Any,
    replace: bool,
    into: Registry,
) -> Any:
    """A function with a signature, and its entry; the function is its own original and twin."""

    def like() -> None: ...

    like.__name__ = like.__qualname__ = name
    like.__module__, like.__doc__ = module, op.function.__doc__
    signature = signature_of(op.function if text is None else like, text, where)
    like.__signature__ = signature  # type: ignore[attr-defined]  # what inspect looks for
    op = _renamed(op, dotted_name(like), where)
    _check_call(op, signature, wrt)
    given = op.function
    names = tuple(signature.parameters)

    def by_name(**values: Any) -> Any:
        xs, settings, keys = _split(signature, rule.wrt, values)
        y, pulled = op.pulled(xs, settings)
        return y, lambda dzdy: _joined(keys, pulled(dzdy))

    by_name.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # as above
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    )
    by_name.__doc__ = given.__doc__
    options = {
        "grad": None, "derivative": None, "op": by_name, "wrt": wrt, "ignores": (),
        "signature": text, "complex": op.complex, "symbolic_zeros": False,
    }  # fmt: skip

    def apply(values: tuple[Any, ...]) -> Any:
        xs, settings, keys = _split(signature, rule.wrt, dict(zip(names, values, strict=True)))
        return applied(op, xs, settings, names=_each_named(keys))

    function = with_signature(signature, apply, like)
    del function.__wrapped__
    rule = Rule(function, op.name, where, options)
    rule.prepare()
    kind: Kind = "lifted only" if op.refusal is None else "no grad"
    entry = Entry(function, kind, op.name, where, rule, samples, op.refusal or "")
    entry._twin = function
    into.add(entry, replace=replace)
    return function


def _check_call(op: Op, signature: inspect.Signature, wrt: Iterable[str] | None) -> None:
    """Find at the definition that an Op cannot be called as its signature says."""
    by_position, by_name = 0, dict[str, None]()
    for name, p in signature.parameters.items():
        if p.kind is p.VAR_POSITIONAL or p.kind is p.VAR_KEYWORD:
            return
        if (
            name in wrt
            if wrt is not None
            else p.default is p.empty and p.kind is not p.KEYWORD_ONLY
        ):
            by_position += 1
        else:
            by_name[name] = None
    try:
        inspect.signature(op.function).bind(*[None] * by_position, **by_name)
    except ValueError:  # it has no signature
        return
    except TypeError as error:
        raise RuleError(
            f"{op.name} has the signature {signature}, by which its Op cannot be called: {error}.",
            "The Op receives differentiable parameters by position, and settings by name.",
            defined=op.where,
        ) from None


def _renamed(op: Op, name: str, where: str) -> Op:
    named = Op(op.function, name=name, complex=op.complex)
    named.refusal, named.where = op.refusal, op.where or where
    return named


def _split(
    signature: inspect.Signature, wrt: tuple[str, ...], values: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], list[tuple[str, int | None]]]:
    """Arguments of an Op from the values of a function's parameters.

    Returns
    -------
    xs : tuple
        What is differentiated.
    settings : dict
    keys : list of (str, int or None)
        For each differentiable parameter, how many of the `xs` it stands for; None for one.
    """
    xs: list[Any] = []
    settings: dict[str, Any] = {}
    keys: list[tuple[str, int | None]] = []
    for name, p in signature.parameters.items():
        if p.kind is p.VAR_KEYWORD:
            settings.update(values[name])
        elif name not in wrt:
            settings[name] = values[name]
        elif p.kind is p.VAR_POSITIONAL:
            xs.extend(values[name])
            keys.append((name, len(values[name])))
        else:
            xs.append(values[name])
            keys.append((name, None))
    return tuple(xs), settings, keys


def _each_named(keys: list[tuple[str, int | None]]) -> list[str]:
    """The name of each argument of an Op, those of ``*args`` with their index."""
    each = [[name] if n is None else [f"{name}[{i}]" for i in range(n)] for name, n in keys]
    return [name for names in each for name in names]


def _joined(keys: list[tuple[str, int | None]], dzdxs: Iterable[Any]) -> tuple[Any, ...]:
    rest = iter(dzdxs)
    return tuple(next(rest) if n is None else tuple(islice(rest, n)) for _, n in keys)


# Functions on BVars as Ops.


def bp_op(f: Callable[..., Any], *, name: str | None = None) -> Op:
    """A function on BVars as one Op, and so as one node: the checkpoint.

    The lifted Op keeps its arguments and its result, and runs the function again when the sweep
    comes to it: memory is traded for a second run.

    Parameters
    ----------
    f : callable
        Must give the same value when it is run again, have no effects, and depend on no BVars
        but its arguments.
    name : str, optional
        For errors.

    Returns
    -------
    Op

    Raises
    ------
    RuleError
        If `f` is not callable.
    TapeError
        When it runs: if `f` depends on a BVar that is not an argument, has effects, or gave
        another value in the sweep.

    Examples
    --------
    >>> from backprop_lift import bp_op, grad_bp, lift_op
    >>> step = lift_op(bp_op(lambda x: x * (x + 1)))
    >>> grad_bp(lambda x: step(step(x)), 3.0)
    175.0
    """

    return checkpoint(f, name, _Run)


def checkpoint(
    f: Callable[..., Any], name: str | None, started: Callable[[str, tuple[Any, ...]], _Run]
) -> Op:
    """A function on BVars as one Op: `bp_op`, with what makes the runs of the sweep."""
    if not callable(f):
        raise RuleError(
            f"bp_op was given {f!r}, which is not callable.",
            "Write bp_op(f) with a function on BVars.",
        )

    def run(*xs: Any, **settings: Any) -> tuple[Any, Callable[[Any], Any]]:
        once = _guarded(op, partial(_lifted(f), **settings))
        y = applied(op, xs, settings) if has_bvar(xs) else _plainly(op, once, xs)

        def scaled_grad(dzdy: Any) -> Any:
            rerun = _recorded(once, {}, started(op.name, xs))
            _check_same(op, y, rerun.y)
            return rerun.gradient(rerun.nodes, dzdy)  # freed as the sweep passes

        return y, scaled_grad

    op = Op(run, name=name or dotted_name(f), complex=True)
    op.where = place_of(f)
    return op


def _plainly(op: Op, once: Callable[..., Any], xs: tuple[Any, ...]) -> Any:
    y = once(*xs)
    if has_bvar(y):
        raise TapeError(
            f"{op.name} depends on a BVar that is not an argument, so it cannot be one node.",
            "Give it the BVar as an argument, or const_var(v) where a constant is meant.",
            defined=op.where,
        )
    return y


def _guarded(op: Op, f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, with effects in it refused."""

    def guarded(*xs: Any) -> Any:
        before = running_as_node.set(op.name)
        try:
            y = f(*xs)
        finally:
            running_as_node.reset(before)
        if comes_later(y):
            if inspect.iscoroutine(y):
                y.close()
            raise refused_inside(op.name, type(y).__name__)
        return y

    return guarded


def _check_same(op: Op, y: Any, again: Any) -> None:
    if not _nearly_same(rooted(y), rooted(again)):
        raise TapeError(
            f"{op.name} gave another value when the sweep ran it again.",
            "Draw random numbers outside and pass them in, and change nothing that it reads.",
            defined=op.where,
            expected=repr(y)[:100],
            got=repr(again)[:100],
        )


def _nearly_same(y: Any, again: Any) -> bool:
    """Are two values equal, but for the order in which a library summed?"""
    parts = parts_of(y)
    if parts is not None:
        here, there = dict(parts), dict(parts_of(again) or ())
        return here.keys() == there.keys() and all(_nearly_same(here[k], there[k]) for k in here)
    if y is again:
        return True
    try:
        a, b = np.asarray(y), np.asarray(again)
        if a.shape != b.shape or a.dtype.kind not in "fc":
            return bool(np.all(y == again))
        size = np.max(np.abs(a), initial=0.0, where=np.isfinite(a))
        tolerance = np.sqrt(np.finfo(a.dtype).eps)
        return bool(np.allclose(a, b, tolerance, tolerance * size, equal_nan=True))
    except (TypeError, ValueError):
        return bool(y == again)


def op_lens(path: Any) -> Op:
    """The Op that reads a part: `view_var` with a path.

    Examples
    --------
    >>> from backprop_lift import op_lens
    >>> op_lens(["w", 0]).grad({"w": [2.0, 3.0], "b": 1.0})
    {'w': [1.0, 0.0], 'b': 0.0}
    """
    return Op(partial(backprop_with, lambda v: view_var(v, path)), name="op_lens", complex=True)


def op_coerce(cls: type) -> Op:
    """The Op that gives a value another class with the same parts: `coerce_var`.

    Examples
    --------
    >>> from backprop_lift import op_coerce
    >>> op_coerce(tuple).run([1.0, 2.0])[0]
    (1.0, 2.0)
    """
    return Op(partial(backprop_with, lambda v: coerce_var(v, cls)), name="op_coerce", complex=True)
