"""DCGAN's networks: strided convolutions up and down, no pooling, batch norm everywhere but at the
images, ReLU in the generator, LeakyReLU 0.2 in the discriminator, tanh at the end."""

from torch import Tensor, nn

from pipeline.images.shape import ImageShape
from pipeline.models.layers import (
    FromOnePixel,
    MinibatchStddev,
    ToImage,
    ToOnePixel,
    with_labels,
)


class DcganGenerator(nn.Module):
    """Latents to images. At 64 px and 64 channels these are the widths of the paper's figure 1:
    512 at 4 px, 256 at 8, 128 at 16, 64 at 32, the image at 64. A class, where there are classes,
    lies beside the latent as one more row of ones and zeros (Mirza and Osindero 2014, arXiv
    1411.1784)."""

    def __init__(
        self, *, shape: ImageShape, latent_dim: int, channels: int, classes: int = 0
    ) -> None:
        super().__init__()
        self._classes = classes
        width = channels * shape.side_px // 8  # at 4 px; halved each time the side doubles
        layers = [
            FromOnePixel(latent_dim + classes, width, 4, bias=False),
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
        layers += [ToImage(channels, shape.channels, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, latent_dim) normal, (N,) labels -> (N, channels, side, side) in (-1, 1)."""
        return self.layers(with_labels(latents, labels, self._classes)[:, :, None, None])


class DcganDiscriminator(nn.Module):
    """Images to logits: the generator's mirror, without batch norm next to the images. Where there
    are classes, the last maps are projected on the image's class (Miyato and Koyama 2018, arXiv
    1802.05637)."""

    def __init__(
        self, *, shape: ImageShape, channels: int, minibatch_stddev: bool, classes: int = 0
    ) -> None:
        super().__init__()
        layers = [
            nn.Conv2d(shape.channels, channels, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        width = channels
        while width < channels * shape.side_px // 8:  # doubled as the side halves, down to 4 px
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
        self.projection = None
        if classes:
            self.projection = nn.Embedding(classes, width + minibatch_stddev)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, channels, side, side) in [-1, 1], (N,) labels -> (N,) logits, above 0 for "real"."""
        if self.projection is None:
            return self.layers(images).flatten()
        maps = self.layers[:-1](images)
        logits = self.layers[-1](maps).flatten()
        return logits + (self.projection(labels) * maps.sum((2, 3))).sum(1)
