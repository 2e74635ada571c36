"""Runs a program of this folder on the digits that `cargo xtask compare` has written, in place of a download."""

import runpy
import sys
from pathlib import Path

import numpy
from torchvision.datasets.mnist import read_image_file, read_label_file

RAW = Path("data/MNIST/raw")


def load_data():
    """Gives what `keras.datasets.mnist.load_data` gives."""

    def part(name):
        images = read_image_file(RAW / f"{name}-images-idx3-ubyte")
        labels = read_label_file(RAW / f"{name}-labels-idx1-ubyte")
        return images.numpy(), labels.numpy().astype(numpy.uint8)

    return part("train"), part("t10k")


if "keras" in sys.argv[1]:
    import keras

    keras.datasets.mnist.load_data = load_data
runpy.run_path(sys.argv[1], run_name="__main__")
