"""Ways of sampling a finished generator: truncation, batch norm's statistics, rejection by D.

    DOGS_PHOTOS=... INCEPTION_PARTIAL=... python -m benchmarks.bench_sampling \\
        --work FOLDER --variant shipped+c32+train.batch_size=16 --images 2000000 --halflife 20000

On the generator that `benchmarks.bench_recipe` left in the work folder, scored as there; precision,
recall, density and coverage are of the same features.

Rejection is that of Azadi et al. 2019 (arXiv 1810.06758, equation 8): with F(x) the logit of D and
M its maximum over all samples, a sample is kept with probability

    sigmoid(F̂(x)),   F̂(x) = F(x) - M - log(1 - exp(F(x) - M - ε)) - γ

where γ is a percentile of the rest of F̂, which sets how many are kept. D's last layer is not fitted
anew to calibrate it, as there.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.bench_recipe import (
    FEATURES,
    GENERATED,
    Bench,
    changes_of,
    kept,
    parameters,
    saved_generator,
    scores,
)
from pipeline.common import progress, randomness
from pipeline.images import arrays
from pipeline.models.sampling import GeneratorInputs, decode, draw_inputs
from pipeline.scoring.precision_recall import diversity
from pipeline.training.engine.ema import measure_statistics
from research.long_training import LongTraining

TRUNCATIONS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, None)
PERCENTILES = (0, 50, 80)  # of F̂ without γ
_STATISTICS = 2048
_POOL = 12_000  # samples to choose from where some are rejected
_BATCH = 256
_EPSILON = 1e-6
_CPU = torch.device("cpu")


def chances(logits: np.ndarray, percentile: float) -> np.ndarray:
    """Return the probability with which each sample is kept, from D's logits, both (N,)."""
    below = logits - logits.max()
    raised = below - np.log1p(-np.exp(below - _EPSILON))
    return 1 / (1 + np.exp(np.percentile(raised, percentile) - raised))


@torch.inference_mode()
def logits_of(training: LongTraining, images: np.ndarray) -> np.ndarray:
    """Return D's logits. Its batch norm sees batches of samples alone, as in training."""
    discriminator = training.discriminator.train()
    parts = []
    for start in range(0, len(images), _BATCH):
        signed = arrays.to_signed(torch.from_numpy(images[start : start + _BATCH]))
        parts.append(discriminator(signed).numpy())
    return np.concatenate(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--variant", required=True, help="without classes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", type=int, required=True, help="a milestone, the last one")
    parser.add_argument("--halflife", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(options.work, None, _CPU)
    settings = parameters({**changes_of(options.variant), "train.seed": options.seed})
    folder = options.work / "runs" / f"{options.variant}-s{options.seed}"
    training = LongTraining(bench.dataset, settings, folder, [options.halflife], _CPU)
    path = kept(folder, options.images, options.halflife)
    generator = saved_generator(training, options.images, path)

    def inputs_of(count: int, stream: str, truncation: float | None) -> GeneratorInputs:
        latent_dim = settings.model.latent_dim
        return draw_inputs(
            options.seed, stream, 0, count, latent_dim=latent_dim, truncation=truncation
        )

    def draw(count: int, stream: str, truncation: float | None = None) -> np.ndarray:
        return decode(generator, inputs_of(count, stream, truncation), _CPU)

    def row(name: str, images: np.ndarray) -> None:
        features = bench.features(images)
        found = scores(features[:, :FEATURES], bench.real[:, :FEATURES])
        spread = diversity(
            generated_features=features[:, :FEATURES], real_features=bench.real[:, :FEATURES],
            neighbours=5, device="cpu",
        )  # fmt: skip
        numbers = (found["fid"], found["d"], spread.precision, spread.recall, spread.density,
                   spread.coverage)  # fmt: skip
        progress.say(f"| {name} | {' | '.join(f'{number:.3f}' for number in numbers)} |")

    progress.say("| sampling | FID-768 | d | precision | recall | density | coverage |")
    progress.say("|---|---|---|---|---|---|---|")
    for bound in TRUNCATIONS:
        row(f"latents within {bound}" if bound else "as drawn", draw(GENERATED, "samples", bound))
    pool = draw(_POOL, "pool")
    logits = logits_of(training, pool)
    draws = randomness.uniforms(options.seed, "rejection", 0, len(pool), 1)[:, 0]
    for percentile in PERCENTILES:
        accepted = np.flatnonzero(draws < chances(logits, percentile))
        share = len(accepted) / len(pool)
        if len(accepted) >= GENERATED:
            row(f"rejection, {share:.0%} kept", pool[accepted[:GENERATED]])
    for bound in (1.0, 1.5):
        inputs = inputs_of(_STATISTICS, "norm", bound)
        measure_statistics(generator, inputs, _BATCH)
        row(f"within {bound}, statistics of such latents", draw(GENERATED, "samples", bound))


if __name__ == "__main__":
    main()
