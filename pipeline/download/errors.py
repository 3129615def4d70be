"""What can go wrong with one file on its way from or to one server."""

from pipeline.common.errors import PipelineError


class TransferFailed(PipelineError):
    """A file did not get through. The message names neither the file nor the address: the caller
    knows them, and a signed address must not be shown."""


class PermanentFailure(TransferFailed):
    """The request cannot succeed: a refusal, a bad certificate, an address that is none."""


class GaveUp(TransferFailed):
    """The retries are used up, or the server asks for a longer wait than `LONGEST_RETRY_AFTER_S`.

    Attributes:
        last: the failure of the last try.
    """

    def __init__(self, message: str, last: Exception) -> None:
        super().__init__(message)
        self.last = last


class FileCorrupt(TransferFailed):
    """The file came whole, and is not the right one."""
