"""Samples from the examples in docstrings.

The examples are run in a namespace of their own, and the calls that they make of the functions
asked about are noted at entry by the interpreter's profiler, so that nothing is replaced and the
examples see the very functions they name. Calls within calls are noted too.
"""

from __future__ import annotations

import contextlib
import cProfile
import doctest
import inspect
import io
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from .calls import TimeIsUp, copied, limited, quiet
from .samples import Sample, canonical, distinct

__all__ = ["Recorder", "docstring_samples", "module_samples", "public_functions"]

_EACH: Final = 40


class Recorder:
    """Notes the calls of functions while it is entered.

    Parameters
    ----------
    functions : iterable of callable
        Python functions, or wrappers of such by ``functools.wraps``.
    each : int, optional
        How many calls of one function to keep.
    origin : str, optional
        Of the samples.

    Attributes
    ----------
    samples : dict
        From each function to its calls, in order.

    Notes
    -----
    Functions without Python code are not seen: ufuncs and what is written in C.
    """

    def __init__(
        self, functions: Iterable[Callable[..., Any]], *, each: int = _EACH, origin: str = ""
    ) -> None:
        self.origin = origin
        self.each = each
        self.samples: dict[Any, list[Sample]] = {}
        self._by_code: dict[types.CodeType, list[tuple[Any, Any]]] = {}
        for function in functions:
            inner = _python_function(function)
            if inner is not None:
                self._by_code.setdefault(inner.__code__, []).append((function, inner))

    def __enter__(self) -> Recorder:
        self._before = _profiler()
        if isinstance(self._before, cProfile.Profile):
            self._before.disable()
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        if isinstance(self._before, cProfile.Profile):
            self._before.enable()
        else:
            sys.setprofile(self._before)

    def _note(self, frame: types.FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        candidates = self._by_code.get(frame.f_code)
        if candidates is None:
            return
        sys.setprofile(None)  # what follows is no call of theirs
        try:
            for function, inner in candidates:
                if len(candidates) == 1 or _is_running(inner, frame):
                    self._keep(function, inner, frame)
                    break
        except Exception:
            pass
        finally:
            sys.setprofile(self._note)

    def _keep(self, function: Any, inner: Any, frame: types.FrameType) -> None:
        found = self.samples.setdefault(function, [])
        if len(found) >= self.each:
            return
        code, values = frame.f_code, frame.f_locals
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & inspect.CO_VARARGS) + bool(
            code.co_flags & inspect.CO_VARKEYWORDS
        )
        bound = {name: values[name] for name in code.co_varnames[:count]}
        sample = canonical(inner, bound, self.origin)
        if isinstance(function, types.MethodType) and sample.args:
            sample = Sample(sample.args[1:], sample.settings, sample.origin)
        found.append(
            Sample(
                tuple(copied(value) for value in sample.args),
                {name: copied(value) for name, value in sample.settings.items()},
                sample.origin,
            )
        )


def _profiler() -> Any:
    """The profiler in force, which the interpreter's types say to be a function, but need not be."""
    return sys.getprofile()


def _python_function(function: Any) -> Any:
    """The innermost Python function that a call of `function` enters, or None.

    A wrapper shares its code with all others that its decorator made, and passes on what it got.
    """
    for _ in range(20):
        inner = getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
        if inner is None:
            break
        function = inner
    return function if isinstance(function, types.FunctionType) else None


def _is_running(function: Any, frame: types.FrameType) -> bool:
    """Of several functions with one code, is this the one of the frame?"""
    names = function.__code__.co_freevars
    for name, cell in zip(names, function.__closure__ or (), strict=True):
        try:
            if frame.f_locals.get(name) is not cell.cell_contents:
                return False
        except ValueError:
            return False
    return True


def docstring_samples(function: Any, *, limit: int = 8, seconds: float = 10.0) -> list[Sample]:
    """The calls of a function that the examples of its own docstring make.

    Parameters
    ----------
    function : callable
    limit : int, optional
        How many to keep, every kind of call before a second of any.
    seconds : float, optional
        Limit for the examples; in the main thread only.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    docs = inspect.getdoc(function)
    if module is None or not docs or ">>>" not in docs:
        return []
    recorder = Recorder([function])
    _run_examples(docs, module, getattr(function, "__qualname__", ""), recorder, seconds)
    return distinct(recorder.samples.get(function, ()), limit)


def module_samples(
    *modules: types.ModuleType, limit: int = 8, seconds: float = 10.0
) -> dict[Any, list[Sample]]:
    """The calls that the examples of all docstrings make of the modules' public functions.

    Parameters
    ----------
    *modules : module
    limit : int, optional
        How many samples of each function to keep.
    seconds : float, optional
        Limit for the examples of one docstring; in the main thread only.
    """
    functions = {f: module for module in modules for f in public_functions(module)}
    recorder = Recorder(functions)
    seen: set[str] = set()
    for owner in (*modules, *functions):
        docs = inspect.getdoc(owner)
        if not docs or ">>>" not in docs or docs in seen:
            continue
        seen.add(docs)
        module = owner if isinstance(owner, types.ModuleType) else sys.modules.get(owner.__module__)
        _run_examples(docs, module or modules[0], owner.__name__, recorder, seconds)
    return {f: distinct(samples, limit) for f, samples in recorder.samples.items()}


def public_functions(module: types.ModuleType) -> Iterator[Any]:
    """The functions that a module shows: those of ``__all__``, or all without an underscore."""
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    root = module.__name__.split(".")[0]
    for name in names:
        value = getattr(module, name, None)
        if isinstance(value, (type, types.ModuleType)) or not callable(value):
            continue
        home = getattr(value, "__module__", None) or ""
        if home.split(".")[0] == root and _python_function(value) is not None:
            yield value


def _run_examples(
    docs: str, module: types.ModuleType, name: str, recorder: Recorder, seconds: float
) -> None:
    """Run the examples of a docstring; one that fails does not stop the next."""
    try:
        examples = doctest.DocTestParser().get_examples(docs, name)
    except ValueError:
        return
    recorder.origin = (
        f"doctest {module.__name__}.{name}" if name != module.__name__ else (f"doctest {name}")
    )
    names = {**vars(module), "__name__": "__main__"}
    shown = sys.displayhook
    sys.displayhook = lambda value: None
    try:
        with quiet(), contextlib.redirect_stderr(io.StringIO()), limited(seconds), recorder:
            for example in examples:
                if example.options.get(doctest.SKIP):
                    continue
                with contextlib.suppress(Exception, SystemExit):
                    code = compile(example.source, f"<doctest {name}>", "single")
                    exec(code, names)  # noqa: S102 - the package's own examples
    except TimeIsUp:
        pass
    finally:
        sys.displayhook = shown
