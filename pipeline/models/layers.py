"""Layers that several families use."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize


def with_labels(features: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """Return features (N, D) with the one-hot label of each row, int64 (N,), after them, where
    there are classes; or with shares of the classes, float (N, classes), which lie between."""
    if not classes:
        return features
    shares = labels if labels.is_floating_point() else F.one_hot(labels, classes)
    return torch.cat([features, shares.to(features.dtype)], 1)


def embedded(embedding: nn.Embedding, labels: Tensor) -> Tensor:
    """Return the vector of each label, (N, D), int64 (N,); or the mean of the classes' vectors with
    their shares, float (N, classes), as weights."""
    return labels @ embedding.weight if labels.is_floating_point() else embedding(labels)


def initialise_glorot(network: nn.Module, seed: int) -> None:
    """Set Glorot's uniform initial weights, biases 0, a function of `seed` (Glorot and Bengio
    2010): what Keras gives its layers."""
    source = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=source)
            nn.init.zeros_(module.bias)


def spectral_norm(layer: nn.Module) -> nn.Module:
    """Have a layer's weight divided by its largest singular value; return the layer."""
    parametrize.register_parametrization(layer, "weight", SpectralNorm(len(layer.weight)))
    return layer


class SpectralNorm(nn.Module):
    """A weight over its largest singular value, followed by one power iteration each time that it
    is used in training (Miyato et al. 2018, arXiv 1802.05957, algorithm 1).

    Other than torch's own: in float32 also under autocast, whose matrix products would be of fewer
    bits than the estimate, and from a start that needs no random draw (`restart`). An orthogonal
    weight has all its singular values 1, and the estimate is right at once.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.register_buffer("left", torch.empty(rows))
        self.restart()

    def restart(self) -> None:
        """Forget the weights so far: any use of a layer, its making too, moves the estimate."""
        self.left.fill_(len(self.left) ** -0.5)

    def forward(self, weight: Tensor) -> Tensor:  # (rows, ...) -> (rows, ...)
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            with torch.no_grad():
                right = F.normalize(matrix.T @ self.left, dim=0)
                if self.training:
                    # A new tensor: the backward of each use, compiled or not, needs that use's own.
                    self.left = F.normalize(matrix @ right, dim=0)
            return weight / torch.dot(self.left, matrix @ right)


class Dropout(nn.Module):
    """Leave units out of the vectors of a batch (Srivastava et al. 2014), by draws that are given,
    so that they can be a function of the image: torch's own come in the order of the calls.

    Attributes:
        units: length of a vector.
        draws: uniform draws in (0, 1), float32 (N, units), one for each unit of each image; None
            leaves nothing out.
    """

    def __init__(self, share: float, units: int) -> None:
        super().__init__()
        self._share = share
        self.units = units
        self.draws: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:  # (N, units) -> (N, units)
        if self.draws is None or not self.training:
            return x
        return x * ((self.draws >= self._share) / (1 - self._share)).to(x.dtype)


class MinibatchStddev(nn.Module):
    """One more feature map: how much an image's group differs (Karras et al. 2018, arXiv
    1710.10196, section 3), so that D can see when G makes the same image again and again.

    The mean over channels and places of the standard deviation over each 4 images that follow
    each other (over all, where they are not a multiple of 4). Neighbours make a group, so that
    processes which share a batch in multiples of 4 see what one would see.
    """

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C + 1, H, W)
        count = len(x)
        size = 4 if count % 4 == 0 else count
        groups = x.float().unflatten(0, (-1, size))  # (N / size, size, C, H, W)
        variance = (groups - groups.mean(1, keepdim=True)).square().mean(1)
        # The root's gradient needs something under it where a group is all alike.
        spread = (variance + 1e-8).sqrt().mean((1, 2, 3))  # (N / size,)
        spread = spread.repeat_interleave(size)[:, None, None, None]
        return torch.cat([x, spread.to(x.dtype).expand(-1, 1, *x.shape[2:])], 1)


# Three convolutions, computed in a way that is quicker than torch's: where a map has one pixel
# there is nothing to slide over, and three channels leave a processor's lanes empty.


class FromOnePixel(nn.ConvTranspose2d):
    """A transposed convolution of one pixel: a matrix product ("project and reshape", Radford et
    al. 2016, figure 1). Stride 1, no padding, no bias."""

    def forward(self, x: Tensor) -> Tensor:  # (N, C, 1, 1) -> (N, out, k, k), channels-last
        weight = self.weight.permute(0, 2, 3, 1)  # (C, k, k, out)
        return (x.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:]).permute(0, 3, 1, 2)


class ToOnePixel(nn.Conv2d):
    """A convolution as large as its input: a matrix product. Stride 1, no padding."""

    def forward(self, x: Tensor) -> Tensor:  # (N, C, k, k) -> (N, out, 1, 1)
        x, weight = (each.permute(0, 2, 3, 1).flatten(1) for each in (x, self.weight))
        return F.linear(x, weight, self.bias)[:, :, None, None]


class ToImage(nn.ConvTranspose2d):
    """A transposed convolution with kernel 4, stride 2, padding 1, as a plain one with kernel 3 and
    four times the channels, which are the 2x2 pixels that come of each (Shi et al. 2016)."""

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) -> (N, out, 2H, 2W)
        # With a border of zeros the kernel is 3x3 blocks of 2x2; mirrored, because a transposed
        # convolution spreads what a convolution gathers.
        blocks = F.pixel_unshuffle(F.pad(self.weight, (1, 1, 1, 1)), 2)  # (C, 4 out, 3, 3)
        kernel = blocks.transpose(0, 1).flip(2, 3)
        return F.pixel_shuffle(F.conv2d(x, kernel, self.bias.repeat_interleave(4), padding=1), 2)
