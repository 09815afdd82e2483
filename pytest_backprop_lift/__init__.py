"""The pytest plugin of backprop-lift: gradient checks as tests.

``pytest --lifted mylib`` makes a test of every function and argument of a package; the fixture
``check_grad`` checks a call in a suite of one's own. Pytest loads this module at every start, so it
stands outside the package and imports nothing of it before it is used.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from backprop_lift.gradcheck import Report

_MARKERS = (
    "check_grad(seed=0, tolerance=1e-5, seconds=10): how the fixture `check_grad` checks.",
    "lifted: a gradient check of a function and an argument, made by --lifted.",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("backprop-lift", "gradient checks")
    group.addoption(
        "--lifted",
        metavar="PACKAGE",
        action="append",
        default=[],
        help="test the gradient of every function and argument of an installed package; "
        "alone, unless paths are named too",
    )
    group.addoption(
        "--lifted-samples",
        metavar="FILE",
        action="append",
        default=[],
        help="calls to check on, as `backprop-lift check --record` writes them",
    )
    group.addoption(
        "--lifted-seed", metavar="N", type=int, default=0, help="of cotangents and directions"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; leave the suite at hand alone where only a package was named."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    typed = any(str(word).startswith("--lifted") for word in config.invocation_params.args)
    named = config.args_source is config.ArgsSource.ARGS
    if config.option.lifted and typed and not named:
        config.option.lifted_alone = True  # for the processes of pytest-xdist too
    if getattr(config.option, "lifted_alone", False):
        config.args[:] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the items of the packages, before ``-k`` and ``-m`` choose."""
    if config.option.lifted:
        from .nodes import items_of

        sys.path.append(str(config.invocation_params.dir))  # what one works on is found
        for package in config.option.lifted:
            items += items_of(session, package)


@pytest.fixture
def check_grad(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """Check the gradient of a function at a call, and fail with the report where it is not right.

    ``check_grad(f, *args, wrt=None, **settings)``; without arguments, at all samples of `f`. The
    marker ``check_grad(seed=..., tolerance=..., seconds=...)`` says how.
    """
    marker = request.node.get_closest_marker("check_grad")
    options: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}

    def check(f: Callable[..., Any], *args: Any, wrt: Any = None, **settings: Any) -> Report:
        __tracebackhide__ = True
        from backprop_lift.gradcheck import Sample, check, check_sample

        if args or settings:
            names = (wrt,) if isinstance(wrt, str) else None if wrt is None else tuple(wrt)
            report = check_sample(f, Sample(args, settings, "the call", names), **options)
        else:
            report = check(f, **options)
        if not report.right:
            pytest.fail(str(report), pytrace=False)
        return report

    return check
