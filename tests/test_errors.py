"""Errors: one shape for all, and each is the built-in that it specialises."""

import inspect
import pickle
import re

import pytest

from backprop_lift import errors
from backprop_lift.errors import LiftError

CLASSES = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, LiftError)
]


def test_error_reads_as_sentence_facts_and_remedy():
    error = LiftError(
        "f was given axis=0.", "Name axis in the rule.", rule="a.py:1", given="axis=0"
    )

    assert str(error) == (
        "f was given axis=0.\n  rule:  a.py:1\n  given: axis=0\nName axis in the rule."
    )
    assert error.facts == {"rule": "a.py:1", "given": "axis=0"}
    assert error.remedy == "Name axis in the rule."


def test_error_without_facts_or_remedy_is_its_sentence():
    assert str(LiftError("f is wrong.")) == "f is wrong."


@pytest.mark.parametrize("cls", CLASSES)
def test_error_survives_pickling(cls):
    error = pickle.loads(pickle.dumps(cls("f is wrong.", "Mend it.", rule="a.py:1")))

    assert type(error) is cls
    assert str(error) == str(cls("f is wrong.", "Mend it.", rule="a.py:1"))
    assert error.facts == {"rule": "a.py:1"}


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not LiftError])
def test_error_is_a_built_in_as_well(cls):
    built_in = [base for base in cls.__mro__ if base.__module__ == "builtins"]

    assert built_in[0] not in (Exception, BaseException, object)
    assert cls.__name__ in errors.__all__


@pytest.mark.parametrize("cls", CLASSES)
def test_error_says_in_its_docstring_when_it_is_raised(cls):
    assert re.match(r"[A-Z].*\.$", cls.__doc__.splitlines()[0])


def test_facts_that_recur_keep_their_names():
    import pathlib

    package = pathlib.Path(errors.__file__).parent
    known = {"rule", "defined", "called", "expected", "got", "at"}
    near = {"shape", "expect", "found", "location", "where", "line", "index", "definition"}
    used = set()
    for path in package.rglob("*.py"):
        for call in re.findall(r"\b[A-Z]\w+Error\((.*?)\n    \)", path.read_text(), re.S):
            used |= set(re.findall(r"^\s*(\w+)=", call, re.M))

    assert known & used
    assert not near & used
