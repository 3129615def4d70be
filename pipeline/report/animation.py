"""Samples as an endless animation."""

import io

import numpy as np
from PIL import Image

from pipeline.images import arrays


def encode(samples: np.ndarray, kind: str, *, scale: int, frame_ms: int) -> bytes:
    """Return samples, uint8 (N, side, side, channels), as frames of a GIF or WEBP that starts anew
    at its end, `scale` times as large, each shown for so many milliseconds."""
    side = samples.shape[1] * scale
    frames = [
        arrays.to_pillow(sample).resize((side, side), Image.Resampling.BICUBIC)
        for sample in samples
    ]
    settings = {"quality": 85, "method": 4} if kind == "WEBP" else {}
    buffer = io.BytesIO()
    frames[0].save(
        buffer, kind, save_all=True, append_images=frames[1:], duration=frame_ms, loop=0, **settings
    )
    return buffer.getvalue()
