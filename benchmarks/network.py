"""The gradient benchmark of the original: one sample through a 784-300-100-10 network.

Three styles, as there: reading fields, splitting records, and layers with a gradient of their own
(hybrid); against NumPy code with the gradient written by hand.
"""

import dataclasses
import itertools
from typing import Any

from speed import show  # before numpy: it sets the number of threads

import numpy as np  # isort: skip

from backprop_lift import grad_bp, lifted, split_var, twin_of  # isort: skip


@dataclasses.dataclass
class Layer:
    """One layer: weights of shape (m, n), biases of shape (m,)."""

    w: Any
    b: Any


@dataclasses.dataclass
class Network:
    """Three layers."""

    first: Layer
    second: Layer
    third: Layer


def logistic(x):
    return 1 / (1 + np.exp(-x))


def loss(net, x, target):
    """The loss of one sample, by fields: what a user writes."""
    x = logistic(net.first.w @ x + net.first.b)
    x = logistic(net.second.w @ x + net.second.b)
    e = np.exp(net.third.w @ x + net.third.b)
    return -(np.log(e / np.sum(e)) @ target)


def loss_split(net, x, target):
    """The same after the records are taken apart."""
    layers = [split_var(layer) for layer in vars(split_var(net)).values()]
    for layer in layers[:-1]:
        x = logistic(layer.w @ x + layer.b)
    e = np.exp(layers[-1].w @ x + layers[-1].b)
    return -(np.log(e / np.sum(e)) @ target)


@lifted(
    grad={
        "layer": lambda dzdy, x: Layer(np.outer(dzdy, x), dzdy),
        "x": lambda dzdy, layer: layer.w.T @ dzdy,
    }
)
def affine(layer, x):
    return layer.w @ x + layer.b


@lifted(derivative=lambda result: result * (1 - result))
def activation(x):
    return 1 / (1 + np.exp(-x))


@lifted(
    grad={"z": lambda dzdy, z, target: dzdy * (np.sum(target) * softmax(z) - target)},
)
def cross_entropy(z, target):
    return -(np.log(softmax(z)) @ target)


def softmax(z):
    e = np.exp(z)
    return e / np.sum(e)


AFFINE, ACTIVATION, CROSS_ENTROPY = map(twin_of, (affine, activation, cross_entropy))


def loss_hybrid(net, x, target):
    """The same with a gradient written by hand for each layer."""
    x = ACTIVATION(AFFINE(net.first, x))
    x = ACTIVATION(AFFINE(net.second, x))
    return CROSS_ENTROPY(AFFINE(net.third, x), target)


def gradient_by_hand(net, x, target):
    """The gradient of `loss`, as the original's benchmark has it: softmax is not fused."""
    z1 = net.first.w @ x + net.first.b
    y1 = logistic(z1)
    z2 = net.second.w @ y1 + net.second.b
    y2 = logistic(z2)
    e = np.exp(net.third.w @ y2 + net.third.b)
    total = np.sum(e)
    r = e / total
    dr = -target / r
    dz3 = e * (dr / total - (dr @ e) / total**2)
    dz2 = (net.third.w.T @ dz3) * y2 * (1 - y2)
    dz1 = (net.second.w.T @ dz2) * y1 * (1 - y1)
    return Network(
        Layer(np.outer(dz1, x), dz1), Layer(np.outer(dz2, y1), dz2), Layer(np.outer(dz3, y2), dz3)
    )


def descended(net, gradient, rate=0.02):
    """A network one step further."""
    return Network(
        *(
            Layer(layer.w - rate * d.w, layer.b - rate * d.b)
            for layer, d in zip(vars(net).values(), vars(gradient).values(), strict=True)
        )
    )


def main():
    rng = np.random.default_rng(0)
    sizes = (784, 300, 100, 10)
    net = Network(
        *(
            Layer(rng.uniform(-0.5, 0.5, (m, n)), rng.uniform(-0.5, 0.5, m))
            for n, m in itertools.pairwise(sizes)
        )
    )
    x, target = rng.uniform(size=784), rng.uniform(size=10)

    styles = {"fields": loss, "split": loss_split, "hybrid": loss_hybrid}
    gradients = {"by hand": lambda: gradient_by_hand(net, x, target)}
    for name, f in styles.items():
        gradients[name] = lambda f=f: grad_bp(lambda net: f(net, x, target), net)
    for name, call in gradients.items():
        expected = vars(gradients["by hand"]())
        for layer, found in vars(call()).items():
            assert np.allclose(found.w, expected[layer].w), name
            assert np.allclose(found.b, expected[layer].b), name
    descents = {name: lambda call=call: descended(net, call()) for name, call in gradients.items()}
    runs = {"by hand": lambda: loss(net, x, target)}
    runs |= {name: lambda f=f: f(net, x, target) for name, f in styles.items()}

    show("gradient", gradients)
    show("gradient, and a step of descent", descents)
    show("the network alone", runs)


if __name__ == "__main__":
    main()
