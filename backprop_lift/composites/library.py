"""Stand-ins for Python's library: copies, dispatch by type, threads, other kinds of numbers."""

from __future__ import annotations

import concurrent.futures
import copy
import dataclasses
import decimal
import fractions
import functools
import threading
import typing
from types import FunctionType
from typing import Any, Final

import numpy as np

from .._bvar import BVar, is_plain
from .._lift.signature import dressed
from .._space import is_record, parts_of, rebuilt
from ..errors import NoGradientError
from .bodies import with_body
from .buffer import Buffer
from .standing_in import representative, stands_in
from .texts import refuse_text_of
from .world import World

__all__ = ["dispatcher", "known_as", "no_pool", "pool", "question", "writes_texts"]


# Copies


@stands_in(copy.copy, world=True)
def _copy(world: World, x: Any) -> Any:
    if x.__class__ is BVar:
        return x.copy() if isinstance(representative(x), np.ndarray) else x
    if x.__class__ is Buffer or not world.is_view(x) or hasattr(x, "__copy__"):
        return copy.copy(x)
    return rebuilt(x, list(parts_of(x) or ()))


@stands_in(copy.deepcopy, world=True)
def _deepcopy(world: World, x: Any, memo: Any = None) -> Any:
    memo = {} if memo is None else memo
    made: Any = memo.get(id(x))
    if made is not None:
        return made
    if x.__class__ is BVar:
        made = x.copy() if isinstance(representative(x), np.ndarray) else x
    elif is_plain(x) and x.__class__ is not list and x.__class__ is not dict:
        return copy.deepcopy(x, memo)
    elif x.__class__ is list:
        made = memo[id(x)] = []
        made.extend(_deepcopy(world, part, memo) for part in x)
    elif x.__class__ is dict:
        made = memo[id(x)] = {}
        made.update((key, _deepcopy(world, part, memo)) for key, part in x.items())
    elif x.__class__ is tuple or (is_record(x) and not hasattr(x, "__deepcopy__")):
        parts = [(key, _deepcopy(world, part, memo)) for key, part in parts_of(x) or ()]
        made = rebuilt(x, parts)
    else:
        return copy.deepcopy(x, memo)
    memo[id(x)] = made
    return made


@stands_in(dataclasses.astuple, world=True)
def _astuple(world: World, obj: Any, *, tuple_factory: Any = tuple) -> Any:
    return tuple_factory([_taken_apart(world, part, False) for _, part in _fields(obj)])


@stands_in(dataclasses.asdict, world=True)
def _asdict(world: World, obj: Any, *, dict_factory: Any = dict) -> Any:
    return dict_factory([(k, _taken_apart(world, part, True)) for k, part in _fields(obj)])


def _fields(obj: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(obj, field.name)) for field in dataclasses.fields(obj)]


def _taken_apart(world: World, value: Any, to_dict: bool) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [(name, _taken_apart(world, part, to_dict)) for name, part in _fields(value)]
        return dict(parts) if to_dict else tuple(part for _, part in parts)
    if isinstance(value, (list, tuple, dict)):
        parts = [(key, _taken_apart(world, part, to_dict)) for key, part in parts_of(value) or ()]
        return rebuilt(value, parts)
    return _deepcopy(world, value)


# Dispatch by the type of the first argument


def dispatcher(world: World, function: Any) -> Any:
    """A function of `functools.singledispatch` that looks through BVars; None for any other."""
    dispatch = vars(function).get("dispatch") if isinstance(function, FunctionType) else None
    if dispatch is None or not hasattr(function, "registry"):
        return None

    def dispatching(*args: Any, **kwargs: Any) -> Any:
        chosen = dispatch(world.original_of(type(representative(args[0]))))
        return world.lifted_value(chosen)(*args, **kwargs)

    def register(cls: Any, func: Any = None) -> Any:
        if func is None and not isinstance(cls, type):  # a function, whose annotation tells
            hints = typing.get_type_hints(cls)
            cls, func = next(iter(hints.values())), cls
        if func is None:
            return functools.partial(register, cls)
        return vars(function)["register"](world.original_of(cls), func)

    made: Any = dispatching
    made.dispatch, made.registry, made.register = dispatch, vars(function)["registry"], register
    return functools.update_wrapper(dispatching, function, updated=())


@stands_in(functools.singledispatch, world=True)
def _singledispatch(world: World, func: Any) -> Any:
    return dispatcher(world, functools.singledispatch(func))


# Threads: a tape belongs to one


class _AtOnce(concurrent.futures.Executor):
    """An executor that runs what it is given in the thread that gives it."""

    def __init__(self, *args: Any, initializer: Any = None, initargs: Any = (), **kwargs: Any):
        if initializer is not None:
            initializer(*initargs)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run a call, and give a future that is done."""
        future: Any = concurrent.futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


stands_in(concurrent.futures.ThreadPoolExecutor)(_AtOnce)


@stands_in(threading.Thread, world=True)
def _thread(world: World, *args: Any, **kwargs: Any) -> Any:
    if any(with_body(part) is not None for part in (*args, *kwargs.values())):
        raise NoGradientError(
            "A thread was to be started by a function that is being differentiated, and a tape "
            "belongs to one thread.",
            "Use a ThreadPoolExecutor, or run its work in a loop.",
        )
    return threading.Thread(*args, **kwargs)


def no_pool(*args: Any, **kwargs: Any) -> Any:
    """Refuse to start workers."""
    raise NoGradientError(
        "A pool of workers was to be started by a function that is being differentiated, and a "
        "tape belongs to one thread.",
        "Use a ThreadPoolExecutor, or run its work in a loop.",
    )


# By module and name, since looking them up would import what they stand in.
_POOLS: Final = frozenset(
    {
        ("concurrent.futures.process", "ProcessPoolExecutor"),
        ("multiprocessing.context", "BaseContext.Pool"),
        ("multiprocessing.pool", "Pool"),
        ("multiprocessing.pool", "ThreadPool"),
    }
)


# Compiled functions that are NumPy's under another name.
_LIKE_NUMPY: Final = {
    ("bottleneck.reduce", function.__name__): function
    for function in (np.nansum, np.nanmean, np.nanstd, np.nanvar, np.nanmin, np.nanmax, np.median,
                     np.nanmedian, np.nanargmin, np.nanargmax)
}  # fmt: skip


def known_as(value: Any) -> Any:
    """The function of NumPy that another one is made to replace; any other as it is."""
    return _LIKE_NUMPY.get(_full_name(value), value)


# Where pandas answers what a value is or where it is missing, which does not vary.
_QUESTIONS_IN: Final = frozenset(
    {"pandas", "pandas.api.types", "pandas._libs.lib", "pandas.core.dtypes.missing",
     "pandas.core.dtypes.common", "pandas.core.dtypes.inference"}
)  # fmt: skip
_QUESTIONS: Final = ("is", "notna", "notnull")


def question(value: Any) -> Any:
    """What asks pandas about the plain values of BVars; None for anything but a question."""
    module, name = _full_name(value)
    if module not in _QUESTIONS_IN or not str(name).startswith(_QUESTIONS):
        return None

    def ask(obj: Any, *args: Any, **kwargs: Any) -> Any:
        return value(representative(obj), *args, **kwargs)

    return dressed(ask, value)


_WRITERS: Final = frozenset({("json", "dump"), ("json", "dumps")})


def pool(value: Any) -> Any:
    """What stands in for a pool of workers; None for anything else."""
    return no_pool if _full_name(value) in _POOLS else None


def writes_texts(value: Any) -> bool:
    """Does a function of the library make texts of numbers?"""
    return _full_name(value) in _WRITERS


def _full_name(value: Any) -> tuple[Any, Any]:
    return getattr(value, "__module__", None), getattr(value, "__qualname__", None)


# Numbers of other kinds, which have no gradient


def _other_kind(original: Any) -> None:
    @stands_in(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        refuse_text_of(args)
        return original(*args, **kwargs)


for _original in (decimal.Decimal, fractions.Fraction, memoryview):
    _other_kind(_original)
