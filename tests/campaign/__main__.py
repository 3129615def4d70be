"""Run the campaign: `python -m tests.campaign --work DIR --kills 100 --disks 50 --damages 200`.

What has happened is in DIR/results.jsonl: the same command goes on where it was stopped.
"""

import argparse
import json
import random
from pathlib import Path

from tests import checkout
from tests.campaign import damage, disks, kills, place, stages
from tests.campaign.results import Results


def main() -> None:
    """Make a run that is whole, then break it in each way, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="an empty folder")
    parser.add_argument("--seed", type=int, default=1)
    for name in ("kills", "disks", "damages"):
        parser.add_argument(f"--{name}", type=int, default=10, metavar="N")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    results = Results(work / "results.jsonl")
    fresh, made, expected = _a_whole_run(work)
    stages.load()
    for module, count in ((damage, options.damages), (disks, options.disks)):
        for number in range(count):
            if not results.has(module.KIND, number):
                rng = random.Random(f"{options.seed} {module.KIND} {number}")
                results.add([module.once(made, expected, work, number=number, rng=rng)])
    for first in range(0, options.kills, kills.A_CHAIN):
        if not results.has(kills.KIND, first):
            rng = random.Random(f"{options.seed} {kills.KIND} {first}")
            count = min(kills.A_CHAIN, options.kills - first)
            results.add(kills.chain(fresh, expected, work, first=first, count=count, rng=rng))
    print(f"\nseed {options.seed}\n\n{results.markdown()}")


def _a_whole_run(work: Path) -> tuple[Path, Path, dict[str, str]]:
    """Return a checkout in which nothing has run, one in which all has, and the latter's hashes."""
    fresh, made = work / "fresh" / "checkout", work / "made" / "checkout"
    hashes = work / "expected.json"
    if not hashes.is_file():
        place.make(fresh)
        place.copy(fresh, made)
        checkout.run(made, "python", "-m", "pipeline", "repro")
        expected = place.hashes(made)
        assert all(expected.values()), expected
        hashes.write_text(json.dumps(expected))
    return fresh, made, json.loads(hashes.read_text())


if __name__ == "__main__":
    main()
