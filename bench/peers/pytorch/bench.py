"""Trains one benchmark network in PyTorch and measures it; `../common.py` says what is measured.

- `plain`: as a user of PyTorch would write it, eager and with its defaults.
- `channels_last`: the same with images of `[row, column, channel]` in memory, as its guide for
  convolutions says.
- `tuned`: eager, with what its performance guide offers for the CPU.
- `compiled`: the whole step, from gathering the batch to the update, as one function of
  `torch.compile`; inference by AOTInductor.
"""

import functools
import sys
from pathlib import Path

# Not for longer than this import: the folders beside it would pass for packages.
sys.path.insert(0, str(Path(__file__).parent.parent))
import common

sys.path.pop(0)

ARGS = common.arguments(["plain", "channels_last", "tuned", "compiled"])
NETWORK = common.NETWORKS[ARGS.network]
if ARGS.variant == "channels_last" and not NETWORK.is_convolutional:
    sys.exit("the network has no images: as without channels last")

import torch
from torch import nn
from torch.nn import functional

IS_PLAIN = ARGS.variant in ("plain", "channels_last")
IS_CHANNELS_LAST = ARGS.variant != "plain" and NETWORK.is_convolutional


class Save(nn.Identity):
    """Its input is added by the next `Add`."""


class Add(nn.Identity):
    """Adds the input of the last `Save`."""


class Layers(nn.Sequential):
    def forward(self, x):
        saved = None
        for layer in self:
            if isinstance(layer, Add):
                x = x + saved
            else:
                x = layer(x)
            if isinstance(layer, Save):
                saved = x
        return x


NAMED = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "flatten": nn.Flatten,
    "pool": lambda: nn.MaxPool2d(2),
    "mean": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "save": Save,
    "add": Add,
}


def modules(layer):
    if isinstance(layer, common.Linear):
        return [nn.Linear(layer.inputs, layer.outputs)]
    if isinstance(layer, common.Dropout):
        return [nn.Dropout(layer.rate)]
    if isinstance(layer, common.BatchNorm):
        # Its momentum is the share of the new.
        return [nn.BatchNorm2d(layer.channels, layer.epsilon, 1 - layer.momentum)]
    if not isinstance(layer, common.Conv):
        return [NAMED[layer]()]
    before, after = layer.pads()
    # The padding of a convolution is the same at both ends.
    padding = [] if before == after else [nn.ZeroPad2d((before, after, before, after))]
    size = (layer.inputs, layer.outputs, layer.kernel, layer.stride)
    return [*padding, nn.Conv2d(*size, before if before == after else 0, bias=layer.has_bias)]


def loss_of(outputs, targets):
    if NETWORK.is_regression:
        return functional.mse_loss(outputs, targets)
    return functional.cross_entropy(outputs, targets)


class Eager:
    def __init__(self, network, inputs, targets):
        self.network, self.inputs, self.targets = network, inputs, targets
        self.batches = self.batches_without_end()
        sgd_or_adam = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[NETWORK.optimizer]
        fused = {} if IS_PLAIN else {"fused": True}
        self.optimizer = sgd_or_adam(network.parameters(), lr=NETWORK.learning_rate, **fused)

    def batches_without_end(self):
        if NETWORK.is_regression:
            while True:
                yield self.inputs, self.targets
        for indices in orders(len(self.inputs)):
            if IS_PLAIN:
                yield self.inputs[indices], self.targets[indices]
            else:
                yield self.inputs.index_select(0, indices), self.targets.index_select(0, indices)

    def train(self):
        inputs, targets = next(self.batches)
        self.optimizer.zero_grad()
        loss_of(self.network(inputs), targets).backward()
        self.optimizer.step()
        return NETWORK.batch_size

    def finish(self):
        """Nothing is left to wait for on a CPU."""

    def predictor(self, inputs):
        inputs = as_tensor(inputs)
        network = self.inference_network()
        guard = torch.no_grad if IS_PLAIN else torch.inference_mode

        def predict():
            with guard():
                return network(inputs)

        return predict

    def inference_network(self):
        return self.network.eval()


class Compiled(Eager):
    def __init__(self, network, inputs, targets):
        self.network, self.inputs, self.targets = network, inputs, targets
        self.orders = orders(len(inputs))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                # A transformed function may not change a tensor that it captures.
                module.num_batches_tracked = None
        # They share their memory with those of the network.
        self.parameters = {name: value.detach() for name, value in network.named_parameters()}
        self.moments = [
            {name: torch.zeros_like(value) for name, value in self.parameters.items()}
            for _ in range(2)
        ]
        self.n_steps = torch.zeros(())
        self.step = torch.compile(step, dynamic=False)

    def train(self):
        indices = None if NETWORK.is_regression else next(self.orders)
        data = (self.inputs, self.targets, indices)
        self.step(self.network, self.parameters, *self.moments, self.n_steps, *data)
        return NETWORK.batch_size

    @functools.cache
    def inference_network(self):
        """For any batch size; a call costs less than one of what `torch.compile` gives."""
        # Not of one sample: that would stand for itself.
        example = self.inputs[:2]
        shapes = ({0: torch.export.Dim.DYNAMIC},)
        with torch.no_grad():
            program = torch.export.export(self.network.eval(), (example,), dynamic_shapes=shapes)
            package = torch._inductor.aoti_compile_and_package(program)
        return torch._inductor.aoti_load_package(package)


def step(network, parameters, means, squares, n_steps, inputs, targets, indices):
    if indices is not None:
        inputs, targets = inputs.index_select(0, indices), targets.index_select(0, indices)

    def loss(parameters):
        return loss_of(torch.func.functional_call(network, parameters, inputs), targets)

    gradients = torch.func.grad(loss)(parameters)
    if NETWORK.optimizer == "sgd":
        for name, value in parameters.items():
            value.sub_(NETWORK.learning_rate * gradients[name])
        return
    n_steps.add_(1)
    unbias_mean, unbias_square = 1 - 0.9**n_steps, 1 - 0.999**n_steps
    for name, value in parameters.items():
        gradient = gradients[name]
        mean = means[name].mul_(0.9).add_(0.1 * gradient)
        square = squares[name].mul_(0.999).add_(0.001 * gradient * gradient)
        deviation = (square / unbias_square).sqrt() + 1e-8
        value.sub_(NETWORK.learning_rate / unbias_mean * mean / deviation)


def orders(n_samples):
    """The samples of each batch, without end, in a new order each epoch."""
    n_whole = n_samples - n_samples % NETWORK.batch_size
    while True:
        yield from torch.randperm(n_samples)[:n_whole].split(NETWORK.batch_size)


def as_tensor(inputs):
    inputs = torch.from_numpy(inputs)
    return inputs.unsqueeze(1) if NETWORK.is_convolutional else inputs


def main():
    torch.set_num_threads(ARGS.threads)
    torch.manual_seed(0)
    if not IS_PLAIN:
        torch.set_num_interop_threads(1)
        torch.set_flush_denormal(True)
    network = Layers(*[module for layer in NETWORK.layers for module in modules(layer)])
    if IS_CHANNELS_LAST:
        network = network.to(memory_format=torch.channels_last)
    inputs, targets = common.load(NETWORK, ARGS.data)
    if not IS_PLAIN:
        common.keep_freed_memory()
    targets = torch.from_numpy(targets)
    if not NETWORK.is_regression:
        targets = targets.long()
    peer = (Compiled if ARGS.variant == "compiled" else Eager)(network, as_tensor(inputs), targets)
    isa = torch.backends.cpu.get_cpu_capability()
    common.run(peer, inputs, torch.__version__, ARGS, isa=isa)


if __name__ == "__main__":
    main()
