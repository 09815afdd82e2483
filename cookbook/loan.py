"""The gradient of a loan's monthly payment by its yearly rate, through a mirrored package.

Run after ``backprop-lift mirror numpy_financial --out build/npf && pip install ./build/npf``.
"""

import numpy_financial
import numpy_financial_bp as npf

from backprop_lift import backprop


def payment(rate, package=npf):
    """What 200,000 over 30 years cost a month, in the currency of the loan."""
    return -package.pmt(rate / 12, 30 * 12, 200_000)


RATE, STEP = 0.075, 1e-5

paid, slope = backprop(payment, RATE)
above, below = (payment(RATE + h, numpy_financial) for h in (STEP, -STEP))
differences = (above - below) / (2 * STEP)

print(f"payment a month at {RATE:.1%}:        {paid:12.4f}")
print(f"its gradient by the rate:        {slope:12.4f}")
print(f"the same by finite differences:  {differences:12.4f}")

if abs(slope - differences) > 1e-6 * abs(differences):
    raise SystemExit("The two differ.")
print(f"They agree: a rate one point higher costs about {slope / 100:.2f} a month more.")
