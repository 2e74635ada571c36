"""Trains one benchmark network in JAX and measures it; `../common.py` says what is measured.

- `step`: one call of a jitted function for each step.
- `scan`: many steps in one call, as a loop inside the jitted function.
"""

import os
import sys
from pathlib import Path

# Not for longer than this import: the folders beside it would pass for packages.
sys.path.insert(0, str(Path(__file__).parent.parent))
import common

sys.path.pop(0)

ARGS = common.arguments(["step", "scan"])
NETWORK = common.NETWORKS[ARGS.network]
IS_SCAN = ARGS.variant == "scan"

# How many threads XLA makes; it has no option for that. In the least networks a second costs time.
os.environ["NPROC"] = str(1 if IS_SCAN and ARGS.network in ("w1", "w2") else ARGS.threads)

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp


def forward(parameters, statistics, x, is_training=False, key=None):
    """The outputs and the new running statistics; dropout has the key of the step."""
    saved, new = None, []
    if NETWORK.is_convolutional:
        x = x[None] if IS_SCAN else x[..., None]
    for layer, of_layer, running in zip(NETWORK.layers, parameters, statistics):
        if isinstance(layer, common.Linear):
            weights, biases = of_layer
            x = x @ weights + biases
        elif isinstance(layer, common.Conv):
            x = (conv_as_matrix_product if IS_SCAN else conv)(layer, x, *of_layer)
        elif isinstance(layer, common.Dropout):
            if key is not None:
                keep = jax.random.bernoulli(key, 1 - layer.rate, x.shape)
                x = jnp.where(keep, x / (1 - layer.rate), 0)
        elif isinstance(layer, common.BatchNorm):
            x, running = normalize(layer, x, *of_layer, *running, is_training)
        elif layer == "save":
            saved = x
        elif layer == "add":
            x = x + saved
        else:
            x = NAMED[layer](x)
        new.append(running)
    return x, new


def normalize(layer, x, factors, biases, mean, variance, is_training):
    axis = 0 if IS_SCAN else 3
    others = tuple(i for i in range(4) if i != axis)

    def wide(values):
        return jnp.expand_dims(values, others)

    running = [mean, variance]
    if is_training:
        mean, variance = jnp.mean(x, others), jnp.var(x, others)
        old, n = layer.momentum, x.size // layer.channels
        new = (mean, variance * (n / (n - 1)))
        running = [old * a + (1 - old) * b for a, b in zip(running, new)]
    factors = factors * lax.rsqrt(variance + layer.epsilon)
    return (x - wide(mean)) * wide(factors) + wide(biases), running


def conv(layer, x, weights, biases=0):
    """Of `[sample, row, column, channel]`, which is the fastest order on a CPU."""
    strides, padding = (layer.stride,) * 2, layer.padding.upper()
    order = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, weights, strides, padding, dimension_numbers=order) + biases


def conv_as_matrix_product(layer, x, weights, biases=None):
    """The same of `[channel, sample, row, column]`, for loops.

    Inside a loop XLA computes the gradients of a convolution without its fast kernels:
    <https://github.com/jax-ml/jax/issues/12868>.
    """
    size, stride = layer.kernel, layer.stride
    x = jnp.pad(x, ((0, 0), (0, 0), layer.pads(), layer.pads()))
    # Images and outputs are square.
    length = (x.shape[2] - size) // stride + 1
    spans = [slice(i, i + stride * (length - 1) + 1, stride) for i in range(size)]
    patches = jnp.stack([x[:, :, rows, columns] for rows in spans for columns in spans])
    patches = patches.reshape(size * size * layer.inputs, -1)
    products = weights.reshape(-1, layer.outputs).T @ patches
    products = products.reshape(layer.outputs, -1, length, length)
    return products if biases is None else products + biases[:, None, None, None]


def pool(x):
    if IS_SCAN:
        rows = jnp.maximum(x[:, :, ::2], x[:, :, 1::2])
        return jnp.maximum(rows[..., ::2], rows[..., 1::2])
    n, height, width, channels = x.shape
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))


def flatten(x):
    x = x.swapaxes(0, 1) if IS_SCAN else x
    return x.reshape(len(x), -1)


NAMED = {
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "flatten": flatten,
    "pool": pool,
    "mean": lambda x: jnp.mean(x, (2, 3)).T if IS_SCAN else jnp.mean(x, (1, 2)),
}


def loss(parameters, statistics, x, target, key):
    outputs, statistics = forward(parameters, statistics, x, True, key)
    if NETWORK.is_regression:
        return jnp.mean((outputs - target) ** 2), statistics
    logs = jax.nn.log_softmax(outputs) * jax.nn.one_hot(target, 10)
    return -jnp.mean(jnp.sum(logs, axis=1)), statistics


def step(state, inputs, targets, order, i):
    parameters, statistics, means, squares, n_done = state
    if not NETWORK.is_regression:
        indices = order[i]
        inputs, targets = inputs[indices], targets[indices]
    key = jax.random.fold_in(jax.random.key(0), n_done) if NETWORK.has_dropout else None
    gradient = jax.grad(loss, has_aux=True)
    gradients, statistics = gradient(parameters, statistics, inputs, targets, key)
    n_done += 1

    def each(function, *trees):
        return jax.tree.map(function, *trees)

    rate = NETWORK.learning_rate
    if NETWORK.optimizer == "sgd":
        parameters = each(lambda value, gradient: value - rate * gradient, parameters, gradients)
        return parameters, statistics, means, squares, n_done
    means = each(lambda old, gradient: 0.9 * old + 0.1 * gradient, means, gradients)
    squares = each(lambda old, gradient: 0.999 * old + 0.001 * gradient**2, squares, gradients)
    unbias_mean, unbias_square = 1 - 0.9**n_done, 1 - 0.999**n_done

    def update(value, mean, square):
        return value - rate / unbias_mean * mean / (jnp.sqrt(square / unbias_square) + 1e-8)

    parameters = each(update, parameters, means, squares)
    return parameters, statistics, means, squares, n_done


def steps(state, inputs, targets, order, first, end):
    """The bounds are variables, so one compilation serves the first step and all others."""
    return lax.fori_loop(first, end, lambda i, state: step(state, inputs, targets, order, i), state)


class Peer:
    def __init__(self, inputs, targets):
        random = np.random.default_rng(0)
        has_parameters = (common.Linear, common.Conv, common.BatchNorm)
        parameters = [
            common.parameters(layer, random) if isinstance(layer, has_parameters) else []
            for layer in NETWORK.layers
        ]
        statistics = [
            common.statistics_of(layer) if isinstance(layer, common.BatchNorm) else []
            for layer in NETWORK.layers
        ]
        parameters, statistics = jax.tree.map(jnp.asarray, (parameters, statistics))
        moments = [
            jax.tree.map(jnp.zeros_like, parameters) if NETWORK.optimizer == "adam" else None
            for _ in range(2)
        ]
        self.state = (parameters, statistics, *moments, jnp.int32(0))
        self.data = jax.device_put(inputs), jax.device_put(targets)
        steps_per_call = NETWORK.steps_per_call if IS_SCAN else 1
        self.calls = common.calls(NETWORK, len(inputs), steps_per_call, jax.device_put)
        self.step = jax.jit(step, donate_argnums=0)
        self.steps = jax.jit(steps, donate_argnums=0)

    def train(self):
        order, first, end = next(self.calls)
        if IS_SCAN:
            self.state = self.steps(self.state, *self.data, order, first, end)
            # Or the clock would stop long before calls that take so long.
            self.finish()
        else:
            self.state = self.step(self.state, *self.data, order, first)
        return (end - first) * NETWORK.batch_size

    def finish(self):
        jax.block_until_ready(self.state)

    def predictor(self, inputs):
        function = jax.jit(lambda *state_and_inputs: forward(*state_and_inputs)[0])
        parameters, statistics, *_ = self.state
        inputs = jax.device_put(inputs)
        return lambda: np.asarray(function(parameters, statistics, inputs))


def main():
    inputs, targets = common.load(NETWORK, ARGS.data)
    common.keep_freed_memory()
    common.run(Peer(inputs, targets), inputs, jax.__version__, ARGS, infers=not IS_SCAN)


if __name__ == "__main__":
    main()
