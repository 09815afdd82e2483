"""Ops on BVars: an Op, applied to BVars, is one node of the tape."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from . import _op
from ._bvar import BVar, bare, bvar_at, has_bvar, is_complex, kept_alive, record, site, youngest
from ._bvar.collecting import collect
from ._cotangent import fitted
from ._effect import then
from ._op import Op, no_gradient
from ._run import backprop_with
from ._space import parts_of
from ._tape import CALL, Tape, Token, call_site
from .errors import UnhandledParameterError

__all__ = ["applied", "named_after"]


def applied(
    op: Op,
    xs: tuple[Any, ...],
    settings: dict[str, Any],
    token: Callable[[Tape, Any], Token] | None = None,
    names: Sequence[str] = (),
) -> Any:
    """The result of an Op, recorded as one node; plain where no argument is a BVar.

    Parameters
    ----------
    op : Op
    xs : tuple
        BVars, containers of BVars and plain values.
    settings : dict
        Passed to the Op by name.
    token : callable, optional
        Makes the token of the result; by default the tape does.
    names : sequence of str, optional
        What the arguments are called in errors; by default as in the Op's own function.
    """
    xs = tuple([collect(bare(x)) for x in xs])
    on = [i for i, x in enumerate(xs) if x.__class__ is BVar]
    if not on:
        found = op.function(*xs, **settings)
        if found.__class__ is tuple:
            return op.opened(found, xs)[0]
        return then(found, lambda found: op.opened(found, xs)[0])
    for name, setting in settings.items():
        if has_bvar(setting):
            raise UnhandledParameterError(
                f"{op.name} was given a BVar for {name}, which it takes as a setting.",
                f"Pass value_of({name}) where a constant is meant, or give it by position.",
            )
    tape = youngest(xs)
    on = [i for i in on if xs[i]._bvar_space.tape is tape]
    inputs = [kept_alive(x) for x in xs]
    for i in on:
        inputs[i] = xs[i]._bvar_value
    plain = tuple(inputs)
    refuse = _refusing(op, on, site(), names) if op.refusal is not None else None
    parents = tuple((xs[i]._bvar_at, xs[i]._bvar_space) for i in on)

    def finish(found: Any) -> Any:
        y, pulled = op.opened(found, plain)
        y = collect(y)
        if not op.complex and any(map(_holds_complex, (y, *plain))):
            raise UnhandledParameterError(
                f"{op.name} was given complex values, for which it is not known to hold.",
                "Check it in the convention dzdx = dzdy * conj(dy/dx), and say "
                "Op(f, complex=True).",
                **({"defined": op.where} if op.where else {}),
            )
        scaled_grad = refuse or (lambda dzdy: _among(pulled(dzdy), on))
        if token is None:
            return record(tape, y, scaled_grad, parents, op)
        its_token, at = token(tape, y), len(tape)
        tape.given.append((at, its_token))
        tape.append((CALL, scaled_grad, parents, op, site()))
        return bvar_at(y, its_token, at)

    if refuse is not None and has_bvar(plain):  # at the levels below, it refuses as well
        return finish((applied(op, plain, settings, names=names), refuse))
    found = op.function(*plain, **settings)
    return finish(found) if found.__class__ is tuple else then(found, finish)


def named_after(op: Op, lifted: Any) -> None:
    """Give the function that an Op is the Op's name, and the place and words of its function."""
    lifted.__name__, lifted.__qualname__ = op.name.rpartition(".")[2], op.name
    lifted.__module__ = getattr(op.function, "__module__", None)
    lifted.__doc__ = getattr(op.function, "__doc__", None)


def _among(dzdxs: tuple[Any, ...], on: list[int]) -> Any:
    return dzdxs if len(on) == len(dzdxs) else [dzdxs[i] for i in on]


def _refusing(op: Op, on: list[int], site: Any, names: Sequence[str]) -> Callable[[Any], Any]:
    def refuse(dzdy: Any) -> Any:
        known = names or _parameters(op.function)
        at = ", ".join(known[i] if i < len(known) else f"argument {i + 1}" for i in on)
        raise no_gradient(op, at, "" if site is None else call_site(site))

    return refuse


def _parameters(f: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in by_position]


def _holds_complex(value: Any) -> bool:
    parts = parts_of(value)
    return is_complex(value) if parts is None else any(_holds_complex(p) for _, p in parts)


def _fitted(dzdx: Any, x: Any, dzdy: Any, op: Op) -> Any:
    return fitted(dzdx, Token(None, x), dzdy, op)


_OPERATORS: Final[dict[Any, Op]] = {}


def _operator(operation: Any) -> Op:
    op = _OPERATORS.get(operation)
    if op is None:
        run = partial(backprop_with, operation)
        op = _OPERATORS[operation] = Op(run, name=operation.__name__, complex=True)
    return op


_op._fitted = _fitted
_op._operator = _operator
