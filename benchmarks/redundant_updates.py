"""A record of 100 arrays, all used: what does it cost that each read is one of a hundred?

The Haskell original adds each contribution to a whole record of zeros, and pays 3.4 times. Here
parts are summed where they belong, and the record is made once. The ratio to the gradient written
by hand should be 1.2 at most.
"""

import dataclasses

from speed import show  # before numpy: it sets the number of threads

import numpy as np  # isort: skip

from backprop_lift import grad_bp  # isort: skip

COUNT = 100
SHAPE = (300, 300)

Record = dataclasses.make_dataclass("Record", [f"a{i}" for i in range(COUNT)])


def loss(record, x):
    """Each array is used once."""
    total = 0.0
    for i in range(COUNT):
        total = total + np.sum(np.tanh(getattr(record, f"a{i}") @ x))
    return total


def gradient_by_hand(record, x):
    """The gradient of `loss`; it needs the value of each term, not that of the loss."""
    found = []
    for i in range(COUNT):
        y = np.tanh(getattr(record, f"a{i}") @ x)
        np.sum(y)
        found.append(np.outer(1 - y * y, x))
    return Record(*found)


def main():
    rng = np.random.default_rng(0)
    record = Record(*(rng.normal(size=SHAPE) for _ in range(COUNT)))
    x = rng.normal(size=SHAPE[1])
    calls = {
        "by hand": lambda: gradient_by_hand(record, x),
        "lifted": lambda: grad_bp(lambda record: loss(record, x), record),
    }
    expected, found = (vars(call()) for call in calls.values())
    assert all(np.allclose(found[name], expected[name]) for name in expected)

    show(f"a record of {COUNT} arrays", calls, calls=1)


if __name__ == "__main__":
    main()
