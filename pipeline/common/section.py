"""The base of every section of params.yaml, and the types that several of them use."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Lists of the file become tuples: strict about what they hold, not about that.
Range = Annotated[tuple[float, float], Strict(False)]
Texts = Annotated[tuple[str, ...], Strict(False), Field(min_length=1)]


class Section(BaseModel):
    """A section of params.yaml: frozen, complete (no defaults), without unknown keys, and strict
    (no "12" for 12, no yes for true)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
