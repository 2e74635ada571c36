"""What the Python peers share: the networks, the data, the clock and the report.

A peer is an object with these methods; `run` does the rest.

- `train()`: one call of training, the first of a single step; returns how many samples it trained.
  It may return before the work is done.
- `finish()`: waits until all of `train` is done.
- `predictor(x)`: a function that computes the outputs for `x`, an array of NumPy.
"""

import argparse
import ctypes
import json
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

# These shares of the timed seconds.
WARM_UP = 0.3
INFERENCE = 1 / 3
INFERENCE_WARM_UP = 0.1

INFERENCE_BATCH_SIZES = (1, 100, 1000)


class Linear(NamedTuple):
    inputs: int
    outputs: int


class Conv(NamedTuple):
    """The kernel is square; "same" padding is that of TensorFlow."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: str = "same"
    has_bias: bool = True

    def pads(self):
        """The zeros before and after each row and column, if the stride divides their length."""
        total = self.kernel - self.stride if self.padding == "same" else 0
        return total // 2, total - total // 2


class Dropout(NamedTuple):
    rate: float


class BatchNorm(NamedTuple):
    """Of each channel; keeps 0.9 of the running statistics."""

    channels: int
    epsilon: float = 1e-5
    momentum: float = 0.9


class Network(NamedTuple):
    """A layer without numbers is its name.

    "pool" takes the greatest of 2 by 2, "mean" the mean of each channel.
    "save" keeps the images, which "add" adds to its own.
    """

    layers: list
    batch_size: int = 100
    optimizer: str = "adam"
    learning_rate: float = 0.001
    # In place of cross-entropy on the digits.
    is_regression: bool = False
    # For a peer that trains many steps in one call: enough that the call costs nothing beside them.
    steps_per_call: int = 100

    @property
    def is_convolutional(self):
        return isinstance(self.layers[0], Conv)

    @property
    def has_dropout(self):
        return any(isinstance(layer, Dropout) for layer in self.layers)


def multilayer(activation, *widths):
    """Linear layers of these widths, with the activation between each two."""
    layers = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        layers += [Linear(fan_in, fan_out), activation]
    return layers[:-1]


CONV_DROPOUT = [
    *(Conv(1, 6, 6), "relu", Conv(6, 12, 5, stride=2), "relu", Conv(12, 24, 4, stride=2), "relu"),
    *("flatten", Linear(7 * 7 * 24, 200), "relu", Dropout(0.25), Linear(200, 10)),
]
CONV_POOL = [
    *(Conv(1, 32, 5), "relu", "pool", Conv(32, 64, 5), "relu", "pool", "flatten"),
    *(Linear(7 * 7 * 64, 1024), "relu", Dropout(0.5), Linear(1024, 10)),
]
LENET_5 = [
    *(Conv(1, 6, 5, padding="valid"), "relu", "pool"),
    *(Conv(6, 16, 5, padding="valid"), "relu", "pool"),
    *("flatten", *multilayer("relu", 4 * 4 * 16, 120, 84, 10)),
]
NORMALIZED = [
    *(Conv(1, 16, 3), BatchNorm(16), "relu", "pool"),
    *(Conv(16, 32, 3), BatchNorm(32), "relu", "pool", "flatten"),
    *(Dropout(0.3), Linear(7 * 7 * 32, 50), "relu", Linear(50, 10)),
]


def normalized(inputs, outputs, kernel, stride=1):
    """A convolution without bias, normalised."""
    return [Conv(inputs, outputs, kernel, stride, has_bias=False), BatchNorm(outputs)]


def block(channels):
    """Two convolutions and the images themselves."""
    same = normalized(channels, channels, 3)
    return ["save", *same, "relu", *same, "add", "relu"]


RESIDUAL = [
    *(*normalized(1, 24, 5, stride=2), "relu", *block(24)),
    *(*normalized(24, 48, 3, stride=2), "relu", *block(48)),
    *("mean", Linear(48, 10)),
]

NETWORKS = {
    "w1": Network([Linear(784, 10)], optimizer="sgd", learning_rate=0.1),
    "w2": Network(multilayer("sigmoid", 784, 50, 10), optimizer="sgd", learning_rate=0.1),
    "w3": Network(multilayer("relu", 784, 200, 100, 60, 30, 10)),
    "w4": Network(multilayer("relu", 784, 1024, 1024, 10), batch_size=128, steps_per_call=10),
    "w5": Network(CONV_DROPOUT, steps_per_call=10),
    "w6": Network(CONV_POOL, steps_per_call=10),
    "w7": Network(LENET_5, batch_size=128, learning_rate=3e-4, steps_per_call=10),
    "w8": Network(multilayer("tanh", 4, 32, 16, 4), batch_size=10_000, is_regression=True),
    "w9": Network(NORMALIZED, steps_per_call=10),
    "w10": Network(RESIDUAL, steps_per_call=10),
}


def arguments(variants):
    """What the harness asks for; some frameworks must know it before they are imported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--variant", choices=variants, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--started", type=float, required=True)
    return parser.parse_args()


def load(network, folder):
    """The inputs, and the labels of the digits as `u8` or the targets of the regression.

    Digits are `f32` in 0..1, `[n, 28, 28]` for a convolutional network, else `[n, 784]`.
    """
    if network.is_regression:
        # Divided only to be aligned.
        files = (np.fromfile(folder / name, dtype=np.float32) for name in ("w8-x.f32", "w8-y.f32"))
        return [divided(values, 1).reshape(-1, 4) for values in files]
    images = divided(np.fromfile(folder / "train-images.u8", dtype=np.uint8), 255)
    labels = np.fromfile(folder / "train-labels.u8", dtype=np.uint8)
    return images.reshape((-1, 28, 28) if network.is_convolutional else (-1, 784)), labels


def divided(values, divisor):
    """The quotients as `f32`, so aligned that every framework can use them without a copy."""
    buffer = np.empty(4 * values.size + 64, dtype=np.uint8)
    start = -buffer.ctypes.data % 64
    quotients = buffer[start : start + 4 * values.size].view(np.float32)
    return np.divide(values, divisor, out=quotients, dtype=np.float32)


def keep_freed_memory():
    """Has the allocator of C reuse large blocks, as tcmalloc and jemalloc do.

    By default each is given back to the system, and its pages are cleared again at the next use:
    a fifth of the time of PyTorch on some of these networks.
    """
    for of_mmap_and_trim in (-3, -1):
        ctypes.CDLL(None).mallopt(of_mmap_and_trim, 1 << 30)


def parameters(layer, random):
    """Weights and biases of a layer for a framework that makes none; factors and biases of BatchNorm.

    They are uniform within 1 / sqrt(fan in), as those of PyTorch.
    Weights are `[inputs, outputs]`, those of a convolution `[height, width, inputs, outputs]`.
    """
    if isinstance(layer, BatchNorm):
        return statistics_of(layer)[::-1]
    shape = (layer.inputs, layer.outputs)
    if isinstance(layer, Conv):
        shape = (layer.kernel, layer.kernel, *shape)
    bound = np.prod(shape[:-1]) ** -0.5
    sizes = (shape, layer.outputs) if getattr(layer, "has_bias", True) else (shape,)
    return [random.uniform(-bound, bound, size).astype(np.float32) for size in sizes]


def statistics_of(layer):
    """Mean and variance of each channel before the first step."""
    return [np.zeros(layer.channels, np.float32), np.ones(layer.channels, np.float32)]


def calls(network, n_samples, steps_per_call, place):
    """Without end, for each call of `train`: the order of its epoch, and its steps, first and end.

    The order is `i32 [step, sample]`, new each epoch and given to `place` once;
    the full batch of the regression has none.
    """
    random = np.random.default_rng(0)
    n_steps = steps_per_call if network.is_regression else n_samples // network.batch_size
    # The first call is one step, the last of an epoch what remains of it.
    end, size = n_steps, 1
    order = None
    while True:
        if end == n_steps:
            end = 0
            if not network.is_regression:
                order = random.permutation(n_samples).astype(np.int32)
                order = place(order[: n_steps * network.batch_size].reshape(n_steps, -1))
        first, end = end, min(end + size, n_steps)
        yield order, first, end
        size = steps_per_call


def run(peer, inputs, version, args, infers=True, isa=None):
    """Measures the peer, whose first step is still to come, and prints the report.

    `isa` is the instruction set that the framework says it uses, if it says so.
    """
    train(peer, 0)
    report = {"version": version, "isa": isa, "startup_seconds": time.time() - args.started}
    train(peer, WARM_UP * args.seconds, min_calls=3)
    report["samples_per_second"] = train(peer, args.seconds)
    report["peak_rss_bytes"] = peak_rss_bytes()
    if infers:
        report["inference_seconds"] = {
            str(size): infer(peer.predictor(inputs[:size]), args.seconds)
            for size in INFERENCE_BATCH_SIZES
        }
    print(json.dumps(report))


def train(peer, seconds, min_calls=1):
    """Trains for at least these seconds and returns the samples per second."""
    n_calls = n_samples = 0
    start = time.perf_counter()
    while n_calls < min_calls or time.perf_counter() - start < seconds:
        n_samples += peer.train()
        n_calls += 1
    peer.finish()
    return n_samples / (time.perf_counter() - start)


def infer(predict, seconds):
    """The median time of a call, in seconds."""
    durations(predict, INFERENCE_WARM_UP * seconds, min_calls=3)
    return statistics.median(durations(predict, INFERENCE * seconds))


def durations(function, seconds, min_calls=1):
    times = [time.perf_counter()]
    while len(times) <= min_calls or times[-1] - times[0] < seconds:
        function()
        times.append(time.perf_counter())
    return np.diff(times)


def peak_rss_bytes():
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
