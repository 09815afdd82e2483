"""The check of one call, step by step: values, cotangents, derivatives, contract, diagnosis."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .._registry import Entry
from ..errors import CotangentError, LiftError
from .calls import Call, coordinates_like, moving_places
from .comparison import Comparison
from .constancy import constancy_outcomes
from .contracts import (
    Handed,
    agree,
    contract_problems,
    gradient_coordinates,
    unread_problems,
    value_problem,
)
from .coordinates import Coordinates
from .diagnosis import diagnosed, diagnosed_shapes
from .integers import with_floats
from .same_numbers import same_numbers_problems
from .samples import Sample
from .verdicts import Problem, Report

__all__ = ["CallCheck", "UntoldError"]

Vector = npt.NDArray[np.float64]
Runner = Callable[..., Any]

# Of a gradient, that may be rounding at most.
_PART: Final = 0.1


class UntoldError(Exception):
    """The call cannot tell anything; the message says why."""


class CallCheck:
    """A check in progress.

    Parameters
    ----------
    f : callable
        The original.
    sample : Sample
    run : callable
        ``run(f, *xs) -> (y, scaled_grad)``.
    entry : Entry or None
        Of the original, where it has one.
    report : Report
        Filled in on the way.
    seed : int
    diagnose : bool
        Look for the mistake behind a wrong gradient?
    alone : bool
        Differentiate each argument alone and all together too, and compare?
    tolerance : float
        Relative difference of a derivative that is never called wrong.
    """

    def __init__(
        self,
        f: Any,
        sample: Sample,
        run: Runner,
        entry: Entry | None,
        report: Report,
        *,
        seed: int,
        diagnose: bool,
        alone: bool,
        tolerance: float,
    ) -> None:
        self.f = f
        self.sample = sample
        self.run = run
        self.entry = entry
        self.report = report
        self.rng = np.random.default_rng(seed)
        self.diagnose = diagnose
        self.alone = alone
        self.tolerance = tolerance
        self.constant = entry is not None and entry.kind == "locally constant"

    def run_all(self) -> None:
        """Check, with integers as floats where the function takes them so.

        Raises
        ------
        UntoldError
            If the call cannot tell anything.
        """
        if self.entry is not None and self.entry.kind == "no grad":
            raise UntoldError(
                "it is marked no_grad" + f": {self.entry.reason}" * bool(self.entry.reason)
            )
        wrt = self._wrt()
        floats = with_floats(self.f, self.sample, wrt, self.entry)
        if floats is self.sample or not self._attempt(floats, last=False):
            self._attempt(self.sample, last=True)

    # What moves

    def _wrt(self) -> tuple[str, ...] | None:
        if self.sample.wrt is not None:
            return self.sample.wrt
        return (self.entry.wrt or None) if self.entry is not None else None

    # The steps

    def _attempt(self, sample: Sample, *, last: bool) -> bool:
        """Check at a sample; False where the twin refuses."""
        places = moving_places(self.f, sample, self._wrt(), entry=self.entry)
        if not places:
            raise UntoldError("no argument holds real or complex numbers")
        call = self.call = Call(self.f, sample, places)
        if not np.isfinite(call.origin).any():
            raise UntoldError("the arguments are nan or infinite")
        result = self.result = self._result()
        self.twin = self.f if self.entry is None else self.entry.twin
        xs = call.arguments(call.origin)
        try:
            y, scaled_grad = self.run(call.with_moving(self.twin), *xs)
        except Exception as error:
            if last:
                self._problem("refused", _first_line(error), error)
            return False
        problem = value_problem(result.value, y)
        if problem is not None:
            self._problem("value", problem)
            return True
        pairs = zip(call.here, xs, strict=True)
        if any(not np.array_equal(here.vector, here.of(x), equal_nan=True) for here, x in pairs):
            self._problem("contract", "the twin changes an argument in place")
        self.weights = self._random_cotangent()
        if self.constant:
            self.report.outcomes += constancy_outcomes(call, self.weights, self.rng)
            return True
        if not len(result):
            raise UntoldError("the result holds no real or complex numbers")
        handed = Handed({**dict(zip(call.names, xs, strict=True)), "the result": y})
        try:
            gradient = gradient_coordinates(call, scaled_grad(result.cotangent(self.weights)))
        except Exception as error:
            mistaken = isinstance(error, CotangentError)
            if last or mistaken:
                self._raised(error)
            return mistaken
        self._compare(gradient)
        self._check_contract(scaled_grad, gradient, handed)
        if self.diagnose and any(o.verdict == "wrong" for o in self.report.outcomes):
            self.report.findings += diagnosed(call, self.weights, gradient, self._gradient_at)
        return True

    def _problem(self, kind: Any, text: str, error: BaseException | None = None) -> None:
        self.report.problems.append(Problem(kind, text, 0, error))

    def _raised(self, error: Exception) -> None:
        """A scaled gradient raised: a refusal is honest, anything else is the rule's fault."""
        if isinstance(error, LiftError) and not isinstance(error, CotangentError):
            self._problem("refused", _first_line(error), error)
            return
        text = str(error) if isinstance(error, LiftError) else f"it raises {_first_line(error)}"
        self._problem("contract", text, error)
        if self.diagnose and isinstance(error, CotangentError):
            self.report.findings += diagnosed_shapes(error)

    def _result(self) -> Coordinates:
        """The original's result, computed twice to see whether it is the same each time."""
        call = self.call
        try:
            first, second = call.plain(call.origin), call.plain(call.origin)
        except (Exception, SystemExit) as error:
            raise UntoldError(f"the original raises {_first_line(error)}") from None
        call.result = result = Coordinates(first, integers=self.constant)
        again = Coordinates(second, integers=self.constant)
        # Threads of a linear algebra library may add up in another order.
        same = result.vector.shape == again.vector.shape and np.allclose(
            result.vector, again.vector, rtol=1e-9, atol=0.0, equal_nan=True
        )
        if not same:
            raise UntoldError("the original gives another result each time")
        if len(result) and not np.isfinite(result.vector).any():
            raise UntoldError("the result is nan or infinite")
        return result

    def _random_cotangent(self) -> Vector:
        """Not symmetric in anything; zero at parts of the result that are not finite."""
        count = len(self.result)
        weights = self.rng.uniform(0.5, 1.5, count) * self.rng.choice([-1.0, 1.0], count)
        return np.where(np.isfinite(self.result.vector), weights, 0.0)

    def _compare(self, gradient: Vector) -> None:
        """Each derivative with the oracle's, and all arguments at once."""
        compared = Comparison(
            self.call, self.weights, gradient, self.rng, self.tolerance, lambda: self._rounding
        )
        outcomes = compared.outcomes()
        self.report.outcomes += outcomes
        if self.alone and len(self.call.places) > 1 and not any(self.report.failures()):
            together = compared.together(outcomes)
            if together.verdict == "wrong":
                self._problem("contract", f"the dot product test fails: {together}")

    def _check_contract(self, scaled_grad: Any, gradient: Vector, handed: Handed) -> None:
        call, weights = self.call, self.weights
        try:
            found = contract_problems(
                call, scaled_grad, weights, gradient, self.rng, handed, lambda: self._rounding
            )
            for text in found:
                self._problem("contract", text)
            if self.alone:
                for text in unread_problems(
                    call, self.twin, self.run, scaled_grad, weights, gradient
                ):
                    self._problem("contract", text)
                for text in same_numbers_problems(
                    call, self.twin, self.run, weights, gradient, lambda: self._rounding
                ):
                    self._problem("contract", text)
                if len(call.places) > 1:
                    self._check_alone(gradient)
        except Exception as error:
            self._raised(error)

    def _check_alone(self, gradient: Vector) -> None:
        """Each argument alone must get the cotangent that it gets among all.

        Where there is no derivative, any cotangent is as good as another.
        """
        call = self.call
        bent = {o.argument for o in self.report.outcomes if o.verdict in ("kink", "edge")}
        for i, (name, place) in enumerate(zip(call.names, call.places, strict=True)):
            if name in bent or not np.isfinite(gradient[call.part(i)]).all():
                continue  # judged already
            alone = Call(self.f, call.sample, [(name, place)])
            alone.result = call.result
            try:
                twin = alone.with_moving(self.twin)
                _, scaled_grad = self.run(twin, *alone.arguments(alone.origin))
            except Exception as error:
                self._problem("refused", f"by {name} alone: {_first_line(error)}", error)
                continue
            one = gradient.copy()
            one[call.part(i)] = gradient_coordinates(
                alone, scaled_grad(self.result.cotangent(self.weights))
            )
            if not agree(call, one, gradient, np.abs(gradient)):
                self._problem(
                    "contract", f"the cotangent of {name} alone is another than among all"
                )

    @functools.cached_property
    def _rounding(self) -> Vector:
        """How much the rule's gradient changes with arguments that differ in their last digits.

        The largest effect that any argument shows, for each: rounding strikes here and there.
        Numbers that are equal stay equal, and a gradient that changes altogether is no excuse:
        what jumps at a tie or between branches is not rounding.
        """
        call = self.call
        eps = max(here.eps() for here in call.here)
        scales = np.concatenate([here.scales() for here in call.here])
        rng = np.random.default_rng(0)
        values, which = np.unique(call.origin, return_inverse=True)
        found = []
        for _ in range(5):
            near = call.origin * (1.0 + 64 * eps * rng.uniform(-1.0, 1.0, len(values))[which])
            there = self._gradient_at(near)
            if there is not None and np.isfinite(there).all():
                found.append(there * scales)
        # Not against the call itself: a mistake that shows there alone is no rounding.
        # Aside, where it does not cancel, a gradient shows the size of what is added up.
        there = self._gradient_at(call.origin * (1.0 + rng.uniform(0.01, 0.1, len(scales))))
        size = 0.0 if there is None else float(np.nanmax(np.abs(there * scales), initial=0.0))
        largest = 4 * eps * size
        if len(found) > 2:
            spread = float(np.ptp(found, axis=0).max())
            if spread <= max(_PART * float(np.abs(found).max()), 1e-9 * size):
                largest = max(largest, spread)
        return largest / scales

    def _gradient_at(self, vector: Vector) -> Vector | None:
        """The rule's gradient at other coordinates, or None where it has none."""
        call = self.call
        try:
            y, scaled_grad = self.run(call.with_moving(self.twin), *call.arguments(vector))
            if coordinates_like(y, self.result) is None:
                return None
            return gradient_coordinates(call, scaled_grad(Coordinates(y).cotangent(self.weights)))
        except Exception:
            return None


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return type(error).__name__ + (f": {text[0]}" if text else "")
