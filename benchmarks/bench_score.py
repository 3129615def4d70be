"""The score's three costs against the libraries: `python -m benchmarks.bench_score [PART]`.

PART: features (Inception against torch-fidelity and pytorch-fid as they come), trace (of the root
against scipy's sqrtm), distance (d against one float32 product and min), memory (of d). Ours and
theirs alternate in one run; medians are printed.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pipeline.scoring import mifid
from pipeline.scoring.extractors.inception import Inception, network
from pipeline.scoring.nearest import nearest

DIMENSIONS = 2048


def compare(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, object]:
    """Run each once to warm up, then in turn; print medians and ratios to the first.

    Processor seconds, of all threads together, tell more where the machine has other work.
    """
    results = {name: function() for name, function in work.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, function in work.items():
            start = time.perf_counter(), time.process_time()
            function()
            times[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    middles = {
        name: [statistics.median(column) for column in zip(*values, strict=True)]
        for name, values in times.items()
    }
    ours = next(iter(middles.values()))
    for name, (wall, processor) in middles.items():
        print(
            f"  {name:28s} {wall:8.2f} s ({wall / ours[0]:5.2f} of ours), "
            f"processor {processor:8.2f} s ({processor / ours[1]:5.2f})",
            flush=True,
        )
    return results


def features(count: int, *, seed: int, rank: int = 100) -> np.ndarray:
    """Like a network's pooled ReLUs: correlated, not negative."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((rank, DIMENSIONS)) / rank**0.5
    values = random.standard_normal((count, rank)) @ mixing
    values += 0.5 * random.standard_normal((count, DIMENSIONS))
    return np.maximum(values, 0).astype(np.float32)


def bench_features(rounds: int, count: int) -> None:
    from pytorch_fid import inception as pytorch_fid

    from tests.scoring.extractors import inception_weights

    state = inception_weights.seeded()
    if os.environ.get("INCEPTION_PARTIAL"):
        state = inception_weights.partial()
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    images = images.repeat(8, axis=1).repeat(8, axis=2)
    ours = Inception(state, identity="", side_px=64)
    rough = Inception(state, identity="", side_px=64, precision="bfloat16")
    fidelity = inception_weights.torch_fidelity_extractor(state, DIMENSIONS)
    layers = network().eval().requires_grad_(False)
    layers.load_state_dict({name: state[name] for name in layers.state_dict()})
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    def as_pytorch_fid() -> np.ndarray:
        """Its forward pass: half-pixel resize, then blocks of its own that equal these."""
        with torch.no_grad():
            x = torch.nn.functional.interpolate(
                batch.float() / 255, size=(299, 299), mode="bilinear", align_corners=False
            )
            return layers(2 * x - 1).mean((2, 3)).numpy()

    def as_torch_fidelity() -> np.ndarray:
        with torch.no_grad():
            return fidelity(batch)[0].numpy()

    assert pytorch_fid.InceptionV3.BLOCK_INDEX_BY_DIM[DIMENSIONS] == 3
    print(f"features of {count} pictures")
    found = compare(
        {
            "ours, float32": lambda: ours.features(images),
            "ours, bfloat16": lambda: rough.features(images),
            "torch-fidelity": as_torch_fidelity,
            "pytorch-fid": as_pytorch_fid,
        },
        rounds,
    )
    exact = found["torch-fidelity"]
    for name in ("ours, float32", "ours, bfloat16"):
        error = np.linalg.norm(found[name] - exact) / np.linalg.norm(exact)
        print(f"  {name}: {error:.1e} off torch-fidelity's (relative, norm)")


def bench_trace(rounds: int, _: int) -> None:
    import scipy.linalg

    for label, counts in {
        "full rank": (5000, 6000),
        "1,000 generated": (1000, 6000),
        "1,000 and 1,500": (1000, 1500),
    }.items():
        generated, real = (
            mifid.statistics(features(count, seed=seed)) for seed, count in enumerate(counts)
        )
        cached = mifid.Statistics(real.mean, real.covariance)  # as the reference keeps it
        print(f"trace of the root, {label}, {DIMENSIONS} dimensions")

        def by_sqrtm(generated=generated, real=real) -> float:
            return np.trace(scipy.linalg.sqrtm(generated.covariance @ real.covariance)).real

        found = compare(
            {
                "ours": lambda generated=generated, cached=cached: mifid._trace_of_root(
                    generated, cached
                ),
                "scipy sqrtm": by_sqrtm,
            },
            rounds,
        )
        print(f"  relative difference {abs(found['ours'] / found['scipy sqrtm'] - 1):.1e}")


def bench_distance(rounds: int, _: int) -> None:
    generated, real = features(10_000, seed=1), features(22_000, seed=2)

    def plain() -> float:
        one, other = torch.from_numpy(generated), torch.from_numpy(real)
        one = one / one.norm(dim=1, keepdim=True)
        other = other / other.norm(dim=1, keepdim=True)
        return float((1 - (one @ other.T).abs()).min(dim=1).values.double().mean())

    print("d of 10,000 against 22,000")
    found = compare(
        {
            "ours": lambda: mifid.memorization_distance(
                generated_features=generated, real_features=real
            ),
            "one float32 product and min": plain,
        },
        rounds,
    )
    print(f"  difference {abs(found['ours'] - found['one float32 product and min']):.1e}")


def bench_memory(_: int, __: int) -> None:
    """Linux only: the peak since it was reset."""
    generated, real = features(10_000, seed=1), features(22_000, seed=2)
    nearest(generated_features=generated[:10], real_features=real[:10])
    Path("/proc/self/clear_refs").write_text("5")
    before = status_bytes("VmRSS")
    nearest(generated_features=generated, real_features=real)
    above = (status_bytes("VmHWM") - before) / 1e6
    print(f"d of 10,000 against 22,000: {above:,.0f} MB above its inputs at the peak")


def status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def main() -> None:
    parts = {
        "features": bench_features,
        "trace": bench_trace,
        "distance": bench_distance,
        "memory": bench_memory,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(parts), metavar="PART")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=64, help="pictures of `features`")
    parser.add_argument("--threads", type=int, help="of torch; default: all cores")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    for part in options.parts:
        parts[part](options.rounds, options.count)


if __name__ == "__main__":
    main()
