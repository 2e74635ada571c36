"""What PyTorch computes for the cases of `cargo xtask interop`, in f64.

Takes a file of cases in JSON and writes, for each, vectors of numbers by name. A network is described as Gradus has it:
images are [N, height, width, channels], weights [.., inputs, outputs]. Parameters keep that layout here, and are
brought into PyTorch's where a layer uses them, so that their gradients need no conversion.
"""

import json
import math
import sys
from unittest import mock

import torch
from torch.nn import functional as F
from torch.optim import lr_scheduler


def tensor(described):
    return torch.tensor(described["values"], dtype=torch.float64).reshape(described["shape"])


def numbers(tensor):
    return tensor.detach().reshape(-1).tolist()


# Layers. Each function has the name of a kind and takes the description of the layer, its parameters by name, its
# inputs, and whether the network is trained.


def add(layer, parameters, inputs, is_training):
    return sum(inputs[1:], inputs[0])


def concat(layer, parameters, inputs, is_training):
    axis = layer.get("axis")
    return torch.cat(inputs, -1 if axis is None else axis)


def linear(layer, parameters, inputs, is_training):
    weight = parameters["weight"].T
    if layer.get("parametrization") == "ntk":
        weight = weight / math.sqrt(weight.shape[1])
    return F.linear(inputs[0], weight, parameters.get("bias"))


def feature_scale(layer, parameters, inputs, is_training):
    return inputs[0] * parameters["scale"]


def conv2d(layer, parameters, inputs, is_training):
    weight = parameters["weight"].permute(3, 2, 0, 1).contiguous()
    x = pad(layer, channels_first(inputs[0]), weight.shape[2:], pair(layer["stride"]), 0.0)
    return channels_last(F.conv2d(x, weight, parameters.get("bias"), pair(layer["stride"])))


def depthwise_conv2d(layer, parameters, inputs, is_training):
    height, width, channels, multiplier = parameters["weight"].shape
    weight = parameters["weight"].permute(2, 3, 0, 1)
    weight = weight.reshape(channels * multiplier, 1, height, width)
    stride = pair(layer["stride"])
    x = pad(layer, channels_first(inputs[0]), (height, width), stride, 0.0)
    return channels_last(F.conv2d(x, weight, parameters.get("bias"), stride, groups=channels))


def max_pool2d(layer, parameters, inputs, is_training):
    size = pair(layer["size"])
    stride = pair(layer.get("stride") or size)
    x = pad(layer, channels_first(inputs[0]), size, stride, -math.inf)
    return channels_last(F.max_pool2d(x, size, stride))


def avg_pool2d(layer, parameters, inputs, is_training):
    size = pair(layer["size"])
    stride = pair(layer.get("stride") or size)
    x = channels_first(inputs[0])
    # Cells around the image do not count.
    sums, shares = (
        F.avg_pool2d(pad(layer, value, size, stride, 0.0), size, stride)
        for value in (x, torch.ones_like(x))
    )
    return channels_last(sums / shares)


def global_avg_pool2d(layer, parameters, inputs, is_training):
    return F.adaptive_avg_pool2d(channels_first(inputs[0]), 1).flatten(1)


def batch_norm(layer, parameters, inputs, is_training):
    x = inputs[0]
    mean, variance = tensor(layer["running_statistics"])
    uses_batch = is_training and not layer["is_frozen"]
    rows = x.reshape(-1, x.shape[-1])
    scale, offset = parameters.get("scale"), parameters.get("offset")
    y = F.batch_norm(rows, mean, variance, scale, offset, uses_batch, 0.0, layer["epsilon"])
    return y.reshape(x.shape)


def layer_norm(layer, parameters, inputs, is_training):
    shape = inputs[0].shape[-layer["axes"] :]
    scale, offset = parameters.get("scale"), parameters.get("offset")
    return F.layer_norm(inputs[0], shape, scale, offset, layer["epsilon"])


def group_norm(layer, parameters, inputs, is_training):
    scale, offset = parameters.get("scale"), parameters.get("offset")
    x = inputs[0].movedim(-1, 1)
    return F.group_norm(x, layer["groups"], scale, offset, layer["epsilon"]).movedim(1, -1)


def embedding(layer, parameters, inputs, is_training):
    return F.embedding(inputs[0].long(), parameters["table"])


def dropout(layer, parameters, inputs, is_training):
    # Each framework draws in its own way: the factors are those of Gradus.
    if is_training:
        return inputs[0] * tensor(layer["factors"])
    return inputs[0] * (1 - layer["rate"] if layer["scaling"] == "at_evaluation" else 1)


def flatten(layer, parameters, inputs, is_training):
    return inputs[0].flatten(1)


def gelu(layer, parameters, inputs, is_training):
    return F.gelu(inputs[0], approximate="tanh" if layer["form"] == "tanh" else "none")


def elementwise(function):
    return lambda layer, parameters, inputs, is_training: function(layer, inputs[0])


LAYERS = {
    function.__name__: function
    for function in [
        *(add, concat, linear, conv2d, depthwise_conv2d, max_pool2d, avg_pool2d, global_avg_pool2d),
        *(batch_norm, layer_norm, group_norm, embedding, dropout, flatten, gelu, feature_scale),
    ]
} | {
    "relu": elementwise(lambda layer, x: F.relu(x)),
    "leaky_relu": elementwise(lambda layer, x: F.leaky_relu(x, layer["slope"])),
    "sigmoid": elementwise(lambda layer, x: F.sigmoid(x)),
    "tanh": elementwise(lambda layer, x: F.tanh(x)),
    # PyTorch's is the identity above its threshold.
    "softplus": elementwise(lambda layer, x: F.softplus(x, threshold=700)),
    "softmax": elementwise(lambda layer, x: F.softmax(x, -1)),
    "silu": elementwise(lambda layer, x: F.silu(x)),
    "elu": elementwise(lambda layer, x: F.elu(x, layer["alpha"])),
    "selu": elementwise(lambda layer, x: F.selu(x)),
    "mish": elementwise(lambda layer, x: F.mish(x)),
    "hard_swish": elementwise(lambda layer, x: F.hardswish(x)),
}


def channels_first(x):
    return x.permute(0, 3, 1, 2)


def channels_last(x):
    return x.permute(0, 2, 3, 1)


def pair(size):
    return (size, size) if isinstance(size, int) else tuple(size)


def pad(layer, x, kernel, stride, value):
    """The image with its padding: "same" is that of TensorFlow, which may differ by one between two sides."""
    padding = layer["padding"]
    if padding == "valid":
        return x
    if padding == "same":
        sides = []
        for length, size, step in zip(x.shape[2:], kernel, stride):
            total = max((math.ceil(length / step) - 1) * step + size - length, 0)
            sides += [total // 2, total - total // 2]
    else:
        sides = padding if isinstance(padding, list) else [padding] * 4
    top, bottom, left, right = sides
    return F.pad(x, (left, right, top, bottom), value=value)


# Losses, by kind: of a prediction, class numbers, and these as rows.

LOSSES = {
    "cross_entropy": lambda loss, y, t, rows: F.cross_entropy(
        y, t, label_smoothing=loss.get("label_smoothing", 0.0)
    ),
    # That of "Deep Learning from Scratch".
    "cross_entropy_of_probabilities": lambda loss, y, t, rows: F.nll_loss((y + 1e-7).log(), t),
    "binary_cross_entropy": lambda loss, y, t, rows: F.binary_cross_entropy_with_logits(y, rows),
    "mean_squared_error": lambda loss, y, t, rows: F.mse_loss(y, rows),
    "half_squared_error": lambda loss, y, t, rows: F.mse_loss(y, rows) * y.shape[1] / 2,
    "mean_absolute_error": lambda loss, y, t, rows: F.l1_loss(y, rows),
    "huber": lambda loss, y, t, rows: F.huber_loss(y, rows, delta=loss["delta"]),
    # PyTorch's is over the number of classes.
    "hinge": lambda loss, y, t, rows: F.multi_margin_loss(y, t) * y.shape[1]
    if y.shape[1] > 1
    else F.relu(1 - (2 * rows - 1) * y).mean(),
}


class Network:
    """A described network. Parameters are leaves; those of `transposed` are kept as PyTorch has them."""

    def __init__(self, case, transposed=()):
        self.case = case
        self.transposed = transposed
        self.leaves = {}
        for path, described in case["parameters"].items():
            value = tensor(described)
            value = value.T.contiguous() if path in transposed else value
            self.leaves[path] = value.requires_grad_(not described["is_frozen"])

    def parameters_of(self, path):
        """The parameters of a layer, by their names in it."""
        found = {}
        for whole, leaf in self.leaves.items():
            layer, name = whole.rsplit(".", 1)
            if layer == path:
                found[name] = leaf.T if whole in self.transposed else leaf
        return found

    def outputs(self, is_training):
        samples = tensor(self.case["samples"])
        outputs = []
        for layer in self.case["layers"]:
            if layer["kind"] not in LAYERS:
                raise NotImplementedError(f"no layer {layer['kind']} in pytorch.py")
            inputs = [samples if i is None else outputs[i] for i in layer["inputs"]]
            parameters = self.parameters_of(layer["path"])
            outputs.append(LAYERS[layer["kind"]](layer, parameters, inputs, is_training))
        return outputs[-1]

    def loss(self, prediction):
        loss = self.case["loss"]
        classes = tensor(self.case["targets"]).long()
        n_outputs = prediction.shape[1]
        rows = F.one_hot(classes, n_outputs) if n_outputs > 1 else classes[:, None]
        return LOSSES[loss["kind"]](loss, prediction, classes, rows.double())


def of_network(case):
    network = Network(case)
    prediction = network.outputs(True)
    loss = network.loss(prediction)
    loss.backward()
    found = {"loss": loss, "prediction": prediction, "evaluation": network.outputs(False)}
    for path, leaf in network.leaves.items():
        gradient = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        found[f"gradient of {path}"] = gradient
    return {name: numbers(value) for name, value in found.items()}


# Optimizers, by kind: of their settings, the first learning rate, and named parameters. A rule may need two.


def by_decay(optimizer, parameters, case):
    """Groups of parameters that decay and that do not."""
    groups = []
    for path, parameter in parameters.items():
        decays = optimizer["decay_all"] or case["parameters"][path]["decays"]
        decay = optimizer["weight_decay"] if decays else 0.0
        groups.append({"params": [parameter], "weight_decay": decay})
    return groups


def moments(optimizer):
    return {"betas": (optimizer["beta1"], optimizer["beta2"]), "eps": optimizer["epsilon"]}


def muon(optimizer, rate, parameters, case):
    """PyTorch's for matrices, and AdamW for the rest."""
    matrices = {path: p for path, p in parameters.items() if path in case["matrices"]}
    others = {path: p for path, p in parameters.items() if path not in matrices}
    decay = optimizer["weight_decay"]
    rest = rate * optimizer["adamw_learning_rate_factor"]
    return [
        torch.optim.Muon(
            matrices.values(), lr=rate, momentum=optimizer["momentum"], weight_decay=decay
        ),
        torch.optim.AdamW(by_decay(optimizer, others, case), lr=rest, **moments(optimizer)),
    ]


OPTIMIZERS = {
    "sgd": lambda o, rate, p, case: [torch.optim.SGD(p.values(), lr=rate)],
    "momentum": lambda o, rate, p, case: [
        torch.optim.SGD(p.values(), lr=rate, momentum=o["momentum"])
    ],
    "nesterov": lambda o, rate, p, case: [
        torch.optim.SGD(p.values(), lr=rate, momentum=o["momentum"], nesterov=True)
    ],
    "adagrad": lambda o, rate, p, case: [
        torch.optim.Adagrad(p.values(), lr=rate, eps=o["epsilon"])
    ],
    "adadelta": lambda o, rate, p, case: [
        torch.optim.Adadelta(p.values(), lr=rate, rho=o["decay"], eps=o["epsilon"])
    ],
    "rmsprop": lambda o, rate, p, case: [
        torch.optim.RMSprop(p.values(), lr=rate, alpha=o["decay"], eps=o["epsilon"])
    ],
    "adam": lambda o, rate, p, case: [torch.optim.Adam(p.values(), lr=rate, **moments(o))],
    "adamw": lambda o, rate, p, case: [
        torch.optim.AdamW(by_decay(o, p, case), lr=rate, **moments(o))
    ],
    "nadam": lambda o, rate, p, case: [
        torch.optim.NAdam(p.values(), lr=rate, momentum_decay=o["momentum_decay"], **moments(o))
    ],
    "radam": lambda o, rate, p, case: [torch.optim.RAdam(p.values(), lr=rate, **moments(o))],
    "muon": muon,
}


# Schedules, by kind: the rate that PyTorch's optimizer begins with, and the scheduler of an optimizer.


def warmup(schedule):
    rate, then = SCHEDULES[schedule["then"]["kind"]](schedule["then"])
    steps = schedule["steps"]

    def scheduler(optimizer, n_steps):
        rise = lr_scheduler.LinearLR(optimizer, 1 / steps, 1.0, total_iters=steps - 1)
        parts = [rise, then(optimizer, n_steps - steps)]
        return lr_scheduler.SequentialLR(optimizer, parts, milestones=[steps])

    return rate, scheduler


def one_cycle(schedule):
    same_names = ["div_factor", "final_div_factor", "pct_start", "cycle_momentum"]
    settings = {name: schedule[name] for name in [*same_names, "base_momentum", "max_momentum"]}
    rate = schedule["max_learning_rate"]

    def scheduler(optimizer, n_steps):
        return lr_scheduler.OneCycleLR(optimizer, rate, total_steps=n_steps, **settings)

    return rate, scheduler


def log_cosine(schedule):
    cycles = schedule["cycles"]

    def scheduler(optimizer, n_steps):
        def factor(step):
            cycle = math.log2(1 + (2**cycles - 1) * step / n_steps)
            return 0.5 - 0.5 * math.cos(2 * math.pi * cycle)

        return lr_scheduler.LambdaLR(optimizer, factor)

    return schedule["max_learning_rate"], scheduler


SCHEDULES = {
    "constant": lambda s: (
        s["learning_rate"],
        lambda optimizer, n_steps: lr_scheduler.ConstantLR(optimizer, factor=1.0),
    ),
    "step": lambda s: (
        s["start"],
        lambda optimizer, n_steps: lr_scheduler.StepLR(optimizer, s["every"], s["factor"]),
    ),
    "exponential": lambda s: (
        s["amplitude"],
        lambda optimizer, n_steps: lr_scheduler.ExponentialLR(
            optimizer, math.exp(-1 / s["decay_steps"])
        ),
    ),
    "linear": lambda s: (
        s["start"],
        lambda optimizer, n_steps: lr_scheduler.LinearLR(
            optimizer, 1.0, s["end"] / s["start"], total_iters=s.get("steps") or n_steps
        ),
    ),
    "cosine": lambda s: (
        s["start"],
        lambda optimizer, n_steps: lr_scheduler.CosineAnnealingLR(
            optimizer, s.get("steps") or n_steps, s["end"]
        ),
    ),
    "one_cycle": one_cycle,
    "log_cosine": log_cosine,
    "warmup": warmup,
}


def of_training(case):
    optimizer, schedule, n_steps = case["optimizer"], case["schedule"], case["steps"]
    network = Network(case, transposed=case["matrices"])
    rate, scheduler = SCHEDULES[schedule["kind"]](schedule)
    optimizers = OPTIMIZERS[optimizer["kind"]](optimizer, rate, network.leaves, case)
    schedulers = [scheduler(each, n_steps) for each in optimizers]
    losses, rates, momenta = [], [], []
    # Muon is published, and here, in 16 bits: its iteration then has three digits.
    with mock.patch.object(torch, "bfloat16", torch.float64):
        for _ in range(n_steps):
            group = optimizers[0].param_groups[0]
            rates.append(group["lr"])
            if schedule["kind"] == "one_cycle":
                momenta.append(group["betas"][0])
            loss = network.loss(network.outputs(True)) * case["loss_factor"]
            losses.append(loss.item())
            for each in optimizers:
                each.zero_grad()
            loss.backward()
            for each in optimizers:
                each.step()
            for each in schedulers:
                each.step()
    found = {"losses": losses, "learning rates": rates}
    if momenta:
        found["momenta"] = momenta
    for path, leaf in network.leaves.items():
        found[path] = numbers(leaf.T if path in network.transposed else leaf)
    return found


def main():
    torch.set_num_threads(1)
    # What optimizers count with is f32 otherwise.
    torch.set_default_dtype(torch.float64)
    cases_file, answers_file = sys.argv[1:]
    with open(cases_file) as file:
        cases = json.load(file)
    answers = []
    for case in cases:
        of_case = of_training if "optimizer" in case else of_network
        try:
            answers.append({"Ok": of_case(case)})
        except Exception as error:
            answers.append({"Err": f"{type(error).__name__}: {error}"})
    with open(answers_file, "w") as file:
        json.dump({"version": torch.__version__, "answers": answers}, file)


if __name__ == "__main__":
    main()
