"""Settings and fixtures that all tests share."""

import numpy as np
import pytest
from hypothesis import settings

from backprop_lift import Registry, backprop, lifted, registry, twin_of, value_of

# The same examples in every run, and few: the suite is to be run often.
settings.register_profile("suite", max_examples=15, deadline=None, derandomize=True, database=None)
settings.load_profile("suite")


@pytest.fixture
def mine():
    """A registry of the test's own, in front of the library's."""
    return Registry(parent=registry)


@pytest.fixture
def agrees():
    """A check of a composite: its value is the original's, its gradient that of differences."""

    def of_sum(f, x):
        y = f(x)
        weights = np.cos(np.arange(np.size(value_of(y)))).reshape(np.shape(value_of(y)))
        return np.sum(y * weights) if weights.shape else y

    def check(f, x):
        into = Registry(parent=registry)
        lifted(f, into=into)
        fresh = np.copy if isinstance(x, np.ndarray) else type(x)
        y, gradient = backprop(lambda v: of_sum(twin_of(f, into), v), fresh(x))
        assert np.allclose(float(y), float(of_sum(f, fresh(x))))
        for i in np.ndindex(np.shape(x)):
            step = np.zeros(np.shape(x))
            step[i] = 1e-6
            slope = (of_sum(f, fresh(x + step)) - of_sum(f, fresh(x - step))) / 2e-6
            assert np.isclose(np.asarray(gradient)[i], float(slope), rtol=1e-5, atol=1e-7)
        return True

    return check
