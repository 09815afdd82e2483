"""Special methods that the class of a record, or of a container, defines in Python itself.

``a * b``, ``~a``, ``a[0]`` and ``iter(a)`` mean what that class says. Its method is run on the BVars
as any other method is, so that the gradient is that of its body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from .._registry import registry
from .._space import is_record, parts_of

__all__ = ["by_its_class", "own_method"]

_CLASS_STATEMENT = 1 << 9  # the flag of types made by one


def own_method(v: Any, name: str) -> Callable[..., Any] | None:
    """The special method that the author of a value's class has written, as a function of BVars.

    Parameters
    ----------
    v : BVar or object
    name : str
        Such as ``"__mul__"``.

    Returns
    -------
    callable or None
        None for numbers, arrays and built-in containers, and for a class whose space is given by
        hand: its operators are those of that space.
    """
    value = v._bvar_space.primal if hasattr(v.__class__, "_bvar_value") else v
    cls = value.__class__
    if not cls.__flags__ & _CLASS_STATEMENT or parts_of(value) is None:
        return None
    if not is_record(value) and not isinstance(value, (list, tuple, Mapping)):
        return None
    for base in cls.__mro__:
        found = base.__dict__.get(name)
        if found is not None:
            break
    else:
        return None
    if not isinstance(found, FunctionType):
        return None
    return registry.twin(found) or found


def by_its_class(name: str, x: Any, *others: Any, reflected: str = "") -> Any:
    """What the class of an operand makes of an operator; `NotImplemented` if none has a say.

    Parameters
    ----------
    name, reflected : str
        Of the special method of `x`, and of the one of the other operand, if there is one.
    x, *others : object
        At least one is a BVar.
    """
    found = own_method(x, name)
    result = NotImplemented if found is None else found(x, *others)
    if result is NotImplemented and reflected:
        found = own_method(others[0], reflected)
        result = NotImplemented if found is None else found(others[0], x)
    return result
