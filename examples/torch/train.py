"""Trains a small network with PyTorch and saves it in the three ways Clipper serves: python train.py FOLDER."""

import sys
from pathlib import Path

import torch

FEATURES, CLASSES = 64, 10


class Network(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(FEATURES, 128), torch.nn.ReLU(), torch.nn.Linear(128, CLASSES)
        )

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layers(batch), dim=1)


def train(steps: int = 100) -> Network:
    """A network that names the largest of the first ten numbers of its input."""
    torch.manual_seed(0)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    inputs = torch.rand(1000, FEATURES)
    labels = inputs[:, :CLASSES].argmax(dim=1)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.nll_loss(torch.log(network(inputs)), labels).backward()
        optimizer.step()
    network.eval()
    return network


def main(folder: Path) -> None:
    network = train()
    inputs = torch.rand(2, FEATURES)
    torch.jit.trace(network, inputs).save(str(folder / "script.pt"))
    exported = torch.export.export(network, (inputs,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(exported, folder / "exported.pt2")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
