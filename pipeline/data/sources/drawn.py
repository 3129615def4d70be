"""The embedded data set: dogs drawn here, in the layout of Stanford Dogs, without any download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from pipeline.common.section import Section

if TYPE_CHECKING:
    from pipeline.data.sources.source import Request

IS_OWN_WORK = True


class Parameters(Section):
    """The sub-section `data.drawn`."""

    pictures: int = Field(ge=24, le=100_000)
    seed: int = Field(ge=0)


def write(request: Request, parameters: Parameters) -> None:
    """Draw the dogs; see `archives.write`."""
    from pipeline.data.drawn import archives

    archives.write(request.raw, pictures=parameters.pictures, seed=parameters.seed)
