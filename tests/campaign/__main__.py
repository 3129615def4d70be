"""Run the campaign: `python -m tests.campaign --kills 100 --disks 50 --damages 200`."""

import argparse
import random
import tempfile
import time
from pathlib import Path

from tests import checkout
from tests.campaign import damage, disks, kills, place
from tests.campaign.table import markdown


def main() -> None:
    """Make a run that is whole, then break it in each way, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    for name in ("kills", "disks", "damages"):
        parser.add_argument(f"--{name}", type=int, default=10, metavar="N")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        fresh = place.make(work / "fresh" / "checkout")
        made = place.copy(fresh, work / "made" / "checkout")
        checkout.run(made, "python", "-m", "pipeline", "repro")
        expected = place.hashes(made)
        assert all(expected.values()), expected
        tallies = damage.campaign(made, expected, work, count=options.damages, rng=rng)
        tallies += disks.campaign(made, expected, work, count=options.disks, rng=rng)
        tallies += kills.campaign(fresh, expected, work, count=options.kills, rng=rng)
    minutes = (time.monotonic() - start) / 60
    print(f"\nseed {options.seed}, {minutes:.0f} minutes\n\n{markdown(tallies)}")


if __name__ == "__main__":
    main()
