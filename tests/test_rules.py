"""The rules: every registered original has samples, and its gradient is right on them."""

import importlib
import pkgutil
import statistics
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backprop_lift.rules
from backprop_lift import grad_bp, registry
from backprop_lift._registry import Entry
from backprop_lift.errors import LiftError
from backprop_lift.gradcheck import check

# Rules load with the package that they lift, so all of these are imported here.
for _module in pkgutil.iter_modules(backprop_lift.rules.__path__):
    _package, _, _submodule = _module.name.partition("_")
    if _package == "scipy":
        with warnings.catch_warnings(action="ignore"):
            importlib.import_module(f"scipy.{_submodule}")

assert statistics  # its functions are lifted with Python's

DIFFERENTIABLE = [
    entry
    for entry in registry
    if entry.kind in ("rule", "twin", "composite")
    # and not of another test
    and not Path(entry.where).is_relative_to(Path(__file__).parent)
]

# They write into their first argument and return None, so there is nothing to differentiate: on a
# plain array a BVar is refused.
WRITERS = {
    "copyto", "fill", "fill_diagonal", "partition", "place", "put", "put_along_axis", "putmask",
    "resize", "setflags", "sort",
}  # fmt: skip


def writes(entry: Entry) -> bool:
    """Does an original change its first argument instead of returning something?"""
    owner, _, name = entry.name.rpartition(".")
    return name in WRITERS and (owner.endswith(("ndarray", "generic")) or name not in (
        "sort", "partition", "resize",
    ))  # fmt: skip


def by_name(entries: list[Entry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=[entry.name for entry in entries])


# Their gradient is zero wherever it exists, which is no evidence to a checker.
FLAT = {
    "builtins.float.imag",
    "numpy.generic.std",  # of one number
    "numpy.generic.var",
    "numpy.generic.imag",
    "numpy.heaviside",
    "numpy.ndarray.imag",
}


def called(entry: Entry) -> Any:
    """The original as a function; of a property, its getter."""
    original = entry.original
    if callable(original):
        return original
    return lambda self: original.__get__(self)


RULES = [entry for entry in DIFFERENTIABLE if not writes(entry)]


@by_name(RULES)
def test_entry_has_samples(entry):
    assert entry.samples is not None


@pytest.mark.filterwarnings("ignore")  # the originals warn as they please
@by_name([entry for entry in RULES if entry.samples])
def test_entry_is_right_on_its_samples(entry):
    report = check(called(entry), entry=entry, limit=4, seconds=4.0, diagnose=False)

    assert report.verdict == ("no evidence" if entry.name in FLAT else "right"), str(report)


@by_name([entry for entry in DIFFERENTIABLE if entry.kind == "rule"])
def test_rule_is_valid(entry):
    # rules of a table are not looked at when they load
    entry.rule.prepare()

    assert entry.wrt


# The arguments of a writer, after a matrix to write into: those that take a value.
FILLERS = {
    "copyto": lambda v: (v,),
    "fill": lambda v: (v,),
    "fill_diagonal": lambda v: (v,),
    "place": lambda v: (np.eye(2) > 0, v),
    "put": lambda v: ([0], v),
    "put_along_axis": lambda v: (np.array([[0], [0]]), v, 1),
    "putmask": lambda v: (np.eye(2) > 0, v),
}


@by_name([e for e in DIFFERENTIABLE if writes(e) and e.name.rpartition(".")[2] in FILLERS])
def test_writer_refuses_a_bvar_for_a_plain_array(entry):
    target = np.ones((2, 2))
    arguments = FILLERS[entry.name.rpartition(".")[2]]

    with pytest.raises((LiftError, TypeError)):
        grad_bp(lambda v: (entry.twin(target, *arguments(v)), v)[1], 5.0)
    assert np.all(target == 1.0)
