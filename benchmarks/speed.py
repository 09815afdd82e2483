"""What a gradient costs, as ratios to hand-written NumPy, autograd and torch.

One process, CPU time, candidates interleaved, the shortest of all rounds.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

# Before numpy is imported: one thread, so that CPU time is the time one waits.
for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402

from backprop_lift import Registry, eval_bp, grad_bp, lifted, registry, twin_of  # noqa: E402

try:
    import autograd
    import autograd.numpy as anp
except ImportError:
    autograd = None
try:
    import torch

    torch.set_num_threads(1)
except ImportError:
    torch = None

Candidates = dict[str, Callable[[], Any]]


def shortest(candidates: Candidates, rounds: int = 25, calls: int = 4) -> dict[str, float]:
    """Seconds of CPU time a call, the shortest of all rounds."""
    best = dict.fromkeys(candidates, float("inf"))
    for run in candidates.values():
        run()
    for _ in range(rounds):
        for name, run in candidates.items():
            start = time.process_time()
            for _ in range(calls):
                run()
            best[name] = min(best[name], (time.process_time() - start) / calls)
    return best


def show(title: str, candidates: Candidates, base: str = "by hand", **options: int) -> None:
    """Print the times of the candidates, and their ratios to one of them."""
    best = shortest(candidates, **options)
    print(title)
    for name, seconds in best.items():
        ratio = f"{seconds / best[base]:8.2f} x {base}" if name != base else ""
        print(f"  {name:16}{seconds * 1e6:12.2f} us{ratio}")
    print()


# The chains


def chain(x: Any, steps: int = 1000) -> Any:
    """A thousand additions, subtractions and multiplications."""
    y = x
    for _ in range(steps // 4):
        y = y * x + 0.5
        y = y * 0.9 - x
    return y


def chain_gradient(x: Any, steps: int = 1000) -> Any:
    """The gradient of the sum of `chain`, by hand."""
    y, ys = x, []
    for _ in range(steps // 4):
        ys.append(y)
        y = y * x + 0.5
        y = y * 0.9 - x
    dzdy, dzdx = 1.0, 0.0
    for y in reversed(ys):
        dzdx = dzdx - dzdy
        dzdy = dzdy * 0.9
        dzdx = dzdx + dzdy * y
        dzdy = dzdy * x
    return dzdx + dzdy


def chains() -> None:
    """A float and an array of ten through a thousand operations."""
    candidates: Candidates = {
        "by hand": lambda: chain_gradient(1.1),
        "backprop_lift": lambda: grad_bp(chain, 1.1),
    }
    if autograd is not None:
        candidates["autograd"] = lambda: autograd.grad(chain)(1.1)
    if torch is not None:
        candidates["torch"] = lambda: torch_gradient(1.1, chain)
    show("float chain, 1,000 operations", candidates)

    x = np.linspace(0.1, 1.0, 10)
    candidates = {
        "by hand": lambda: chain_gradient(x),
        "backprop_lift": lambda: grad_bp(lambda x: np.sum(chain(x)), x),
    }
    if autograd is not None:
        candidates["autograd"] = lambda: autograd.grad(lambda x: anp.sum(chain(x)))(x)
    if torch is not None:
        candidates["torch"] = lambda: torch_gradient(x, lambda x: chain(x).sum())
    show("array(10) chain, 1,000 operations", candidates)


def torch_gradient(x: Any, f: Callable[[Any], Any]) -> Any:
    """The gradient of `f` at one tensor, by torch's eager mode."""
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    f(leaf).backward()
    return leaf.grad


# The network


def network() -> None:
    """One sample through 784-300-100-10, and what evaluating it through `eval_bp` adds."""
    rng = np.random.default_rng(0)
    sizes = [784, 300, 100, 10]
    layers = [
        (rng.uniform(-0.5, 0.5, (m, n)), rng.uniform(-0.5, 0.5, m))
        for n, m in itertools.pairwise(sizes)
    ]
    x, target = rng.uniform(0, 1, 784), rng.uniform(0, 1, 10)

    def loss(layers: Any, np: Any = np) -> Any:
        (w1, b1), (w2, b2), (w3, b3) = layers
        h1 = 1 / (1 + np.exp(-(w1 @ x + b1)))
        h2 = 1 / (1 + np.exp(-(w2 @ h1 + b2)))
        e = np.exp(w3 @ h2 + b3)
        return -np.sum(target * np.log(e / np.sum(e)))

    def by_hand() -> Any:
        (w1, b1), (w2, b2), (w3, b3) = layers
        h1 = 1 / (1 + np.exp(-(w1 @ x + b1)))
        h2 = 1 / (1 + np.exp(-(w2 @ h1 + b2)))
        e = np.exp(w3 @ h2 + b3)
        total = e.sum()
        dzdo = -target / (e / total)
        dzde = dzdo / total - (dzdo @ e) / (total * total)
        d3 = dzde * e
        d2 = (w3.T @ d3) * h2 * (1 - h2)
        d1 = (w2.T @ d2) * h1 * (1 - h1)
        return [(np.outer(d1, x), d1), (np.outer(d2, h1), d2), (np.outer(d3, h2), d3)]

    for found, expected in zip(grad_bp(loss, layers), by_hand(), strict=True):
        assert all(np.allclose(f, e) for f, e in zip(found, expected, strict=True))
    candidates: Candidates = {
        "by hand": by_hand,
        "backprop_lift": lambda: grad_bp(loss, layers),
    }
    if autograd is not None:
        candidates["autograd"] = lambda: autograd.grad(lambda p: loss(p, anp))(layers)
    if torch is not None:
        data, goal = torch.tensor(x), torch.tensor(target)
        leaves = [[torch.tensor(a, requires_grad=True) for a in layer] for layer in layers]

        def by_torch() -> Any:
            for leaf in (leaf for layer in leaves for leaf in layer):
                leaf.grad = None
            (w1, b1), (w2, b2), (w3, b3) = leaves
            h1 = 1 / (1 + torch.exp(-(w1 @ data + b1)))
            h2 = 1 / (1 + torch.exp(-(w2 @ h1 + b2)))
            e = torch.exp(w3 @ h2 + b3)
            (-torch.sum(goal * torch.log(e / torch.sum(e)))).backward()

        candidates["torch"] = by_torch
    show("network 784-300-100-10, gradient", candidates)
    show(
        "network 784-300-100-10, evaluated",
        {"plain call": lambda: loss(layers), "eval_bp": lambda: eval_bp(loss, layers)},
        base="plain call",
        calls=20,
    )


# Overheads


def body(x: float, y: float = 2.0) -> float:
    """A function that is lifted by its body."""
    return x * y + 1.0


def composite() -> None:
    """What the twin of a composite adds to a call with plain values."""
    into = Registry(parent=registry)
    lifted(body, into=into)
    twin = twin_of(body, into)
    array = np.ones(3)

    def repeated(f: Callable[..., Any], *args: Any) -> Callable[[], None]:
        def run() -> None:
            for _ in range(1000):
                f(*args)

        return run

    for name, args in {"a float": (1.5,), "two floats": (1.5, 2.5), "an array": (array,)}.items():
        best = shortest({"plain": repeated(body, *args), "twin": repeated(twin, *args)})
        added = (best["twin"] - best["plain"]) / 1000 * 1e6
        print(f"composite on plain values, {name}: adds {added:.2f} us a call")
    print()


def importing() -> None:
    """What importing the package adds to importing what it needs; wall-clock time."""
    needed = "import numpy, wrapt, typing_extensions"
    best: dict[str, float] = {}
    # an installed package is compiled once, and so must a checkout be
    compiled = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for command in (needed, f"{needed}, backprop_lift") * 9:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", command], check=True, env=compiled)
        seconds = time.perf_counter() - start
        best[command] = min(best.get(command, seconds), seconds)
    added = best[f"{needed}, backprop_lift"] - best[needed]
    print(f"import: adds {added * 1e3:.1f} ms to {best[needed] * 1e3:.0f} ms for what it needs")


def main() -> None:
    """Run all of them."""
    missing = [name for name, m in (("autograd", autograd), ("torch", torch)) if m is None]
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}\n")
    chains()
    network()
    composite()
    importing()


if __name__ == "__main__":
    main()
