"""Samples: from rules, docstrings and files, and near real ones."""

import cProfile
import sys
import types

import numpy as np
import pytest

from backprop_lift import Registry, lifted
from backprop_lift.errors import SampleError
from backprop_lift.gradcheck import (
    Sample,
    check,
    docstring_samples,
    module_samples,
    perturbed,
    samples_of,
)
from backprop_lift.gradcheck.doctests import Recorder
from backprop_lift.gradcheck.samples import distinct


def lifted_with(samples):
    def square(x, scale=1.0):
        return scale * x**2

    mine = Registry()
    lifted(derivative=lambda x, scale: 2 * scale * x, into=mine, samples=samples)(square)
    return samples_of(square, entry=mine[square])


def test_samples_of_a_rule_are_its_tuples():
    assert [s.args for s in lifted_with([(2.0,), (3.0, 2.0)])] == [(2.0,), (3.0, 2.0)]


def test_samples_of_a_rule_may_end_with_settings_by_name():
    (sample,) = lifted_with([(2.0, {"scale": 3.0})])

    assert (sample.args, sample.settings) == ((2.0,), {"scale": 3.0})


def test_samples_of_a_rule_may_be_a_function_of_a_generator():
    (sample,) = lifted_with(lambda rng: [(rng.normal(),)])

    assert sample.args == (np.random.default_rng(0).normal(),)


def test_samples_that_are_no_tuples_are_refused():
    with pytest.raises(SampleError, match="no tuple of arguments"):
        lifted_with([2.0])


def test_perturbed_sample_moves_floats_and_keeps_the_rest():
    sample = Sample((np.array([0.0, 4.0]), 3, "mode"), {"x": 2.0, "flag": True})

    near = perturbed(sample, np.random.default_rng(0))

    assert near.args[1:] == (3, "mode")
    assert near.settings["flag"] is True
    assert 0 < abs(near.settings["x"] - 2.0) <= 0.1
    assert (0 < abs(near.args[0] - sample.args[0])).all()
    assert (abs(near.args[0] - sample.args[0]) <= 0.2).all()


def test_distinct_samples_are_one_of_each_kind_first():
    samples = [Sample((1.0,)), Sample((2.0,)), Sample((1.0,), {"mode": "a"}), Sample((np.ones(2),))]

    assert distinct(samples, 3) == [samples[0], samples[2], samples[3]]


def test_distinct_samples_show_what_comes_last_where_there_are_too_many():
    shapes = [Sample((np.zeros(n),)) for n in range(1, 10)]
    late = [Sample((np.zeros(3, complex),)), Sample((np.zeros(3),), {"axis": 0})]

    found = distinct([*shapes, *late], 4)

    assert [s.args[0].dtype.kind for s in found].count("c") == 1
    assert [s.settings for s in found if s.settings] == [{"axis": 0}]


def test_perturbed_sample_keeps_what_is_not_to_move():
    given = Sample((np.array([1.0, 2.0]), [0.5, 0.5]), {"scale": 3.0})

    found = perturbed(given, np.random.default_rng(0), places=[("args", 0)])

    assert not np.array_equal(found.args[0], given.args[0])
    assert (found.args[1], found.settings) == ([0.5, 0.5], {"scale": 3.0})


@pytest.fixture
def package():
    source = '''
def area(r, pi=3.0):
    """The area of a circle.

    >>> area(2.0)
    12.0
    >>> area(2.0, pi=4.0)
    16.0
    >>> raise ValueError
    >>> area(5.0)
    """
    return pi * r ** 2

def volume(r, *more, h=1.0, **rest):
    """
    >>> from madeup import volume
    >>> volume(1.5, 2.5, h=2.0, k=7)
    """
    return area(r) * h

def endless(x):
    """
    >>> endless(1.0)
    """
    import time
    time.sleep(30)
    ended.append(x)

ended = []
'''
    module = types.ModuleType("madeup")
    sys.modules["madeup"] = module
    exec(source, vars(module))  # noqa: S102 - the text above
    yield module
    del sys.modules["madeup"]


def test_docstring_examples_give_the_calls_they_make(package):
    found = docstring_samples(package.area)

    assert [(s.args, s.settings) for s in found] == [((2.0,), {}), ((2.0, 4.0), {}), ((5.0,), {})]
    assert found[0].origin == "doctest madeup.area"


def test_docstring_examples_of_a_module_show_calls_within_calls(package):
    del package.endless

    found = module_samples(package)

    assert [s.args for s in found[package.area]] == [(2.0,), (2.0, 4.0), (5.0,), (1.5,)]
    (volume,) = found[package.volume]
    assert (volume.args, volume.settings) == ((1.5, 2.5), {"h": 2.0, "k": 7})


def test_docstring_examples_that_do_not_end_are_stopped(package):
    found = docstring_samples(package.endless, seconds=0.2)

    assert [s.args for s in found] == [(1.0,)]
    assert package.ended == []


def test_recorder_notes_arguments_as_they_are_at_entry(package):
    def fill(x):
        x[0] = 9.0

    with Recorder([fill]) as recorder:
        fill(np.zeros(2))

    assert recorder.samples[fill][0].args[0].tolist() == [0.0, 0.0]


def test_recorder_tells_functions_of_one_decorator_apart():
    import functools

    def twice(f):
        @functools.wraps(f)
        def outer(*args):
            return 2 * f(*args)

        return outer

    one, two = twice(lambda x: x), twice(lambda x: -x)

    with Recorder([one, two]) as recorder:
        two(3.0)

    assert [s.args for s in recorder.samples[two]] == [(3.0,)]
    assert one not in recorder.samples


@pytest.mark.parametrize("before", [None, lambda *event: None])
def test_recorder_leaves_a_profiler_as_it_was(before):
    sys.setprofile(before)
    try:
        with Recorder([perturbed]):
            pass

        assert sys.getprofile() is before
    finally:
        sys.setprofile(None)


def test_recorder_stands_aside_for_the_profiler_of_the_library():
    with cProfile.Profile():
        before = sys.getprofile()  # from Python 3.12 on, None: profiles are taken otherwise

        with Recorder([perturbed]):
            pass

        assert sys.getprofile() is before


def test_all_samples_of_an_author_are_looked_at(mine):
    def late(x):
        return 2.0 * x if x < 10 else 3.0 * x

    lifted(derivative=lambda x: 2.0, samples=[(float(k),) for k in range(1, 13)], into=mine)(late)

    assert check(late, entry=mine[late]).verdict == "wrong"
