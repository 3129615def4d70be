"""Images that the tests of the distillation take."""

from tests.scoring.conftest import smooth

__all__ = ["smooth"]
