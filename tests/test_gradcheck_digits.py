"""Plain functions on numbers of many digits."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special

from backprop_lift.gradcheck import Sample
from backprop_lift.gradcheck.calls import Call
from backprop_lift.gradcheck.coordinates import Coordinates
from backprop_lift.gradcheck.digits import DIGITS, Digits, is_known, with_digits
from backprop_lift.gradcheck.second_oracles import digits_slope


@pytest.fixture(autouse=True)
def many_digits():
    with mpmath.workdps(DIGITS):
        yield


def value(x):
    return Digits(mpmath.mpf(x))


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: 2.0 * x + x / 3.0 - 1, 1.3),
        (lambda x: np.float64(2.0) * x - np.float64(1.0) / x, 1.3),
        (lambda x: x**2 + 2**x + -x + abs(-x), 1.3),
        (lambda x: x % 0.5 + x // 0.5, 1.3),
        (lambda x: np.maximum(x, 1.0) + max(x, 2.0) + np.square(x), 1.3),
        (lambda x: math.sin(float(x)) + np.exp(x) + math.hypot(x, 2), 1.3),
        (lambda x: sum([x, x]) if x > 1 else 0.0, 1.3),
        (lambda x: scipy.special.gamma(x) * math.erf(x), 1.3),
    ],
)
def test_python_function_on_many_digits_is_that_on_floats(f, x):
    found = with_digits(f)(value(x))

    assert float(found.value) == pytest.approx(float(f(x)), rel=1e-14)


KNOWN = {
    scipy.special.digamma: (-8.3,), scipy.special.jv: (1.5, 2.3), scipy.special.polygamma: (2, 1.3),
    scipy.special.gammainc: (1.4, 0.7), scipy.special.betainc: (1.4, 0.7, 0.3),
    scipy.special.erfcx: (1.2,), scipy.special.dawsn: (0.7,), scipy.special.ndtr: (0.3,),
    scipy.special.ellipkinc: (0.4, 0.3), scipy.special.expn: (2, 1.3), scipy.special.expi: (1.3,),
    scipy.special.spence: (0.4,), scipy.special.struve: (1.5, 2.3), scipy.special.zeta: (2.4, 1.3),
    scipy.special.lambertw: (0.7,), scipy.special.hyp2f1: (0.3, 0.4, 1.3, 0.2), np.sinc: (0.3,),
    np.i0: (0.7,), np.arctan2: (0.3, -0.4), np.logaddexp: (0.3, -0.4), math.lgamma: (2.7,),
    math.log2: (2.7,), math.expm1: (1e-9,), math.cbrt: (2.7,), math.degrees: (0.4,),
}  # fmt: skip


@pytest.mark.parametrize("f", KNOWN, ids=lambda f: f.__name__)
def test_function_of_mpmath_is_the_one_of_the_same_name(f):
    args = KNOWN[f]

    found = with_digits(f)(*(value(x) if isinstance(x, float) else x for x in args))

    assert is_known(f)
    assert float(found.value) == pytest.approx(complex(f(*args)).real, rel=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: float.__add__(x, 1.0),
        lambda x: np.array([x]).astype(float)[0],
        lambda x: scipy.special.wofz(x),
        lambda x: math.sqrt(-x),
        lambda x: int(x) * 1.0,
    ],
)
def test_number_of_many_digits_refuses_to_lose_them(f):
    with pytest.raises((TypeError, ValueError)):
        with_digits(f)(value(1.3))


def test_function_without_a_counterpart_or_a_body_has_no_digits():
    assert with_digits(np.linalg.det) is None or not is_known(np.linalg.det)
    assert not is_known(len)


def slope_of(f, *args):
    sample = Sample(args)
    call = Call(f, sample, [(f"x{i}", ("args", i)) for i in range(len(args))])
    call.result = Coordinates(f(*args))
    return digits_slope(call, np.ones(len(args)), np.ones(len(call.result)))


def test_slope_with_many_digits_is_exact_to_a_double():
    found = slope_of(lambda x, y: math.sin(x) * y, 1.3, 2.0)

    assert found.value == pytest.approx(2 * math.cos(1.3) + math.sin(1.3), rel=1e-15)
    assert found.is_smooth


def test_slope_with_many_digits_sees_a_kink():
    found = slope_of(lambda x: abs(x - 1.0) * 3.0, 1.0)

    assert (found.left, found.right) == (-3.0, 3.0)
    assert not found.is_smooth


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: x * 2, (np.ones(2),)),
        (lambda x: (x * 2j).imag, (1.0,)),
        (lambda x: x * 2 if isinstance(x, float) else x * 3, (1.0,)),
    ],
)
def test_slope_with_many_digits_is_none_where_it_does_not_apply(f, args):
    assert slope_of(f, *args) is None


def test_slope_with_many_digits_is_none_without_mpmath(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert slope_of(math.sin, 1.3) is None
