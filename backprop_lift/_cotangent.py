"""Cotangents: fitted to the value that they belong to, and summed where several meet.

A cotangent has the shape and dtype of its primal. `fitted` sees to it, or raises; an `Accumulator`
is the slot of a value that receives several contributions, or contributions to its parts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ._space import TRIVIAL, ZERO, is_record, parts_of, rebuilt, space_of, zero
from ._tape import Token
from .errors import CotangentError, SpaceError

__all__ = ["Accumulator", "fitted", "shape_of"]


def shape_of(dzdx: Any) -> Any:
    cls = dzdx.__class__
    if cls is float or cls is int or cls is complex or cls is bool:
        return ()
    return getattr(dzdx, "shape", None)


def fitted(dzdx: Any, token: Token, dzdy: Any, rule: Any = None) -> Any:
    """A cotangent with the shape and dtype of its primal, or an error.

    Parameters
    ----------
    dzdx : object
        What a rule returned.
    token : Token
        Of the primal.
    dzdy : object
        The cotangent of the result. `dzdx` may have its shape where the primal was broadcast.
    rule : object, optional
        Named in errors.

    Raises
    ------
    CotangentError
        For any other shape, larger or smaller.
    """
    cls = dzdx.__class__
    if cls is np.ndarray and dzdx.dtype is token.dtype and dzdx.shape == token.shape:
        return dzdx
    if dzdx is ZERO:
        return ZERO
    if token.shape is None:
        return _fitted_structure(dzdx, token.primal, dzdy, rule)
    shape = shape_of(dzdx)
    if shape != token.shape:
        if shape is None or shape != shape_of(dzdy) or not _broadcasts(token.shape, shape):
            raise _misfit(rule, token.shape, dzdx if shape is None else shape, dzdy)
        dzdx = _summed_to(dzdx, token.shape)
        cls = dzdx.__class__
    if cls is float or cls is int:
        return dzdx
    if cls is complex:
        return dzdx if token.dtype.kind == "c" else dzdx.real
    if dzdx.dtype is not token.dtype and dzdx.dtype != token.dtype:
        kind = dzdx.dtype.kind
        if kind == "c" and token.dtype.kind != "c":
            dzdx = dzdx.real
        elif kind not in "fciub":
            raise _misfit(rule, f"numbers of {token.dtype}", f"values of {dzdx.dtype}", dzdy)
        if dzdx.dtype != token.dtype:
            dzdx = dzdx.astype(token.dtype)
    return dzdx


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return not shape or (
        len(shape) <= len(to)
        and all(m in (1, n) for m, n in zip(reversed(shape), reversed(to), strict=False))
    )


def _summed_to(dzdx: Any, shape: tuple[int, ...]) -> Any:
    if not shape:
        return np.add.reduce(dzdx, axis=None) if dzdx.__class__ is np.ndarray else dzdx.sum()
    extra = dzdx.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and dzdx.shape[extra + i] != 1
    )
    total = dzdx.sum(axis=axes) if axes else dzdx
    return total if total.shape == shape else total.reshape(shape)


def _misfit(rule: Any, expected: Any, got: Any, dzdy: Any) -> CotangentError:
    name = getattr(rule, "name", None) or "a scaled gradient"
    facts = {"rule": rule.where} if getattr(rule, "where", None) else {}
    if got is None:
        return CotangentError(
            f"The rule of {name} returned None for a differentiable argument.",
            "Return ZERO where nothing flows.",
            **facts,
            expected=f"a cotangent of shape {expected}",
            got=None,
        )
    shape = shape_of(dzdy)
    return CotangentError(
        f"The rule of {name} returned a cotangent that does not fit its argument.",
        "A cotangent has the shape of its argument, or of the result where the argument was "
        "broadcast.",
        **facts,
        expected=expected if shape is None else f"{expected} (or {shape}, if it was broadcast)",
        got=got if isinstance(got, (tuple, str)) else f"{type(got).__name__} {got!r}"[:200],
    )


def _fitted_structure(dzdx: Any, primal: Any, dzdy: Any, rule: Any) -> Any:
    space = space_of(primal.__class__)
    if space is TRIVIAL:
        return ZERO
    parts = parts_of(primal)
    if parts is None:
        completed = getattr(primal, "completed", None)  # its space was given by hand
        return dzdx if completed is None else completed(dzdx)
    given = _given_parts(dzdx, primal)
    if given is None:
        raise _misfit(rule, f"the structure of {_outline(primal)}", dzdx, None)
    keys = [key for key, _ in parts]
    for key in given:
        if key not in keys:
            raise _misfit(rule, f"the parts {keys}", f"a part {key!r}", None)
    if len(given) != len(keys) and not isinstance(primal, Mapping) and not is_record(primal):
        raise _misfit(rule, f"{len(keys)} parts", f"{len(given)} parts", None)
    fits = []
    for key, part in parts_of(primal) or ():
        dzdpart = given.get(key)
        missing = dzdpart is None or dzdpart is ZERO
        fits.append((key, ZERO if missing else fitted(dzdpart, Token(None, part), dzdy, rule)))
    if all(part is ZERO for _, part in fits):
        return ZERO
    return rebuilt(primal, fits)


def _given_parts(dzdx: Any, primal: Any) -> dict[Any, Any] | None:
    if _is_recorded(dzdx):
        return {key: _part_at(dzdx, key, primal) for key, _ in parts_of(primal) or ()}
    if isinstance(primal, (list, tuple)):
        if isinstance(dzdx, (list, tuple, np.ndarray)):
            return dict(enumerate(dzdx))
        return None
    if isinstance(dzdx, Mapping):
        return dict(dzdx)
    if is_record(primal) and not isinstance(dzdx, (list, tuple, np.ndarray, float, int)):
        return {name: getattr(dzdx, name, None) for name, _ in parts_of(primal) or ()}
    return None


def _outline(value: Any) -> str:
    parts = parts_of(value)
    if parts is None:
        shape = shape_of(value)
        return type(value).__name__ if not shape else f"{type(value).__name__} of shape {shape}"
    inner = ", ".join([f"{key}: {_outline(part)}" for key, part in itertools.islice(parts, 6)])
    return f"{type(value).__name__}({inner})"


# What has no parts of its own, and what has been gathered already.
_WHOLE: Final[set[Any]] = {float, np.float64, np.ndarray}
_WHOLE_NUMBERS: Final = frozenset(_WHOLE)


class Accumulator:
    """A slot of the sweep that several contributions meet in.

    Takes whole cotangents by ``+`` (which returns the accumulator itself) and parts of them by
    `put`; nothing is allocated before the second whole contribution or the first part, and what
    was allocated here is added to in place. A structure is kept by parts.

    Parameters
    ----------
    token : Token
        Of the value whose cotangent this is.
    first : object, optional
        A contribution that was there already.
    """

    __slots__ = ("dense", "later", "owned", "parts", "reached", "token")

    def __init__(self, token: Token, first: Any = None) -> None:
        self.token = token
        self.dense: Any = None
        self.owned = False
        self.later: list[tuple[Any, Any]] | None = None
        primal = token.primal
        self.parts: dict[Any, Any] | None = (
            None if primal is None or parts_of(primal) is None else {}
        )
        self.reached = False
        if first is not None:
            self.__add__(first)

    def __add__(self, dzdx: Any) -> Accumulator:
        if dzdx is ZERO:
            return self
        self.reached = True
        if self.parts is not None:
            for key, part in parts_of(dzdx) or ():
                if part is not ZERO and part is not None:
                    self._put_part(key, part)
        elif self.dense is None:
            self.dense = dzdx
        elif self.token.primal is not None:
            self.dense = space_of(self.token.cls).add(self.dense, dzdx)
        elif self.owned and dzdx.__class__ is np.ndarray:
            np.add(self.dense, dzdx, out=self.dense)
        else:
            self.dense = self.dense + dzdx
            self.owned = self.dense.__class__ is np.ndarray and self.dense.shape != ()
        return self

    def __sub__(self, dzdx: Any) -> Accumulator:
        return self.__add__(-dzdx)

    def put(self, key: Any, dzdpart: Any) -> None:
        """Add a contribution to the part that `key` reads; an accumulator is taken over."""
        self.reached = True
        if self.owned and key.__class__ is int and dzdpart.__class__ in _WHOLE_NUMBERS:
            self.dense[key] += dzdpart
            return
        parts = self.parts
        if parts is not None and key.__class__ is not slice:
            if dzdpart.__class__ in _WHOLE and key not in parts:
                parts[key] = dzdpart
            else:
                self._put_part(key, dzdpart)
            return
        if dzdpart.__class__ is Accumulator:
            dzdpart = dzdpart.total()
        if self.parts is None:
            self._put_items(key, dzdpart)
        else:
            places: Any = range(*key.indices(len(self.token.primal or ())))
            for i, part in zip(places, dzdpart, strict=True):
                self._put_part(i, part)

    def _put_part(self, key: Any, dzdpart: Any) -> None:
        assert self.parts is not None
        there = self.parts.get(key)
        accumulated = dzdpart.__class__ is Accumulator
        if there is None:
            if not accumulated and parts_of(dzdpart) is not None:
                part = _part_at(self.token.primal, key, self.token.primal)
                dzdpart = Accumulator(Token(None, part), dzdpart)
            self.parts[key] = dzdpart
        else:
            self.parts[key] = there + (dzdpart.total(symbolic=True) if accumulated else dzdpart)

    def _put_items(self, key: Any, dzdpart: Any) -> None:
        token = self.token
        if token.primal is not None:
            holding = getattr(token.primal, "holding", None)
            if holding is not None:  # its space was given by hand
                self.__add__(holding(key, dzdpart))
                return
        if token.shape is None:
            raise SpaceError(
                f"A cotangent arrived at a part of {token.cls.__name__}, which has no parts here.",
                f"Write register_space({token.cls.__name__}, ...), or lift its class.",
                at=key,
            )
        if self.later is None and (_is_recorded(dzdpart) or _is_recorded(self.dense)):
            self.later = []
        if self.later is not None:
            self.later.append((key, dzdpart))
            return
        if not self.owned:
            if self.dense is None:
                self.dense = np.zeros(token.shape, token.dtype)
            else:
                self.dense = np.array(self.dense, token.dtype)
            self.owned = True
        if _may_repeat(key):
            np.add.at(self.dense, key, dzdpart)
        else:
            self.dense[key] += dzdpart

    def total(self, symbolic: bool = False) -> Any:
        """The sum of all contributions, dense and complete; or with `ZERO` for what is missing."""
        if self.parts is not None:
            primal, found = self.token.primal, []
            for key, part in parts_of(primal) or ():
                dzdpart = self.parts.get(key)
                if dzdpart is None:
                    dzdpart = ZERO if symbolic else zero(part)
                elif dzdpart.__class__ is Accumulator:
                    dzdpart = dzdpart.total(symbolic)
                found.append((key, dzdpart))
            return rebuilt(primal, found)
        if self.later is not None:
            return _scattered(self.dense, self.token, self.later)  # noqa: F821 - set by `collecting`
        if self.dense is None:
            return np.zeros(self.token.shape, self.token.dtype)
        return self.dense

    def handed_over(self) -> Any:
        """`total`, and nothing of it kept here."""
        total = self.total()
        self.dense = None
        return total


_WHOLE.add(Accumulator)


def _is_recorded(value: Any) -> bool:
    return hasattr(value.__class__, "_bvar_space")


def _part_at(value: Any, key: Any, primal: Any) -> Any:
    return getattr(value, key) if is_record(primal) else value[key]


def _may_repeat(key: Any) -> bool:
    """May an index name the same item twice? Basic indices and masks do not."""
    keys = key if key.__class__ is tuple else (key,)
    return any(
        (k.__class__ is np.ndarray and k.dtype.kind != "b") or k.__class__ is list for k in keys
    )


# Set by `collecting`: the differentiable scatter, for cotangents that are BVars themselves.
_scattered: Callable[[Any, Token, list[tuple[Any, Any]]], Any]
