"""What checking the gradients of a class finds: of its constructor, and of each method."""

from __future__ import annotations

import inspect
import itertools
import time
from typing import Any, Final

import numpy as np

from .._registry import Registry
from ..gradcheck import Sample
from ..gradcheck.samples import perturbed
from .drawing import answers, drawn, result_of
from .evidence import findings_of
from .ledger import Finding
from .members import members_of, own_init
from .pool import Pool, parameters_of
from .purity import only_computes
from .survey import Public

__all__ = ["class_findings"]

# Of computing for all methods of a class; the checks of a class end in time, or are ended.
_SECONDS: Final = 30.0
_TOO_LONG: Final = "not checked: the checks of the other methods took too long"
# Verdicts on a constructor that is given no numbers: its methods may deal in some.
_NEUTRAL: Final = ("no argument holds real or complex numbers", "gives it a number")

# Of computing, to draw calls of one method of one object: a class has many.
_DRAWING: Final = 0.4


def class_findings(
    public: Public,
    calls: dict[int, list[Sample]],
    pool: Pool,
    registry: Registry,
    source: str,
    *,
    seconds: float = 5.0,
) -> list[Finding]:
    """Check one class.

    Parameters
    ----------
    public : Public
    calls : dict
        Real calls, by the id of the function; those of methods have the object first.
    pool : Pool
        Values by parameter name.
    registry : Registry
        Whose rules are in force.
    source : str
        Hash of the class.
    seconds : float, optional
        Limit for one call and its check.

    Returns
    -------
    list of Finding
        One for the class and one for each argument of its constructor, then the same for each
        method, under the dotted name of the method.
    """
    cls = public.value
    made = _constructions(cls, calls, pool)
    found = findings_of(public, made, pool, registry, source, seconds=seconds)
    near = [perturbed(sample, np.random.default_rng(0)) for sample in made[:1]]
    several = made[:2] if len(made) > 1 else [*made, *near]
    objects = [x for x in (result_of(cls, sample) for sample in several) if x is not None]
    methods: list[Finding] = []
    untold: list[Finding] = []
    started = time.process_time()
    for name, function in members_of(cls).items():
        member = Public(name, function, "function", f"{public.home}.{name}")
        if time.process_time() - started > _SECONDS:
            untold.append(Finding(member.home, "-", "noGrad", source=source, detail=_TOO_LONG))
            continue
        samples = _method_calls(cls, name, function, calls, objects, pool)
        found_here = findings_of(member, samples, pool, registry, source, seconds=seconds)
        (methods if samples else untold).extend(found_here)
    whole = _of_class(found[0], methods)
    if whole.verdict == "composite":  # of a class that refuses, no method needs to
        methods += untold
    return [whole, *found[1:], *methods]


def _constructions(cls: type, calls: dict[int, list[Sample]], pool: Pool) -> list[Sample]:
    """Calls of the class itself: real ones, or drawn."""
    init = own_init(cls)
    if init is None:
        return []
    real = [
        Sample(sample.args[1:], sample.settings, sample.origin)
        for sample in calls.get(id(init), [])
        if sample.args and type(sample.args[0]) is cls
    ]
    if real or not only_computes(init):
        return real
    needed = [p for p in parameters_of(cls) if p.default is p.empty]
    return drawn(cls, pool) or ([] if needed else [Sample((), {}, "drawn")])


def _method_calls(
    cls: type,
    name: str,
    function: Any,
    calls: dict[int, list[Sample]],
    objects: list[Any],
    pool: Pool,
) -> list[Sample]:
    """Calls of the function inside a method: with the object first, or the class, or neither."""
    member = inspect.getattr_static(cls, name)
    real = calls.get(id(function), [])
    if isinstance(member, staticmethod):
        return real or drawn(function, pool)
    if isinstance(member, classmethod):
        objects = [cls]
    else:
        real = [s for s in real if s.args and isinstance(s.args[0], cls)]
    if real or not objects or not only_computes(function):
        return real
    found = []
    for thing in objects:
        bound = function.__get__(thing)
        alone = Sample((thing,), {}, "drawn")
        if all(p.default is not p.empty for p in parameters_of(bound)) and answers(function, alone):
            found.append(alone)
        more = drawn(bound, pool, seconds=_DRAWING)
        found += [Sample((thing, *s.args), s.settings, s.origin) for s in more]
    if len([p for p in parameters_of(function) if p.default is p.empty]) == 2:
        # Of what may be added or compared, another one of its kind is an argument.
        pairs = [Sample(pair, {}, "drawn") for pair in itertools.permutations(objects[:2])]
        found += [pair for pair in pairs if len(pair.args) == 2 and answers(function, pair)]
    return found[:6]


def _of_class(constructor: Finding, methods: list[Finding]) -> Finding:
    """The finding about a class as a whole."""
    good = [f.function.rpartition(".")[2] for f in methods if f.verdict == "composite"]
    neutral = constructor.verdict in ("as it is", "locally constant") or any(
        words in constructor.detail for words in _NEUTRAL
    )
    if constructor.verdict != "composite" and not (neutral and good):
        return constructor
    count = len({f.function for f in methods})
    detail = f"{len(good)} of {count} methods right" if count else "its fields are right"
    return Finding(
        constructor.function,
        "-",
        "composite",
        calls=constructor.calls,
        options=constructor.options,
        source=constructor.source,
        detail=detail,
    )
