"""Networks of PyTorch as ONNX and safetensors files, with what they compute: for `cargo xtask interop --only import`.

Called with a folder. It writes `NAME.onnx` and, by the newer exporter, `NAME-dynamo.onnx`, `NAME.safetensors`, and
`cases.json`: samples, logits, the loss and its gradients in evaluation; of one network the losses of a training.

With `--small` behind the folder it writes the files of `crates/onnx/tests/data` instead: the smaller networks with the logits of two
samples.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

BATCH = 5
STEPS = 50
TRAINED = "convolutions-with-batch-normalisation"
LARGE = ["lenet-5", "resnet"]


class Mlp(nn.Module):
    """Layers with one activation between them."""

    def __init__(self, activation, normalisation=nn.Identity, rate=0.0):
        super().__init__()
        self.fc1 = nn.Linear(7, 16)
        self.norm1 = normalisation(16)
        self.fc2 = nn.Linear(16, 12, bias=False)
        self.norm2 = normalisation(12)
        self.drop = nn.Dropout(rate)
        self.fc3 = nn.Linear(12, 3)
        self.activation = activation

    def forward(self, x):
        x = self.activation(self.norm1(self.fc1(x)))
        return self.fc3(self.drop(self.activation(self.norm2(self.fc2(x)))))


class Activations(nn.Module):
    """A different activation behind each layer."""

    KINDS = [
        nn.ReLU(), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.SELU(), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.GELU(),
        nn.GELU(approximate="tanh"), nn.SiLU(), nn.Mish(), nn.Hardswish(),
    ]

    def __init__(self):
        super().__init__()
        for i in range(len(self.KINDS)):
            setattr(self, f"fc{i}", nn.Linear(6, 6))
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        for i, kind in enumerate(self.KINDS):
            x = kind(getattr(self, f"fc{i}")(x))
        return self.head(x)


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = x.view(x.size(0), -1)
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(x)))))


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, (3, 2), stride=(2, 1))
        self.bn2 = nn.BatchNorm2d(8, eps=1e-3, momentum=0.2)
        self.fc = nn.Linear(8 * 2 * 4, 5)
        self.bn3 = nn.BatchNorm1d(5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2, ceil_mode=True)
        x = F.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.fc(torch.flatten(x, 1)))


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1)
        self.depthwise = nn.Conv2d(6, 12, 3, padding=1, groups=6)
        self.pointwise = nn.Conv2d(12, 8, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.hardswish(self.stem(x))
        x = F.silu(self.norm(self.pointwise(self.depthwise(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.down = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.down(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.layer1 = nn.Sequential(Block(8, 8, 1), Block(8, 8, 1))
        self.layer2 = nn.Sequential(Block(8, 16, 2), Block(16, 16, 1))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = self.layer2(self.layer1(F.relu(self.bn(self.stem(x)))))
        return self.fc(x.mean((2, 3)))


class Branches(nn.Module):
    """Outputs side by side, as in Inception and DenseNet."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(2, 4, 1)
        self.b = nn.Conv2d(2, 6, 3, padding=1)
        self.c = nn.Conv2d(10, 5, 3, padding=1)
        self.left = nn.Linear(15, 4)
        self.right = nn.Linear(15, 6)
        self.head = nn.Linear(10, 3)

    def forward(self, x):
        x = torch.cat([F.relu(self.a(x)), F.max_pool2d(self.b(x), 3, stride=1, padding=1)], 1)
        x = torch.cat([x, torch.tanh(self.c(x))], 1)
        x = F.adaptive_max_pool2d(x, 1).flatten(1)
        return self.head(torch.cat([self.left(x), F.gelu(self.right(x))], 1))


class Normalisations(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3)
        self.group = nn.GroupNorm(3, 6)
        self.conv2 = nn.Conv2d(6, 4, 1)
        self.whole = nn.LayerNorm([4, 4, 5])
        # A bias that the normalisation takes away again would have gradients of rounding alone.
        self.conv3 = nn.Conv2d(4, 4, 2, bias=False)
        self.instance = nn.InstanceNorm2d(4, affine=True)
        self.fc = nn.Linear(4 * 3 * 4, 8)
        self.layer = nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.group(self.conv(x)))
        x = F.relu(self.whole(self.conv2(x)))
        x = F.elu(self.instance(self.conv3(x)))
        return self.head(self.layer(self.fc(x.flatten(1))))


class Words(nn.Module):
    """An embedding of whole numbers."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(11, 4)
        self.fc = nn.Linear(12, 3)

    def forward(self, x):
        return self.fc(F.relu(self.table(x).flatten(1)))


def networks():
    """Name, network, and the shape of a sample."""
    yield "mlp", Mlp(torch.relu), [7]
    yield "mlp-with-layer-norm-and-dropout", Mlp(F.gelu, nn.LayerNorm, 0.3), [7]
    yield "activations", Activations(), [6]
    yield "lenet-5", LeNet5(), [1, 28, 28]
    yield TRAINED, Convolutions(), [3, 9, 9]
    yield "depthwise", Depthwise(), [2, 6, 7]
    yield "resnet", ResNet(), [3, 8, 8]
    yield "branches", Branches(), [2, 5, 6]
    yield "normalisations", Normalisations(), [2, 6, 7]
    yield "embedding", Words(), [3]


def randomise(network):
    """Numbers that no layer begins with, so that none can be mixed up with another."""
    with torch.no_grad():
        for module in network.modules():
            for name, parameter in module.named_parameters(recurse=False):
                is_scale = parameter.dim() == 1 and name == "weight"
                if is_scale or (isinstance(module, nn.LayerNorm) and name == "weight"):
                    parameter.uniform_(0.5, 1.5)
                elif name == "bias":
                    parameter.uniform_(-0.5, 0.5)
            if getattr(module, "running_mean", None) is not None:
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 2.0)


def samples_of(network, shape, n):
    if isinstance(network, Words):
        return torch.randint(0, 11, [n, *shape])
    return torch.randn([n, *shape])


def export(network, samples, path, dynamo):
    # Training mode keeps dropout and batch normalisation as they are.
    options = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    options |= {"dynamic_axes": {"input": {0: "batch"}, "output": {0: "batch"}}, "opset_version": 17}
    if dynamo:
        options = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (samples,), str(path), input_names=["input"], output_names=["output"], dynamo=dynamo, verbose=False, **options
        )


def text_of(tensor):
    return {"shape": list(tensor.shape), "values": tensor.detach().double().flatten().tolist()}


def case_of(folder, name, network, shape):
    samples = samples_of(network, shape, BATCH)
    network.eval()
    with torch.no_grad():
        outputs = network(samples).shape[1]
    labels = torch.randint(0, outputs, [BATCH])
    network.zero_grad()
    logits = network(samples)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    files = [f"{name}.onnx", f"{name}-dynamo.onnx"]
    for file in files:
        export(network, samples, folder / file, file.endswith("-dynamo.onnx"))
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(weights, str(folder / f"{name}.safetensors"))
    return {
        "name": name,
        "files": files,
        "weights": f"{name}.safetensors",
        "samples": text_of(samples),
        "labels": labels.tolist(),
        "logits": text_of(logits),
        "loss": loss.item(),
        "gradients": {key: text_of(value.grad) for key, value in network.named_parameters()},
    }


def training_of(network, shape):
    """The losses of steps with momentum, and the batches."""
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    samples = samples_of(network, shape, STEPS * BATCH)
    labels = torch.randint(0, 5, [STEPS * BATCH])
    losses = []
    for step in range(STEPS):
        batch = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(samples[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"samples": text_of(samples), "labels": labels.tolist(), "batch": BATCH, "losses": losses}


def write_small(folder, name, network, shape):
    samples = samples_of(network, shape, 2)
    network.eval()
    export(network, samples, folder / f"{name}.onnx", False)
    logits = network(samples).detach()
    shape, rows = list(samples.shape), [f"{key} = {value.flatten().tolist()}" for key, value in [("samples", samples), ("logits", logits)]]
    (folder / f"{name}.toml").write_text("\n".join([f"shape = {shape}", *rows, ""]))


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(1)
    if "--small" in sys.argv:
        for name, network, shape in networks():
            randomise(network)
            if name not in LARGE:
                write_small(folder, name, network, shape)
        return
    cases, training = [], None
    for name, network, shape in networks():
        randomise(network)
        cases.append(case_of(folder, name, network, shape))
        if name == TRAINED:
            training = {"name": name, **training_of(network, shape)}
    answer = {"version": torch.__version__, "cases": cases, "training": training}
    (folder / "cases.json").write_text(json.dumps(answer))


main()
