"""Trains one benchmark network in plain eager PyTorch and prints its speed as a line of JSON.

It is written as a user of PyTorch would write it, with the defaults of PyTorch.
The images become `f32` once, before the clock starts.
What is timed is all that training needs for each batch:
the shuffle of each epoch, gathering the batch, forward, loss, backward and the optimizer step.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

BATCH_SIZE = 100
# Before the clock starts, for as long as this share of the timed run: caches fill, clocks settle.
WARM_UP = 0.3


def softmax():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), sgd


def two_layer():
    return multilayer(784, 50, 10), sgd


def five_relu():
    return multilayer(784, 200, 100, 60, 30, 10), adam


def conv_dropout():
    network = nn.Sequential(
        nn.Conv2d(1, 6, 6, padding="same"),
        nn.ReLU(),
        # "Same" padding at stride 2: 28 -> 14 needs 1 before and 2 after, 14 -> 7 one at each end.
        nn.ZeroPad2d((1, 2, 1, 2)),
        nn.Conv2d(6, 12, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(12, 24, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1176, 200),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(200, 10),
    )
    return network, adam


def multilayer(*widths):
    """Linear layers of these widths, with a ReLU between each two."""
    layers = [nn.Flatten()]
    for fan_in, fan_out in zip(widths, widths[1:]):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.001)


NETWORKS = {
    "softmax": softmax,
    "two-layer": two_layer,
    "five-relu": five_relu,
    "conv-dropout": conv_dropout,
}


def load(folder):
    """The training digits as `f32 [n, 1, 28, 28]` in 0..1, and their labels."""
    images = np.fromfile(folder / "train-images.u8", dtype=np.uint8).reshape(-1, 1, 28, 28)
    labels = np.fromfile(folder / "train-labels.u8", dtype=np.uint8)
    return torch.from_numpy(images).float() / 255, torch.from_numpy(labels).long()


def batches(images, labels):
    """Batches without end, in a new order each epoch."""
    while True:
        order = torch.randperm(len(images))
        for indices in order.split(BATCH_SIZE):
            yield images[indices], labels[indices]


def train(network, optimizer, data, secs):
    """Trains for `secs` seconds and returns the samples per second."""
    n_samples = 0
    start = time.perf_counter()
    for x, target in data:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), target)
        loss.backward()
        optimizer.step()

        n_samples += len(x)
        elapsed = time.perf_counter() - start
        if elapsed >= secs:
            return n_samples / elapsed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    network, optimizer_of = NETWORKS[args.network]()
    optimizer = optimizer_of(network.parameters())
    data = batches(*load(args.data))

    train(network, optimizer, data, WARM_UP * args.seconds)
    report = {
        "samples_per_second": train(network, optimizer, data, args.seconds),
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
