"""Load, predict, print."""

import torch
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

image, _ = MNIST("data", False, ToTensor(), download=True)[0]
model = torch.load("digits.pt", weights_only=False)
with torch.no_grad():
    probabilities = model(image[None]).softmax(1)[0]
print(f"{probabilities.argmax()} ({probabilities.max():.2f})")
