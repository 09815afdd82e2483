"""Integers that a function would take as floats, so that its gradient can be seen there too."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .._registry import Entry
from .calls import Call, moving_places
from .coordinates import Coordinates
from .samples import Sample

__all__ = ["with_floats"]


def with_floats(f: Any, sample: Sample, wrt: tuple[str, ...] | None, entry: Entry | None) -> Sample:
    """The call with integers as floats, for arguments where that makes no difference.

    Parameters
    ----------
    f, sample, wrt, entry
        As for `moving_places`.

    Returns
    -------
    Sample
        The very one that was given, where no integer is taken as a float.
    """
    floats = {name for name, _ in moving_places(f, sample, wrt, entry=entry)}
    for name, place in moving_places(f, sample, wrt, integers=True, entry=entry):
        call = Call(f, sample, [(name, place)], integers=True)
        if name in floats and len(Coordinates(call.here[0].value)) == len(call.origin):
            continue
        if _takes_floats(call):
            moved = call.with_moving(lambda *args, **settings: (args, settings))
            args, settings = moved(*call.arguments(call.origin))
            sample = dataclasses.replace(sample, args=args, settings=settings)
    return sample


def _takes_floats(call: Call) -> bool:
    """Does a function take an integer argument as a float, with the same result, and vary in it?"""
    try:
        exact = call.with_moving(call.function)(*(here.value for here in call.here))
        floats = call.plain(call.origin)
    except (Exception, SystemExit):
        return False
    here, there = Coordinates(exact, integers=True), Coordinates(floats, integers=True)
    if [leaf.path for leaf in here.leaves] != [leaf.path for leaf in there.leaves]:
        return False
    if here.vector.shape != there.vector.shape:
        return False
    if not np.allclose(here.vector, there.vector, rtol=1e-9, atol=0.0, equal_nan=True):
        return False
    call.result = Coordinates(floats)
    beside = call.evaluate(call.origin + 1e-3 * call.here[0].scales())
    return beside is not None and not np.array_equal(beside, call.result.vector, equal_nan=True)
