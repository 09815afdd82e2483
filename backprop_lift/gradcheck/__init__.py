"""Gradient checks: derivatives against oracles, samples, verdicts, diagnosis."""

from .checking import assert_grad, check, check_grad, check_sample
from .samples import Sample, perturbed, samples_of
from .verdicts import Outcome, Problem, Report, Verdict
