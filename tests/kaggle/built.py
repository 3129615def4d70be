"""A kernel built from the package as it stands, with parameters that nothing runs."""

from typing import Any

from pipeline.kaggle.bundle import build
from pipeline.kaggle.kernel import Kernel
from tests.conftest import REPOSITORY

PARAMETERS = {"params": {"generate": {"count": 40}}, "time_limit_hours": 9.0}


def built(kernel_type: str = "script", **changes: Any) -> Kernel:
    """Return the kernel; `changes` are arguments of `build.build`."""
    options: dict[str, Any] = {
        "parameters": PARAMETERS,
        "kernel_type": kernel_type,
        "username": "tester",
        "slug": "some-dogs",
        "competition": "generative-dog-images",
        "machine_shape": "NvidiaTeslaT4",
        "private": True,
    }
    return build.build(REPOSITORY, **(options | changes))
