"""Questions about types inside composites: answered as for the value, or refused."""

import collections.abc
import contextlib
import functools
import numbers
import typing

import numpy as np
import pytest

from backprop_lift import grad_bp, lifted, twin_of
from backprop_lift.errors import LiftError, NoGradientError

VECTOR = np.array([0.7, 1.9, 0.4])


def by_number(x):
    return x * 2.0 if isinstance(x, numbers.Number) else x * 3.0


def by_real_or_sequence(x):
    return x * 2.0 if isinstance(x, (numbers.Real, typing.Sequence)) else x * 3.0


def by_union(x):
    return x * 2.0 if isinstance(x, int | float) else x * 3.0


def by_iterable(x):
    return x * 2.0 if isinstance(x, collections.abc.Iterable) else x * 3.0


def by_name(x):
    return x * 2.0 if type(x).__name__ == "float" else x * 3.0


TABLE = {float: lambda x: x * 2.0, np.ndarray: lambda x: x * 3.0}


def by_table(x):
    return TABLE[type(x)](x)


def by_table_with_default(x):
    return TABLE.get(type(x), lambda v: v * 7.0)(x)


def by_local_table(x):
    return {float: 2.0, np.ndarray: 3.0}[type(x)] * x


def by_case(x):
    match x:
        case float():
            return x * 2.0
        case _:
            return x * 3.0


def by_captured_case(x):
    match x:
        case float(y):
            return y * 2.0
        case _:
            return x * 3.0


def by_sequence_case(x):
    match [x, 2.0]:
        case [a, b]:
            return a * b
        case _:
            return x * 3.0


@functools.singledispatch
def dispatched(x):
    return x * 3.0


@dispatched.register(float)
def _(x):
    return x * 2.0


@dispatched.register(np.ndarray)
def _(x):
    return x * 5.0


def by_dispatch(x):
    return dispatched(x)


class Dispatching:
    @functools.singledispatchmethod
    def scaled(self, x):
        return x * 3.0

    @scaled.register
    def _(self, x: float):
        return np.sin(x)


def by_dispatching_method(x):
    return Dispatching().scaled(x)


def by_length(x):
    try:
        return len(x) * x
    except TypeError:
        return 2.0 * x


def by_iteration(x):
    try:
        iter(x)
    except TypeError:
        return 2.0 * x
    return 3.0 * x


def by_shape(x):
    try:
        return 3.0 * x if x.shape else 2.0 * x
    except AttributeError:
        return 5.0 * x


def by_attribute(x):
    return 3.0 * x if hasattr(x, "shape") else 2.0 * x


def by_default_of_attribute(x):
    return 3.0 * x if getattr(x, "ndim", None) is not None else 2.0 * x


def by_special_method(x):
    return (3.0 if hasattr(x, "__len__") else 2.0) * x + (1.0 if hasattr(x, "__float__") else 5.0)


def by_dtype(x):
    kind = np.result_type(x)
    return 2.0 * x if kind == float and not np.iscomplexobj(x) else 3.0 * x  # noqa: E721 - as found


def by_class_in_a_variable(x):
    kinds = [float, np.float64, complex]
    return sum(abs(kind(x)) for kind in kinds)


def by_class_of_numbers(x):
    made = isinstance(float("1.5"), float), issubclass(np.float64, float), float.fromhex("0x1p1")
    return x * sum(made)


FUNCTIONS = [
    by_number,
    by_real_or_sequence,
    by_union,
    by_iterable,
    by_name,
    by_table,
    by_table_with_default,
    by_local_table,
    by_sequence_case,
    by_dispatch,
    by_length,
    by_iteration,
    by_shape,
    by_attribute,
    by_default_of_attribute,
    by_special_method,
    by_dtype,
]
ON_NUMBERS = [
    by_case,
    by_captured_case,
    by_dispatching_method,
    by_class_in_a_variable,
    by_class_of_numbers,
]


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("x", [0.83, VECTOR], ids=["float", "array"])
def test_answer_is_that_of_the_value(f, x, agrees):
    assert agrees(f, x)


@pytest.mark.parametrize("f", ON_NUMBERS)
def test_answer_is_that_of_the_number(f, agrees):
    assert agrees(f, 0.83)


def by_class_attribute(x):
    return x * 2.0 if x.__class__ is float else x * 3.0


def by_name_of_class_attribute(x):
    return x * 2.0 if x.__class__.__name__ == "float" else x * 3.0


def by_class_of_a_local(x):
    y = 2.0
    return x * 2.0 if y.__class__ is float else x * 3.0


def by_class_in_a_closure(x):
    return (lambda v: v * 2.0 if v.__class__ is float else v * 3.0)(x)


def by_case_of_an_abstract_class(x):
    match x:
        case numbers.Real():
            return x * 2.0
        case _:
            return x * 3.0


def by_class_of_an_item(x):
    pair = [x, 1.0]
    return x * 2.0 if pair[0].__class__ in (float, np.ndarray) else x * 3.0


def by_class_that_is_called(x):
    return x * x.__class__(2.0)


@pytest.mark.parametrize(
    "f",
    [
        by_class_attribute,
        by_name_of_class_attribute,
        by_class_of_a_local,
        by_class_in_a_closure,
        by_class_of_an_item,
        by_class_that_is_called,
    ],
)
def test_class_that_is_read_is_that_of_the_value(f, agrees):
    assert agrees(f, 0.83)


@pytest.mark.parametrize("f", [by_case_of_an_abstract_class])
def test_question_that_a_bvar_answers_wrongly_is_refused(f, mine):
    lifted(f, into=mine)

    with pytest.raises(NoGradientError, match="asks for the class"):
        grad_bp(twin_of(f, mine), 0.83)


def test_class_in_the_message_of_an_error_may_be_asked_for(agrees):
    def f(x):
        if np.shape(x) != (3,):
            raise ValueError(f"shape (3,) expected, {x.__class__.__name__} got")
        return 2.0 * x

    assert agrees(f, VECTOR)


def test_case_of_an_array_is_right_or_refused(agrees):
    def f(x):
        match x:
            case np.ndarray():
                return np.sum(x * 2.0)
            case _:
                return np.sum(x * 3.0)

    with contextlib.suppress(LiftError):
        assert agrees(f, VECTOR)


def test_class_of_self_may_be_asked_for(agrees):
    class Length:
        def __init__(self, metres):
            self.metres = float(metres)

        def twice(self):
            return self.__class__(2.0 * self.metres)

    assert agrees(lambda x: Length(x).twice().metres, 0.83)


def test_class_made_from_a_class_of_numbers_is_an_ordinary_one(mine):
    def f(x):
        class Metres(float):
            pass

        return x * Metres(2.0) + isinstance(1.5, Metres)

    lifted(f, into=mine)

    assert grad_bp(twin_of(f, mine), 0.83) == 2.0
