"""Build, train, evaluate."""

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

train = DataLoader(MNIST("data", True, ToTensor(), download=True), 100, shuffle=True)
test = DataLoader(MNIST("data", False, ToTensor(), download=True), 1000)
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10))
optimizer = torch.optim.Adam(model.parameters())
for images, labels in train:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
with torch.no_grad():
    correct = sum((model(images).argmax(1) == labels).sum().item() for images, labels in test)
print("accuracy", correct / 10_000)
torch.save(model, "digits.pt")
