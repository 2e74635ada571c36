"""Trains one benchmark network in TensorFlow and measures it; `../common.py` says what is measured.

Both train many steps in one call, as a loop inside a `tf.function`.

- `function`: the kernels of TensorFlow and oneDNN.
- `xla`: compiled by XLA.
"""

import os
import sys
from pathlib import Path

# Not for longer than this import: the folders beside it would pass for packages.
sys.path.insert(0, str(Path(__file__).parent.parent))
import common

sys.path.pop(0)

ARGS = common.arguments(["function", "xla"])
NETWORK = common.NETWORKS[ARGS.network]
IS_XLA = ARGS.variant == "xla"
# Inside a loop XLA computes the gradients of a convolution without its fast kernels.
IS_LOOP_XLA = IS_XLA and not NETWORK.is_convolutional
IS_STEP_XLA = IS_XLA and NETWORK.is_convolutional

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

# In a small network a kernel is done before a second thread has woken for it.
THREADS = 1 if ARGS.network in ("w1", "w2", "w3", "w8") and not IS_XLA else ARGS.threads
tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)


def pool(x):
    if not IS_XLA:
        return tf.nn.max_pool2d(x, 2, 2, "VALID")
    _, height, width, channels = x.shape
    return tf.reduce_max(tf.reshape(x, (-1, height // 2, 2, width // 2, 2, channels)), (2, 4))


NAMED = {
    "relu": tf.nn.relu,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "flatten": lambda x: tf.reshape(x, (-1, np.prod(x.shape[1:]))),
    "pool": pool,
    "mean": lambda x: tf.reduce_mean(x, (1, 2)),
}
WITH_PARAMETERS = (common.Linear, common.Conv, common.BatchNorm)


def normalize(layer, x, parameters, running, is_training):
    fused = tf.compat.v1.nn.fused_batch_norm
    if not is_training:
        return fused(x, *parameters, *running, epsilon=layer.epsilon, is_training=False)[0]
    x, *new = fused(x, *parameters, epsilon=layer.epsilon)
    for old, value in zip(running, new):
        old.assign(layer.momentum * old + (1 - layer.momentum) * value)
    return x


class Peer:
    def __init__(self, inputs, targets):
        random = np.random.default_rng(0)
        self.parameters = [
            [tf.Variable(value) for value in common.parameters(layer, random)]
            if isinstance(layer, WITH_PARAMETERS)
            else []
            for layer in NETWORK.layers
        ]
        self.values = [value for of_layer in self.parameters for value in of_layer]
        self.statistics = [
            [tf.Variable(value) for value in common.statistics_of(layer)]
            if isinstance(layer, common.BatchNorm)
            else []
            for layer in NETWORK.layers
        ]
        self.means, self.squares = (
            [tf.Variable(tf.zeros_like(value)) for value in self.values] for _ in range(2)
        )
        # The rates of decay of Adam, to the power of the number of steps.
        self.powers = tf.Variable(1.0), tf.Variable(1.0)
        if not NETWORK.is_regression:
            targets = targets.astype(np.int32)
        # Without a copy.
        self.inputs = tf.experimental.dlpack.from_dlpack(inputs.__dlpack__())
        self.targets = tf.constant(targets)
        self.calls = common.calls(NETWORK, len(inputs), NETWORK.steps_per_call, tf.constant)
        if IS_STEP_XLA:
            self.step = tf.function(self.step, jit_compile=True)
        self.steps = tf.function(self.steps, jit_compile=IS_LOOP_XLA)

    def forward(self, x, is_training=False):
        if NETWORK.is_convolutional:
            x = x[..., None]
        saved = None
        for layer, of_layer, running in zip(NETWORK.layers, self.parameters, self.statistics):
            if isinstance(layer, common.Linear):
                weights, biases = of_layer
                x = tf.nn.bias_add(x @ weights, biases)
            elif isinstance(layer, common.Conv):
                x = tf.nn.conv2d(x, of_layer[0], layer.stride, layer.padding.upper())
                x = tf.nn.bias_add(x, of_layer[1]) if layer.has_bias else x
            elif isinstance(layer, common.Dropout):
                x = tf.nn.dropout(x, layer.rate) if is_training else x
            elif isinstance(layer, common.BatchNorm):
                x = normalize(layer, x, of_layer, running, is_training)
            elif layer == "save":
                saved = x
            elif layer == "add":
                x = x + saved
            else:
                x = NAMED[layer](x)
        return x

    def step(self, inputs, targets):
        with tf.GradientTape() as tape:
            outputs = self.forward(inputs, is_training=True)
            if NETWORK.is_regression:
                losses = tf.math.squared_difference(outputs, targets)
            else:
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, self.values)
        rate = NETWORK.learning_rate
        if NETWORK.optimizer == "sgd":
            for value, gradient in zip(self.values, gradients):
                descend = tf.raw_ops.ResourceApplyGradientDescent
                descend(var=value.handle, alpha=rate, delta=gradient)
            return
        decays = (0.9, 0.999)
        for power, decay in zip(self.powers, decays):
            power.assign(power * decay)
        for value, mean, square, gradient in zip(self.values, self.means, self.squares, gradients):
            tf.raw_ops.ResourceApplyAdam(
                var=value.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=self.powers[0],
                beta2_power=self.powers[1],
                lr=rate,
                beta1=decays[0],
                beta2=decays[1],
                epsilon=1e-8,
                grad=gradient,
            )

    def steps(self, order, first, end):
        # For XLA the numbers of a range, and the places of a slice, would be constants to compile.
        i = first
        while i < end:
            if order is None:
                self.step(self.inputs, self.targets)
            else:
                indices = tf.gather(order, i)
                self.step(tf.gather(self.inputs, indices), tf.gather(self.targets, indices))
            i += 1

    def train(self):
        order, first, end = next(self.calls)
        self.steps(order, tf.constant(first), tf.constant(end))
        return (end - first) * NETWORK.batch_size

    def finish(self):
        """The variables wait for the functions that write them."""
        self.values[0].numpy()

    def predictor(self, inputs):
        function = tf.function(self.forward, jit_compile=IS_XLA)
        if not IS_XLA and len(NETWORK.layers) <= 3:
            # So few kernels cost less to call than one function.
            function = self.forward
        inputs = tf.constant(inputs)
        return lambda: function(inputs).numpy()


def main():
    inputs, targets = common.load(NETWORK, ARGS.data)
    common.keep_freed_memory()
    common.run(Peer(inputs, targets), inputs, tf.__version__, ARGS)


if __name__ == "__main__":
    main()
