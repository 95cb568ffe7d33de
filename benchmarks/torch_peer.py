"""The published network in PyTorch, written for comparison from this package's own description of it.

Preset `released`: two Inception branches, one CBAM shared by both, cosine similarity between them.
"""

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional


def unit(channels, filters, kernel_size):
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel_size, padding=kernel_size // 2),
        nn.BatchNorm2d(filters),
        nn.ReLU(inplace=True),
    )


class Inception(nn.Module):
    """Four paths of different receptive field side by side."""

    def __init__(self, channels, filters, bottleneck=6):
        super().__init__()
        self.paths = nn.ModuleList(
            [
                unit(channels, filters, 1),
                nn.Sequential(unit(channels, bottleneck, 1), unit(bottleneck, filters, 3)),
                nn.Sequential(unit(channels, bottleneck, 1), unit(bottleneck, filters, 5)),
                nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), unit(channels, filters, 1)),
            ]
        )

    def forward(self, x):
        return torch.cat([path(x) for path in self.paths], dim=1)


class CBAM(nn.Module):
    """Channel attention, then spatial attention."""

    def __init__(self, channels, reduction=16):
        super().__init__()
        hidden = channels // reduction
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.convolution = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x):
        weights = torch.sigmoid(self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3))))
        x = x * weights[:, :, None, None]
        pooled = torch.stack([x.mean(dim=1), x.amax(dim=1)], dim=1)
        return x * torch.sigmoid(self.convolution(pooled))


class TorchDualATME(nn.Module):
    """Images `(batch, 3, 28, 28)` -> logits `(batch, 3)` and cosine similarity `(batch,)`."""

    def __init__(self):
        super().__init__()

        def branch():
            return nn.Sequential(Inception(3, 6), nn.MaxPool2d(2), Inception(24, 12), nn.MaxPool2d(2))

        self.entire, self.puzzled = branch(), branch()
        self.cbam = CBAM(48)
        self.classifier = nn.Sequential(
            nn.Linear(4704, 1024), nn.BatchNorm1d(1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 3)
        )

    def forward(self, entire, puzzled):
        features = [
            self.cbam(branch(image)).flatten(1)
            for branch, image in ((self.entire, entire), (self.puzzled, puzzled))
        ]
        return self.classifier(torch.cat(features, dim=1)), torch.cosine_similarity(*features)


def joint_loss(logits, similarity, labels):
    """Focal loss of gamma 2 plus a hundredth of the cosine distance between the branches."""
    log_p = -functional.cross_entropy(logits, labels, reduction="none")
    focal = -((1 - log_p.exp()) ** 2) * log_p
    return focal.mean() + 0.01 * (1 - similarity).mean()


class FlowFiles(torch.utils.data.Dataset):
    """Pairs of image files and labels, decoded at each access, by the steps of the published script."""

    def __init__(self, entire, puzzled, labels):
        self._entire, self._puzzled, self._labels = entire, puzzled, labels

    def __len__(self):
        return len(self._labels)

    def __getitem__(self, row):
        return read_image(self._entire[row]), read_image(self._puzzled[row]), self._labels[row]


def read_image(path) -> torch.Tensor:
    """An image as `(3, 28, 28)` in [-1, 1]."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((28, 28)))
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous().float().div(255)
    return image.sub_(0.5).div_(0.5)


def train_epoch(model, optimizer, batches) -> None:
    """One pass over batches of `(entire, puzzled, labels)`."""
    model.train()
    for entire, puzzled, labels in batches:
        optimizer.zero_grad()
        joint_loss(*model(entire, puzzled), labels).backward()
        optimizer.step()


def shuffled_batches(tensors, batch_size):
    """Batches of rows of tensors in memory, in a new order."""
    for rows in torch.randperm(len(tensors[0])).split(batch_size):
        yield tuple(tensor[rows] for tensor in tensors)


@torch.inference_mode()
def probabilities(model, entire, puzzled) -> np.ndarray:
    """Answers for a batch, `(batch, 3)`."""
    model.eval()
    return model(entire, puzzled)[0].softmax(dim=1).numpy()
