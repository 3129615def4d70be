"""DCGAN's networks: strided convolutions up and down, no pooling, batch norm everywhere but at the
images, ReLU in the generator, LeakyReLU 0.2 in the discriminator, tanh at the end."""

from torch import Tensor, nn

from pipeline.images.shape import ImageShape
from pipeline.models.layers import FromOnePixel, MinibatchStddev, ToImage, ToOnePixel


class DcganGenerator(nn.Module):
    """Latents to images. At 64 px and 64 channels these are the widths of the paper's figure 1:
    512 at 4 px, 256 at 8, 128 at 16, 64 at 32, the image at 64."""

    def __init__(self, *, shape: ImageShape, latent_dim: int, channels: int) -> None:
        super().__init__()
        width = channels * shape.side_px // 8  # at 4 px; halved each time the side doubles
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
        layers += [ToImage(channels, shape.channels, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, latent_dim) normal -> (N, channels, side, side) in (-1, 1); labels are not used."""
        return self.layers(latents[:, :, None, None])


class DcganDiscriminator(nn.Module):
    """Images to logits: the generator's mirror, without batch norm next to the images."""

    def __init__(self, *, shape: ImageShape, channels: int, minibatch_stddev: bool) -> None:
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

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, channels, side, side) in [-1, 1] -> (N,) logits, above 0 for "real"."""
        return self.layers(images).flatten()
