"""Lift plain functions to functions that can be differentiated.

`lifted` gives a function its scaled gradient, the registry maps it to its twin on BVars, and
`grad_bp` takes gradients. ``backprop-lift mirror PACKAGE`` writes a parallel package of twins.
"""

from ._access import over_var, preview_var, set_var, to_list_of_var, view_var
from ._bvar import BVar, const_var, value_of
from ._containers import (
    coerce_var,
    collect_var,
    iso_var,
    join_var,
    sequence_var,
    split_var,
)
from ._isomorphism import op_iso
from ._lift import lifted, locally_constant, no_grad, noGrad
from ._lift.lift_op import bp_op, lift_op, op_coerce, op_lens
from ._op import Op, compose_op, id_op, op_const, op_tup
from ._registry import Registry, registry, twin_of
from ._run import backprop, backprop_with, eval_bp, grad_bp
from ._space import ZERO, Space, add, one, register_space, space_of, zero

__all__ = [
    "ZERO",
    "BVar",
    "Op",
    "Registry",
    "Space",
    "add",
    "backprop",
    "backprop_with",
    "bp_op",
    "coerce_var",
    "collect_var",
    "compose_op",
    "const_var",
    "eval_bp",
    "grad_bp",
    "id_op",
    "iso_var",
    "join_var",
    "lift_op",
    "lifted",
    "locally_constant",
    "noGrad",
    "no_grad",
    "one",
    "op_coerce",
    "op_const",
    "op_iso",
    "op_lens",
    "op_tup",
    "over_var",
    "preview_var",
    "register_space",
    "registry",
    "sequence_var",
    "set_var",
    "space_of",
    "split_var",
    "to_list_of_var",
    "twin_of",
    "value_of",
    "view_var",
    "zero",
]
