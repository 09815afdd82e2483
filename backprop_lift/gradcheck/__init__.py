"""Gradient checks: derivatives of a rule against those of the plain function.

`check_grad` checks one call, `check` all samples of a function; each gives a `Report` with a
verdict on every argument, and with the likely mistake where one is wrong. The checker is checked
itself: `check_mutants` breaks a rule on purpose in many ways, and tells which its samples miss.
"""

from .checking import assert_grad, check, check_grad, check_sample
from .diagnosis import Finding
from .doctests import docstring_samples, module_samples
from .gradients import Gradients, gradients
from .laws import broken_laws
from .mutation import check_mutants
from .reproduction import script
from .samples import Sample, perturbed, samples_of
from .samples_file import read_samples, write_samples
from .second_order import check_second_order
from .verdicts import Outcome, Problem, Report, Verdict

__all__ = [
    "Finding",
    "Gradients",
    "Outcome",
    "Problem",
    "Report",
    "Sample",
    "Verdict",
    "assert_grad",
    "broken_laws",
    "check",
    "check_grad",
    "check_mutants",
    "check_sample",
    "check_second_order",
    "docstring_samples",
    "gradients",
    "module_samples",
    "perturbed",
    "read_samples",
    "samples_of",
    "script",
    "write_samples",
]
