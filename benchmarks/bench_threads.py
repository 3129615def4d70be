"""What CPU cores give training: images a second by channels and batch, on one core and on all.

    python -m benchmarks.bench_threads                    # on a quiet machine
    python -m benchmarks.bench_threads --busy 4           # beside four programs that compute

As on a processor with AVX2 only, on one that has more:

    ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
        python -m benchmarks.bench_threads --precision float32

One core; all cores as `train.threads: auto` has them; and with all threads in each product or
convolution. Each has a process of its own with the default's step (R1 and the minibatch standard
deviation left out), and they take turns. Shares are of what a large matrix product reaches on all
cores, measured in the same run before each line. Ratios are to one core.
"""

import argparse
import multiprocessing
import statistics
from contextlib import ExitStack, closing

from pipeline.common import cores

cores.prepare()

import torch  # noqa: E402  # after OpenMP was told how to wait

from benchmarks import anatomy  # noqa: E402
from benchmarks.bench_train import LoopProcess  # noqa: E402
from pipeline.training.engine import precision  # noqa: E402

CPU = torch.device("cpu")
SECONDS = 2.0  # of a turn


def compute_for_ever() -> None:
    """Keep a core busy."""
    number = 1
    while True:
        number = number * 48271 % 2147483647


def line(channels: int, batch_size: int, rounds: int, kind: str) -> str:
    """Return a row of the table; `kind` is train.precision."""
    peak = anatomy.peak_flops_per_s(CPU, precision.pick(kind, CPU))
    everything = cores.usable()
    ways: list[tuple[int, int | str]] = [(1, 1), (everything, "auto"), (everything, everything)]
    with ExitStack() as stack:
        loops = []
        for usable, asked in ways:
            loop = LoopProcess(
                "ours", channels, batch_size, "cpu", usable, threads=asked, precision=kind
            )
            loops.append(stack.enter_context(closing(loop)))
            loop.seconds(3)
        steps = max(2, round(SECONDS / loops[0].seconds(3)[0]))
        taken: list[list[float]] = [[] for _ in loops]
        for _ in range(rounds):
            for times, loop in zip(taken, loops, strict=True):
                times.append(loop.seconds(steps)[0])
        flops = loops[0].flops()
    cells = [str(channels), str(batch_size)]
    for times in taken:
        seconds = statistics.median(times)
        cells.append(f"{batch_size / seconds:.0f}, {flops / seconds / peak:.0%}")
    for times in taken[1:]:
        ratios = [a / b for a, b in zip(taken[0], times, strict=True)]
        cells.append(f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, nargs="+", default=[16, 24, 32, 64])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[4, 8, 16, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="auto", help="train.precision")
    parser.add_argument("--busy", type=int, default=0, help="programs that compute beside it")
    options = parser.parse_args()
    torch.set_num_threads(cores.usable())
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=compute_for_ever, daemon=True) for _ in range(options.busy)]
    for process in busy:
        process.start()
    dtype = precision.pick(options.precision, CPU)
    print(f"{cores.usable()} cores, {options.busy} busy programs, {dtype}")
    ways = ("one core", "all, auto", "all threads in each product")
    heads = ["channels", "batch", *(f"{way}: images/s, share" for way in ways), *ways[1:]]
    print(f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", sep="\n")
    for channels in options.channels:
        for batch_size in options.batch_sizes:
            print(line(channels, batch_size, options.rounds, options.precision), flush=True)


if __name__ == "__main__":
    main()
