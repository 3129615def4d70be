"""Speed of a download from loopback against a plain copy that hashes what it copies.

    python -m benchmarks.bench_download [FOLDER with images.tar] [rounds]

The server runs in a process of its own. Both sides write a new file and flush it to the disk; ours
also checks that the archive is whole. Without a folder, 125 MB of random bytes in a tar stand in.
"""

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.common import files
from pipeline.data.archives import reader
from pipeline.download import mirrors
from pipeline.download.retry import RetryPolicy

PICTURES, PICTURE_BYTES = 20_000, 6_000


def copy_with_hash(source: Path, destination: Path) -> str:
    digest = hashlib.sha256()
    with open(source, "rb") as reader, open(destination, "wb") as writer:
        while block := reader.read(1 << 20):
            digest.update(block)
            writer.write(block)
    files.sync(destination)
    return digest.hexdigest()


def download(address: str, folder: Path) -> str:
    return mirrors.fetch(
        [address],
        folder / "raw" / "images.tar",
        keep=folder / "keep",
        base=folder,
        sha256=None,
        policy=RetryPolicy(timeout_s=30, retries=0, retry_wait_s=1),
        check=lambda path: reader.TarArchive(path).close(),
    )


def timed(work: Callable[[], str]) -> tuple[float, str]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        if len(sys.argv) > 1:
            served = Path(sys.argv[1])
        else:
            served = scratch / "served"
            names = (f"Images/c/{number}.jpg" for number in range(PICTURES))
            reader.write_tar(
                served / "images.tar", ((name, os.urandom(PICTURE_BYTES)) for name in names)
            )
        source = served / "images.tar"
        command = [sys.executable, "-m", "tests.standins.file_server", str(served)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            address = f"{server.stdout.readline().strip()}/images.tar"
            ours, plain = [], []
            for number in range(rounds + 1):
                folder = scratch / str(number)
                folder.mkdir()
                copied_s, one = timed(lambda folder=folder: copy_with_hash(source, folder / "x"))
                fetched_s, two = timed(lambda folder=folder: download(address, folder))
                assert one == two
                if number:  # the first round warms the caches
                    ours.append(fetched_s)
                    plain.append(copied_s)
        finally:
            server.kill()
            server.wait()
        megabytes = source.stat().st_size / 1e6
    ratios = [copied_s / fetched_s for copied_s, fetched_s in zip(plain, ours, strict=True)]
    for name, seconds in (("copy with hash", plain), ("download", ours)):
        median = statistics.median(seconds)
        print(f"{name:15} {median:.3f} s  {megabytes / median:6.0f} MB/s  of {megabytes:.0f} MB")
    print(f"speed ratio     {statistics.median(ratios):.2f}  ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
