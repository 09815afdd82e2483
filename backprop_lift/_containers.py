"""BVars of containers as containers of BVars and back, and other rearrangements of parts.

Each function takes plain values as well, and then records nothing: what is constant stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ._access import part_of
from ._apply import applied
from ._bvar import innermost
from ._bvar.collecting import collect
from ._isomorphism import op_iso
from ._space import parts_of, rebuilt
from .errors import PathError

__all__ = ["coerce_var", "collect_var", "iso_var", "join_var", "sequence_var", "split_var"]


def sequence_var(v: Any) -> Any:
    """A BVar of a container as a container of BVars, one for each part.

    Parameters
    ----------
    v : BVar or object
        A list, tuple, dict or record; an array gives the list of its items along the first axis.

    Returns
    -------
    object
        Of the type of the value; parts without numbers are plain in it.

    Raises
    ------
    PathError
        If the value has no parts.

    Examples
    --------
    >>> from backprop_lift import grad_bp, sequence_var
    >>> grad_bp(lambda v: sequence_var(v)[0], [1.0, 2.0, 3.0])
    [1.0, 0.0, 0.0]
    """
    root = innermost(v)
    parts = parts_of(root)
    if parts is not None:
        return rebuilt(root, [(key, part_of(v, key)) for key, _ in parts])
    if not isinstance(root, np.ndarray) or not root.ndim:
        raise PathError(
            f"sequence_var was given a {type(root).__name__}, which has no parts.",
            "It takes lists, tuples, dicts, records and arrays of at least one dimension.",
            got=repr(root)[:100],
        )
    return [part_of(v, i) for i in range(len(root))]


def collect_var(container: Any) -> Any:
    """A container of BVars, at any depth, as one BVar of a container: undoes `sequence_var`.

    Parameters
    ----------
    container : object
        A list, tuple, dict or record; plain parts are constants.

    Returns
    -------
    BVar or object
        The container itself, if there is no BVar in it.

    Raises
    ------
    PathError
        If it is an iterator, whose parts are still to come.

    Examples
    --------
    >>> from backprop_lift import collect_var, grad_bp
    >>> grad_bp(lambda x: collect_var([x, x * x, 3.0]), 2.0)  # of the sum of the parts
    5.0
    """
    if isinstance(container, Iterator):
        raise PathError(
            f"collect_var was given a {type(container).__name__}, whose parts are still to come.",
            "Make a list of it first: collect_var(list(...)).",
        )
    return collect(container)


def split_var(v: Any) -> Any:
    """A BVar of a record as a record of BVars: its fields, all at once.

    The same as `sequence_var`, under the name for values that are made of unlike parts.

    Examples
    --------
    >>> from backprop_lift import grad_bp, split_var
    >>> def f(pair):
    ...     a, b = split_var(pair)
    ...     return a * b
    >>> grad_bp(f, (2.0, 3.0))
    (3.0, 2.0)
    """
    return sequence_var(v)


def join_var(record: Any) -> Any:
    """A record of BVars as a BVar of a record: undoes `split_var`.

    The same as `collect_var`, under the name for values that are made of unlike parts.

    Examples
    --------
    >>> from backprop_lift import grad_bp, join_var
    >>> grad_bp(lambda x, y: join_var((x, y * y))[1], 2.0, 3.0)
    (0.0, 6.0)
    """
    return collect_var(record)


def iso_var(
    to: Callable[..., Any], back: Callable[[Any], Any], *xs: Any, check: bool = False
) -> Any:
    """An isomorphism applied to BVars; for constructors and other functions that move numbers.

    Parameters
    ----------
    to, back : callable
        The function, and its inverse: one value for one argument, a tuple for several.
    *xs : BVar or object
    check : bool, optional
        Compare ``back(to(*xs))`` with the arguments.

    Raises
    ------
    IsoError
        If `to` changes the numbers, since then the inverse is not the gradient; or if `check`
        finds that `back` is not the inverse.

    Examples
    --------
    >>> from backprop_lift import grad_bp, iso_var
    >>> grad_bp(lambda x, y: iso_var(lambda a, b: [a, b], tuple, x, y)[1], 2.0, 3.0)
    (0.0, 1.0)
    """
    return applied(op_iso(to, back, check=check), xs, {})


def coerce_var(v: Any, cls: type) -> Any:
    """`v` as a value of another class with the same parts.

    Parameters
    ----------
    v : BVar or object
        A container or record, or the only part of one.
    cls : type
        A class of lists or tuples, a record class with as many fields, a dict for a record; or
        the class of the only part of `v`.

    Returns
    -------
    BVar or object
        `v` itself if its value is of that class already.

    Raises
    ------
    PathError
        If the parts do not match, or `cls` is no class.

    Examples
    --------
    >>> from backprop_lift import coerce_var, grad_bp
    >>> grad_bp(lambda v: sum(coerce_var(v, tuple)), [1.0, 2.0])
    [1.0, 1.0]
    """
    if not isinstance(cls, type):
        raise PathError(
            f"coerce_var was given {cls!r}, which is no class.",
            "Write coerce_var(v, cls), with the class that the parts of v are to have.",
        )
    root = innermost(v)
    if isinstance(root, cls):
        return v
    parts = parts_of(root)
    keys = None if parts is None else [key for key, _ in parts]
    held = [v] if keys is None else [part_of(v, key) for key in keys]
    if len(held) == 1 and isinstance(innermost(held[0]), cls):
        return held[0]
    try:
        return collect(_made(cls, keys, held))
    except TypeError as error:
        raise PathError(
            f"coerce_var cannot make a {cls.__name__} of the parts of a {type(root).__name__}.",
            "Both need the same parts; use iso_var where they are arranged differently.",
            parts=len(held),
            why=str(error),
        ) from error


def _made(cls: type, keys: list[Any] | None, held: list[Any]) -> Any:
    if issubclass(cls, dict):
        return cls(zip(keys or range(len(held)), held, strict=True))
    if issubclass(cls, tuple) and hasattr(cls, "_make"):
        return cls(*held)
    if issubclass(cls, (list, tuple)):
        return cls(held)
    if issubclass(cls, (int, float, complex)):
        raise TypeError(f"{cls.__name__} is a number")
    return cls(*held)
