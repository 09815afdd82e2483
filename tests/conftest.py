"""Settings and fixtures that all tests share."""

import pytest
from hypothesis import settings

from backprop_lift import Registry, registry

# The same examples in every run, and few: the suite is to be run often.
settings.register_profile("suite", max_examples=15, deadline=None, derandomize=True, database=None)
settings.load_profile("suite")


@pytest.fixture
def mine():
    """A registry of the test's own, in front of the library's."""
    return Registry(parent=registry)
