"""The check itself: one call, or all samples of a function."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .._registry import Entry, dotted_name, registry
from .._run import backprop_with
from ..errors import CotangentError, LiftError
from .calls import Call, TimeIsUp, coordinates_like, limited, moving_places, quiet
from .contracts import contract_problems, gradient_coordinates, value_problem
from .coordinates import Coordinates
from .diagnosis import diagnosed, diagnosed_shapes
from .oracles import Line, slope
from .samples import Sample, distinct, perturbed, samples_of
from .verdicts import Outcome, Problem, Report, compared

__all__ = ["assert_grad", "check", "check_grad", "check_sample"]

Vector = npt.NDArray[np.float64]

# Up to so many numbers, each moves alone; beyond, arguments move along random directions.
_FEW: Final = 12
# Steps for a second look, each a factor of the first look's.
_OTHER_SCALES: Final = (0.73, 19.0, 4e3)


def check_grad(
    f: Callable[..., Any],
    *args: Any,
    wrt: Iterable[str] | str | None = None,
    seed: int = 0,
    **settings: Any,
) -> Report:
    """Check the gradient of a function at one call.

    Parameters
    ----------
    f : callable
        An original that has a twin, or a function on BVars.
    *args
        Differentiated where they hold real or complex numbers; integers become floats where `f`
        takes them as such.
    wrt : str or iterable of str, optional
        Names of the arguments to differentiate instead, by position or keyword.
    seed : int, optional
        Of the random cotangents and directions.
    **settings
        Passed untouched.

    Returns
    -------
    Report
        It is true where the gradient was checked and found right. `check_grad` itself raises
        nothing, whatever `f` does; see `assert_grad`.

    Examples
    --------
    >>> from backprop_lift.gradcheck import check_grad
    >>> print(check_grad(lambda x, y: x * y + x, 2.0, 5.0))
    <lambda>: right, 1 call
      x  right (1)
      y  right (1)
    """
    names = (wrt,) if isinstance(wrt, str) else None if wrt is None else tuple(wrt)
    if names is None:
        names = _given_by_position(f, args, settings)
    return check_sample(f, Sample(args, settings, "the call", names), seed=seed)


def _given_by_position(
    f: Any, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[str, ...] | None:
    if not settings:
        return None
    entry = registry.find(f)
    if entry is not None and entry.wrt:
        return entry.wrt
    return tuple(name for name, _ in moving_places(f, Sample(args), None, integers=True))


def assert_grad(f: Callable[..., Any], *args: Any, **options: Any) -> Report:
    """Check as `check_grad` does, and raise where the gradient is not found right.

    Raises
    ------
    AssertionError
        With the report.
    """
    report = check_grad(f, *args, **options)
    if not report.right:
        raise AssertionError(str(report))
    return report


def check(
    f: Callable[..., Any],
    samples: Iterable[Sample | tuple[Any, ...]] | None = None,
    *,
    seed: int = 0,
    limit: int = 8,
    seconds: float | None = 10.0,
    run: Callable[..., Any] = backprop_with,
    entry: Entry | None = None,
) -> Report:
    """Check the gradient of a function at all its samples.

    Parameters
    ----------
    f : callable
    samples : iterable of Sample or tuple, optional
        By default those of ``samples=`` and of the examples in its docstring.
    seed : int, optional
    limit : int, optional
        How many samples at most, every kind of call before a second one of any.
    seconds : float, optional
        Limit for each; in the main thread only.
    run : callable, optional
        ``run(f, *xs) -> (y, scaled_grad)``: by default this library's, but any engine may be
        checked.
    entry : Entry, optional
        Of the function, where it is not that of the registry.

    Returns
    -------
    Report
    """
    entry = registry.find(f) if entry is None else entry
    found = _all_samples(f, samples, entry, seed)
    report = Report(entry.name if entry is not None else dotted_name(f))
    started = time.perf_counter()
    for index, sample in enumerate(distinct(found, limit)):
        options = {"seed": seed + index, "seconds": seconds, "run": run, "entry": entry}
        one = check_sample(f, sample, **options)
        report.extend(one)
        if _wants_another(one):
            # Examples are fond of zeros, ones and corners; a step aside there is evidence.
            rng = np.random.default_rng((seed, index))
            for _ in range(2):
                again = check_sample(f, perturbed(sample, rng), **options)
                if not _wants_another(again):
                    report.extend(again)
                    break
        if seconds is not None and time.perf_counter() - started > 3 * seconds:
            report.problems.append(Problem("untold", "the other samples: time is up"))
            break
    if not found:
        report.problems.append(Problem("untold", "there is no sample"))
    return report


def _all_samples(f: Any, samples: Any, entry: Entry | None, seed: int) -> list[Sample]:
    if samples is not None:
        return [s if isinstance(s, Sample) else Sample(tuple(s)) for s in samples]
    found = samples_of(f, seed=seed, entry=entry)
    if not found:
        from .doctests import docstring_samples

        found = docstring_samples(f)
    return found


def _wants_another(report: Report) -> bool:
    """Did a call end in doubt, which another call near it may resolve?"""
    if any(problem.kind != "untold" for problem in report.problems):
        return False
    if any(not outcome.accepted for outcome in report.outcomes):
        return False
    verdicts = report.per_argument.values()
    return not verdicts or any(verdict != "right" for verdict in verdicts)


def check_sample(
    f: Callable[..., Any],
    sample: Sample,
    *,
    seed: int = 0,
    seconds: float | None = 10.0,
    run: Callable[..., Any] = backprop_with,
    entry: Entry | None = None,
    diagnose: bool = True,
) -> Report:
    """Check the gradient of a function at one sample; parameters as those of `check`."""
    entry = registry.find(f) if entry is None else entry
    report = Report(entry.name if entry is not None else dotted_name(f))
    report.samples.append(sample)
    check = _Check(f, sample, seed, run, entry, report, diagnose)
    try:
        with quiet(), limited(seconds):
            check.run_all()
    except TimeIsUp:
        report.problems.append(Problem("untold", f"it took longer than {seconds} seconds"))
    except _Untold as reason:
        report.problems.append(Problem("untold", str(reason)))
    return report


class _Untold(Exception):
    """The call cannot tell anything; the message says why."""


class _Check:
    """One check in progress."""

    def __init__(
        self,
        f: Any,
        sample: Sample,
        seed: int,
        run: Callable[..., Any],
        entry: Entry | None,
        report: Report,
        diagnose: bool,
    ) -> None:
        self.f = f
        self.run = run
        self.entry = entry
        self.report = report
        self.diagnose = diagnose
        self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.sample = sample
        self.kind = entry.kind if entry is not None else "function"

    def run_all(self) -> None:
        if self.kind == "no grad":
            assert self.entry is not None
            reason = f": {self.entry.reason}" if self.entry.reason else ""
            raise _Untold(f"it is marked no_grad{reason}")
        with_floats = self._with_floats(self.sample)
        if with_floats is self.sample:
            self._attempt(self.sample, last=True)
        elif not self._attempt(with_floats, last=False):
            self._attempt(self.sample, last=True)

    def _wrt(self) -> tuple[str, ...] | None:
        if self.sample.wrt is not None:
            return self.sample.wrt
        return (self.entry.wrt or None) if self.entry is not None else None

    def _with_floats(self, sample: Sample) -> Sample:
        """The call with integers as floats, for arguments where that makes no difference."""
        wrt = self._wrt()
        floats = dict(moving_places(self.f, sample, wrt, entry=self.entry))
        for name, place in moving_places(
            self.f, sample, wrt, integers=True, entry=self.entry
        ):
            call = Call(self.f, sample, [(name, place)], integers=True)
            if name in floats and len(Coordinates(call.here[0].value)) == len(call.origin):
                continue
            if _takes_floats(call):
                moved = call.with_moving(lambda *args, **settings: (args, settings))
                args, settings = moved(*call.arguments(call.origin))
                sample = dataclasses.replace(sample, args=args, settings=settings)
        return sample

    def _attempt(self, sample: Sample, *, last: bool) -> bool:
        """Check at a sample; False where the twin refuses and it is not the last attempt."""
        places = moving_places(self.f, sample, self._wrt(), entry=self.entry)
        if not places:
            raise _Untold("no argument holds real or complex numbers")
        call = self.call = Call(self.f, sample, places)
        if not np.isfinite(call.origin).any():
            raise _Untold("the arguments are nan or infinite")
        result = self._result(call)
        twin = self.f if self.entry is None else self.entry.twin
        xs = call.arguments(call.origin)
        try:
            y, scaled_grad = self.run(call.with_moving(twin), *xs)
        except Exception as error:
            if last:
                self._problem("refused", _first_line(error), error)
            return False
        problem = value_problem(result.value, y)
        if problem is not None:
            self._problem("value", problem)
            return True
        if any(
            not np.array_equal(here.vector, here.of(x), equal_nan=True)
            for here, x in zip(call.here, xs, strict=True)
        ):
            self._problem("contract", "the twin changes an argument in place")
        if self.kind == "locally constant":
            self._check_constant()
            return True
        if not len(result):
            raise _Untold("the result holds no real or complex numbers")
        weights = self.weights = self._weights(result)
        try:
            gradient = gradient_coordinates(call, scaled_grad(result.cotangent(weights)))
        except Exception as error:
            if last or isinstance(error, CotangentError):
                self._raised(error)
            return isinstance(error, CotangentError)
        self._compare(gradient, weights)
        self._check_contract(scaled_grad, weights, gradient, twin)
        if self.diagnose and any(o.verdict == "wrong" for o in self.report.outcomes):
            self.report.findings += diagnosed(
                call, weights, gradient, lambda vector: self._gradient_at(vector, twin)
            )
        return True

    def _gradient_at(self, vector: Vector, twin: Any) -> Vector | None:
        """The rule's gradient at other coordinates."""
        call = self.call
        assert call.result is not None
        try:
            y, scaled_grad = self.run(call.with_moving(twin), *call.arguments(vector))
            if coordinates_like(y, call.result) is None:
                return None
            dzdy = Coordinates(y).cotangent(self.weights)
            return gradient_coordinates(call, scaled_grad(dzdy))
        except Exception:
            return None

    def _problem(self, kind: Any, text: str, error: BaseException | None = None) -> None:
        self.report.problems.append(Problem(kind, text, 0, error))

    def _result(self, call: Call) -> Coordinates:
        """The original's result, computed twice to see whether it is the same each time."""
        try:
            first, second = call.plain(call.origin), call.plain(call.origin)
        except (Exception, SystemExit) as error:
            raise _Untold(f"the original raises {_first_line(error)}") from None
        integers = self.kind == "locally constant"
        call.result = result = Coordinates(first, integers=integers)
        again = Coordinates(second, integers=integers)
        if not np.array_equal(result.vector, again.vector, equal_nan=True):
            raise _Untold("the original gives another result each time")
        if len(result) and not np.isfinite(result.vector).any():
            raise _Untold("the result is nan or infinite")
        return result

    def _weights(self, result: Coordinates) -> Vector:
        """A random cotangent, not symmetric in anything; zero at parts that are not finite."""
        signs = self.rng.choice([-1.0, 1.0], len(result))
        weights = self.rng.uniform(0.5, 1.5, len(result)) * signs
        return np.where(np.isfinite(result.vector), weights, 0.0)

    def _check_contract(
        self, scaled_grad: Any, weights: Vector, gradient: Vector, twin: Any
    ) -> None:
        call = self.call
        try:
            for text in contract_problems(call, scaled_grad, weights, gradient, self.rng):
                self._problem("contract", text)
            if len(call.places) > 1:
                self._check_alone(twin, weights, gradient)
        except Exception as error:
            self._raised(error)

    def _raised(self, error: Exception) -> None:
        """A scaled gradient raised: a refusal is honest, anything else is the rule's fault."""
        if isinstance(error, LiftError) and not isinstance(error, CotangentError):
            self._problem("refused", _first_line(error), error)
            return
        text = str(error) if isinstance(error, LiftError) else f"it raises {_first_line(error)}"
        self._problem("contract", text, error)
        if self.diagnose and isinstance(error, CotangentError):
            self.report.findings += diagnosed_shapes(error)

    def _check_alone(self, twin: Any, weights: Vector, gradient: Vector) -> None:
        """Each argument alone must get the cotangent that it gets among all."""
        call = self.call
        for i, (name, place) in enumerate(zip(call.names, call.places, strict=True)):
            alone = Call(self.f, call.sample, [(name, place)])
            alone.result = call.result
            _, scaled_grad = self.run(alone.with_moving(twin), *alone.arguments(alone.origin))
            assert call.result is not None
            found = gradient_coordinates(alone, scaled_grad(call.result.cotangent(weights)))
            among = gradient[call.part(i)]
            size = 1e7 * alone.here[0].eps() * float(np.abs(among).max(initial=0.0))
            if not np.allclose(found, among, rtol=1e-7, atol=size, equal_nan=True):
                self._problem("contract", f"the cotangent of {name} alone is another than among all")

    # Derivatives

    def _compare(self, gradient: Vector, weights: Vector) -> None:
        call = self.call
        result = call.result
        assert result is not None
        eps = max([result.eps(), *(here.eps() for here in call.here)])
        directions = list(self._directions())
        known = np.where(np.isfinite(gradient), gradient, 0.0)
        slopes = [
            np.nan if not np.isfinite(gradient[u != 0]).all() else float(known @ u)
            for _, _, u in directions
        ]
        finite = [abs(s) for s in slopes if np.isfinite(s)]
        size = float(np.linalg.norm(weights * np.where(weights != 0, result.vector, 0.0)))
        floor = 1e3 * eps * max(finite, default=0.0) + 16 * eps * size
        for (argument, at, u), analytic in zip(directions, slopes, strict=True):
            line = Line(call.evaluate, call.origin, u, result.vector, eps)
            self.report.outcomes.append(
                _judged(line, weights, analytic, floor, eps, argument, at)
            )

    def _directions(self) -> Iterator[tuple[str, str, Vector]]:
        """Directions in which arguments move, as (argument, label, direction)."""
        call, rng = self.call, self.rng
        for i, (name, here) in enumerate(zip(call.names, call.here, strict=True)):
            part, n = call.part(i), len(here)
            finite = np.isfinite(here.vector)
            scales = np.where(finite, here.scales(), 0.0)
            few = n <= 4 or len(call.origin) <= _FEW
            moving = np.flatnonzero(finite)
            alone = moving if few else rng.choice(moving, min(2, len(moving)), replace=False)
            for k in alone:
                u = np.zeros_like(call.origin)
                u[part.start + k] = scales[k]
                yield name, name + here.label(int(k)), u
            if few:
                continue
            spread = np.where(finite, float(np.sqrt(np.mean(scales**2))), 0.0)
            for k, sizes in enumerate((scales, spread, scales)):
                u = np.zeros_like(call.origin)
                u[part] = sizes * rng.uniform(0.5, 1.5, n) * rng.choice([-1.0, 1.0], n)
                yield name, f"{name}, random direction {k + 1}", u

    def _check_constant(self) -> None:
        """A locally constant function: nothing may move, but for jumps."""
        call = self.call
        result = call.result
        assert result is not None
        directions = list(self._directions())
        if not len(result):
            return self._check_unchanged(directions)
        weights = self._weights(result)
        for argument, at, u in directions:
            found = slope(Line(call.evaluate, call.origin, u, result.vector), weights)
            if found.shape == "flat":
                verdict, seen = "right", "does not vary"
            elif found.shape == "edge":
                verdict, seen = "edge", found.seen
            else:
                verdict, seen = "wrong", "the result varies"
            self.report.outcomes.append(
                Outcome(argument, at, verdict, verdict != "wrong", 0.0, found.value, found.error, seen)
            )

    def _check_unchanged(self, directions: list[tuple[str, str, Vector]]) -> None:
        """The same for results without numbers."""
        call = self.call
        for argument, at, u in directions:
            try:
                same = all(
                    value_problem(call.plain(call.origin), call.plain(call.origin + t * u)) is None
                    for t in (1e-6, -1e-6)
                )
            except Exception:
                same = False
            verdict = "right" if same else "edge"
            seen = "does not vary" if same else "the result jumps"
            self.report.outcomes.append(Outcome(argument, at, verdict, True, 0.0, 0.0, 0.0, seen))


def _judged(
    line: Line, weights: Vector, analytic: float, floor: float, eps: float, argument: str, at: str
) -> Outcome:
    """Compare one derivative, with second looks by other steps where the first does not settle it."""
    found = slope(line, weights)
    verdict, accepted, seen = compared(found, analytic, floor=floor, eps=eps)
    if verdict == "right" or (found.shape == "flat" and analytic == 0.0):
        return Outcome(argument, at, verdict, True, analytic, found.value, found.error, seen)
    looks = [(found, verdict, accepted, seen)]
    for scale in _OTHER_SCALES:
        if scale > 1 and verdict not in ("noise", "no evidence"):
            break
        found = slope(line, weights, thorough=True, scale=scale)
        verdict, accepted, seen = compared(found, analytic, floor=floor, eps=eps)
        looks.append((found, verdict, accepted, seen))
        if verdict == "right" or (scale < 1 and verdict == "wrong"):
            break
    found, verdict, accepted, seen = _most_telling(looks)
    return Outcome(argument, at, verdict, accepted, analytic, found.value, found.error, seen)


def _most_telling(looks: list[Any]) -> Any:
    """The look to believe: a right one, or else the thorough one, or else the sharpest."""
    for look in looks:
        if look[1] == "right":
            return look
    thorough = looks[1]
    if thorough[1] in ("wrong", "kink", "edge"):
        return thorough
    return min(looks[1:], key=lambda look: look[0].error)


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


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return type(error).__name__ + (f": {text[0]}" if text else "")
