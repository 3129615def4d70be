"""Pictures a second: the embedded network against Inception v3 at 299 px, alternating in one run.

`python -m benchmarks.bench_embedded` (Inception's speed does not depend on its weights:
torchvision's architecture with random ones, float32, channels-last, stands for it).
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from pipeline.scoring.extractors import embedded


def inception() -> Callable[[np.ndarray], np.ndarray]:
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, init_weights=False, aux_logits=False).eval()
    network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def features(images: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float().sub(128).div(128)
        return network(F.interpolate(x, size=299, mode="bilinear")).numpy()

    return features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    images = np.random.default_rng(0).integers(0, 256, (1024, 64, 64, 3), dtype=np.uint8)
    contestants = {"embedded": (embedded.load().features, 1024), "inception": (inception(), 16)}
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(options.rounds + 1):
        for name, (features, count) in contestants.items():
            start = time.perf_counter()
            features(images[:count])
            if round_:  # the first warms up
                rates[name].append(count / (time.perf_counter() - start))
    medians = {name: statistics.median(each) for name, each in rates.items()}
    for name, each in rates.items():
        print(f"{name}: {medians[name]:.1f} images/s (best {max(each):.1f})")
    print(f"ratio of the medians: {medians['embedded'] / medians['inception']:.1f}")


if __name__ == "__main__":
    main()
