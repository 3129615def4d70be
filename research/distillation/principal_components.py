"""Smooth random images, made of the principal components of photos."""

import numpy as np
import torch

_COMPONENTS = 400  # the first of the photos' principal ones: nine tenths of their variance


def random_images(photos: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return images that are smooth and show nothing, like those of an untrained autoencoder.

    Each uses the first 4 to 400 components. Their scores are drawn from the normal distribution or
    taken from random photos, and scaled.

    Args:
        photos: (M, side, side, 3) uint8.

    Returns:
        (count, side, side, 3) uint8.
    """
    torch.manual_seed(int(rng.integers(2**31)))
    rows = torch.from_numpy(photos.reshape(len(photos), -1)).float()
    middle = rows.mean(0)
    components = min(_COMPONENTS, len(photos))
    _, _, directions = torch.svd_lowrank(rows - middle, components, niter=1)
    scores = ((rows - middle) @ directions).numpy()
    spread = scores.std(0)
    made = np.empty((count, components), np.float32)
    for i in range(count):
        drawn = rng.normal(0, spread)
        if rng.random() < 0.5:
            # So many neighbouring components come from the same photo.
            run = int(rng.choice([1, 5, 25, 100]))
            sources = rng.integers(len(photos), size=_COMPONENTS).reshape(-1, run)[:, :1]
            sources = np.repeat(sources, run, 1).reshape(-1)[:components]
            drawn = scores[sources, np.arange(components)]
        kept = np.arange(components) < np.exp(rng.uniform(np.log(4), np.log(_COMPONENTS)))
        made[i] = drawn * kept * rng.uniform(0.5, 1.2)
    images = torch.from_numpy(made) @ directions.T + middle
    return images.round().clamp(0, 255).to(torch.uint8).numpy().reshape(-1, *photos.shape[1:])
