"""Twins of the methods and attributes of arrays and numpy's scalars, for BVars of them.

Most methods are functions of numpy under another name, and their twins are those functions' twins.
A method that changes its array assigns to the BVar, which moves on to the new value.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._bvar import is_complex
from .._bvar.printing import bytes_of
from .._registry import Entry, Kind, dotted_name, registry, twin_of
from ..composites.buffer import into
from ..errors import ConversionError
from ._arrays import numbered, plain
from .numpy_shapes import astype

__all__: list[str] = []


def _reshape(self: Any, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
    return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)


def _transpose(self: Any, *axes: Any) -> Any:
    order: Any = axes or None
    if len(axes) == 1 and (axes[0] is None or np.ndim(axes[0])):
        order = axes[0]
    return np.transpose(self, order)


def _compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
    return np.compress(condition, self, axis, out)


def _astype(self: Any, dtype: Any, *settings: Any, **named: Any) -> Any:
    if named.get("copy", True) is False and self.dtype == np.dtype(dtype):
        return self
    return astype(self, dtype)


def _conjugate(self: Any) -> Any:
    return np.conjugate(self) if is_complex(self) else self


def _item(self: Any, *index: Any) -> Any:
    if len(index) == 1 and isinstance(index[0], tuple):
        (index,) = index
    shape = np.shape(self)
    if not index and np.size(self) != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    if len(index) != len(shape):
        index = np.unravel_index(operator.index(index[0]) if index else 0, shape)
    return self[tuple(map(operator.index, index))] if shape else np.reshape(self, -1)[0]


def _tolist(self: Any) -> Any:
    if np.ndim(self) == 0:
        return _item(self)
    return [_tolist(self[i]) if np.ndim(self) > 1 else self[i] for i in range(len(self))]


def _view(self: Any, dtype: Any = None, type: Any = None) -> Any:
    if dtype in (None, np.ndarray) or plain(self).dtype == dtype:
        return self[...]
    raise ConversionError(
        f"A view of {plain(self).dtype} as {dtype} reads the bytes of a BVar, not its values.",
        "Write v.astype(dtype); or v.real and v.imag for the parts of complex numbers.",
    )


# In place


def _sort(self: Any, axis: int = -1, *settings: Any, **named: Any) -> None:
    self[...] = np.sort(self, axis, *settings, **named)


def _partition(self: Any, kth: Any, axis: int = -1, *settings: Any, **named: Any) -> None:
    self[...] = np.partition(self, kth, axis, *settings, **named)


def _fill(self: Any, value: Any) -> None:
    self[...] = value


def _resize(self: Any, *new_shape: Any, refcheck: bool = True) -> None:
    raise ConversionError(
        "The size of a BVar's array cannot be changed in place.",
        "Write v = np.resize(v, new_shape), or np.pad, or np.concatenate.",
    )


def _setflags(self: Any, write: Any = None, align: Any = None, uic: Any = None) -> None:
    """Nothing to do: the array that a BVar was made from is never written into."""


class _Flat:
    """What ``v.flat`` is: reads and assigns elements of a BVar's array by their flat index."""

    __slots__ = ("_array",)

    def __init__(self, array: Any) -> None:
        self._array = array

    def __getitem__(self, key: Any) -> Any:
        return np.ravel(self._array)[key]

    def __setitem__(self, key: Any, part: Any) -> None:
        np.put(self._array, np.ravel(numbered(self._array))[key], part)

    def __len__(self) -> int:
        return int(np.size(self._array))

    def __iter__(self) -> Iterator[Any]:
        return iter(np.ravel(self._array))

    def copy(self) -> Any:
        """Return the elements as a BVar of an array of one axis."""
        return np.ravel(self._array)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*map(_read, inputs), **kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*map(_read, args), **{name: _read(x) for name, x in kwargs.items()})


def _read(x: Any) -> Any:
    return x.copy() if isinstance(x, _Flat) else x


# Registration. Arrays and scalars have descriptors of their own for the same methods.


def _register(
    owner: Any, name: str, twin: Callable[[], Any], samples: Any = None, constant: bool = False
) -> None:
    descriptor = owner.__dict__[name]
    kind: Kind = "locally constant" if constant else "twin"
    entry = Entry(descriptor, kind, dotted_name(descriptor), __file__, samples=samples)
    entry.make_twin = twin
    registry.add(entry)


def _samples(settings: tuple[Any, ...], shape: tuple[int, ...] | None) -> Any:
    def draw(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        xs = np.array([rng.normal(), -1.5, 1.5]) if shape is None else [rng.normal(size=shape)]
        return [(x, *settings) for x in xs]

    return draw


_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {  # method: its function, what a sample gives
    "sum": (np.sum, (0,)),
    "mean": (np.mean, ()),
    "prod": (np.prod, ()),
    "std": (np.std, ()),
    "var": (np.var, ()),
    "max": (np.max, ()),
    "min": (np.min, ()),
    "cumsum": (np.cumsum, ()),
    "cumprod": (np.cumprod, ()),
    "clip": (np.clip, (-0.5, 0.5)),
    "take": (np.take, ([0, 0],)),
    "repeat": (np.repeat, (2,)),
    "squeeze": (np.squeeze, ()),
    "ravel": (np.ravel, ()),
    "flatten": (np.ravel, ()),
    "copy": (np.copy, ()),
    "conj": (_conjugate, ()),
    "conjugate": (_conjugate, ()),
    "swapaxes": (np.swapaxes, (0, -1)),
    "diagonal": (np.diagonal, (1,)),
    "trace": (np.trace, ()),
    "dot": (np.dot, (np.arange(4.0),)),
    "reshape": (_reshape, (-1,)),
    "transpose": (_transpose, ()),
    "compress": (_compress, ([True],)),
    "astype": (_astype, (complex,)),
    "item": (_item, (0,)),
    "tolist": (_tolist, ()),
    "view": (_view, ()),
    "round": (np.round, (14,)),
}
_NOT_OF_SCALARS = frozenset({"swapaxes", "diagonal", "trace"})

_FLOATS = (np.float16, np.float32, np.float64, np.longdouble)

# In place, or of results that are no numbers
_ACTIONS = {
    "sort": _sort,
    "partition": _partition,
    "fill": _fill,
    "put": np.put,
    "resize": _resize,
    "setflags": _setflags,
}
_ATTRIBUTES = {
    "T": np.transpose,
    "mT": np.matrix_transpose,
    "real": np.real,
    "imag": np.imag,
    "flat": _Flat,
}
_CONSTANTS = {
    "all": np.all,
    "any": np.any,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "argpartition": np.argpartition,
    "argsort": np.argsort,
    "nonzero": np.nonzero,
    "searchsorted": np.searchsorted,
}


_OF_VALUE = {  # what only the value can tell, which nothing flows through
    "base": lambda self: np.asarray(plain(self)).base,
    "flags": lambda self: np.asarray(plain(self)).flags,
    "is_integer": lambda self: np.float64(plain(self)).is_integer(),
    "tobytes": lambda self, *order: bytes_of(np.asarray(plain(self)).tobytes(*order)),
}


def _own(function: Any) -> Callable[[], Any]:
    """Return what finds the twin of a numpy function; any other function is a twin itself."""

    def find() -> Any:
        if registry.find(function) is None:
            return function
        twin = twin_of(function)
        return _writing(twin) if "out" in inspect.signature(function).parameters else twin

    return find


def _writing(twin: Any) -> Any:
    """Return a twin that writes its result into what it is given as ``out=``."""

    @functools.wraps(twin)
    def written(*args: Any, out: Any = None, **settings: Any) -> Any:
        result = twin(*args, **settings)
        return result if out is None else into(out, result)

    return written


_register(
    np.ndarray,
    "choose",
    _own(np.choose),
    lambda rng: [(np.array([1, 0]), [rng.normal(size=2), 1.5])],
)
for _owner, _shape in (
    (np.ndarray, (2, 3, 4)),
    (np.generic, None),
    *((cls, None) for cls in _FLOATS),
):
    for _name, (_function, _settings) in _FUNCTIONS.items():
        if _name in _owner.__dict__ and not (_shape is None and _name in _NOT_OF_SCALARS):
            _register(_owner, _name, _own(_function), _samples(_settings, _shape))
    for _name, _function in _ACTIONS.items():
        if _name in _owner.__dict__:
            _register(_owner, _name, _own(_function))
    for _name, _function in _ATTRIBUTES.items():
        if _name in _owner.__dict__:
            _seen = _samples((), _shape) if _shape and _name != "flat" else []
            _register(_owner, _name, _own(_function), _seen)
    for _name, _function in {**_CONSTANTS, **_OF_VALUE}.items():
        if _name in _owner.__dict__:
            _register(_owner, _name, _own(_function), constant=True)
