"""Lift plain functions to functions that can be differentiated.

`lifted` gives a function its scaled gradient, the registry maps it to its twin on BVars, and
`grad_bp` takes gradients. ``backprop-lift mirror PACKAGE`` writes a parallel package of twins.
"""

from ._bvar import BVar, const_var, value_of
from ._lift import lifted, locally_constant, no_grad, noGrad
from ._registry import Registry, registry, twin_of
from ._run import backprop, backprop_with, eval_bp, grad_bp
from ._space import ZERO, Space, add, one, register_space, space_of, zero

__all__ = [
    "ZERO",
    "BVar",
    "Registry",
    "Space",
    "add",
    "backprop",
    "backprop_with",
    "const_var",
    "eval_bp",
    "grad_bp",
    "lifted",
    "locally_constant",
    "noGrad",
    "no_grad",
    "one",
    "register_space",
    "registry",
    "space_of",
    "twin_of",
    "value_of",
    "zero",
]
