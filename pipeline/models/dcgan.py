"""DCGAN (Radford, Metz and Chintala 2016, arXiv 1511.06434): strided convolutions up and down, no
pooling, batch norm everywhere but at the images, ReLU in G, LeakyReLU 0.2 in D, tanh at the end."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Generator(nn.Module):
    """Latents to images. At 64 px and 64 channels these are the widths of the paper's figure 1:
    512 at 4 px, 256 at 8, 128 at 16, 64 at 32, RGB at 64."""

    def __init__(self, *, side_px: int, latent_dim: int, channels: int) -> None:
        super().__init__()
        width = channels * side_px // 8  # at 4 px; halved each time the side doubles
        layers = [
            FromOnePixel(latent_dim, width, 4, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        while width > channels:
            layers += [
                nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width // 2),
                nn.ReLU(inplace=True),
            ]
            width //= 2
        layers += [ToImage(channels, 3, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.latent_dim = latent_dim
        self.side_px = side_px

    def forward(self, latents: Tensor) -> Tensor:  # (N, latent_dim) normal
        return self.layers(latents[:, :, None, None])  # (N, 3, side, side) in (-1, 1)


class Discriminator(nn.Module):
    """Images to logits: the generator's mirror, without batch norm next to the images."""

    def __init__(self, *, side_px: int, channels: int, minibatch_stddev: bool = False) -> None:
        super().__init__()
        layers = [
            nn.Conv2d(3, channels, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        width = channels
        while width < channels * side_px // 8:  # doubled each time the side halves, down to 4 px
            layers += [
                nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(2 * width),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            width *= 2
        if minibatch_stddev:
            layers += [MinibatchStddev()]
        layers += [ToOnePixel(width + minibatch_stddev, 1, 4)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:  # (N, 3, side, side) in [-1, 1]
        return self.layers(images).flatten()  # (N,) logits; above 0 means "real"


class MinibatchStddev(nn.Module):
    """One more feature map: how much an image's group differs (Karras et al. 2018, arXiv
    1710.10196, section 3), so that D can see when G makes the same picture again and again.

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


# Three of the convolutions, computed in a way that is quicker than torch's: where a map has one
# pixel there is nothing to slide over, and three channels leave a processor's lanes empty.


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
