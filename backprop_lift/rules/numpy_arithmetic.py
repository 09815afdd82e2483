"""NumPy's ufuncs of arithmetic: they hand over to the operators of BVar, which have the rules."""

from typing import Any

from .._bvar import has_bvar
from .._bvar.arithmetic import ARITHMETIC, arithmetic
from .._lift import lifted

_SAMPLES = {
    1: lambda rng: [(rng.uniform(0.5, 2, (2, 3)),), (-1.5,)],
    2: lambda rng: [
        (rng.uniform(0.5, 2, (2, 3)), rng.uniform(0.5, 2, 3)),
        (1.5, rng.uniform(0.5, 2, (2, 1))),
        (2.5, 1.5),
    ],
}


def _handing_over(ufunc: Any, operation: Any) -> Any:
    def twin(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) > ufunc.nin or not has_bvar(args):
            return ufunc(*args, **kwargs)
        return arithmetic(operation, *args)

    return twin


for ufunc, operation in ARITHMETIC.items():
    lifted(twin=_handing_over(ufunc, operation), samples=_SAMPLES[ufunc.nin])(ufunc)
