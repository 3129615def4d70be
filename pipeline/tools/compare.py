"""`compare`: runs side by side in one page."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(options: argparse.Namespace) -> None:
    pass
