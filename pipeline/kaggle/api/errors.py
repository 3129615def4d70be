"""What can go wrong between here and Kaggle, each with the next step for the user."""

from pipeline.common.errors import PipelineError


class KaggleError(PipelineError):
    """Something about Kaggle. Messages never hold a token, a key or a signed address."""


class NoCredentials(KaggleError):
    """Nothing that the client takes as credentials was found."""


class Refusal(KaggleError):
    """Kaggle answered, and did not do what it was asked for."""


class CredentialsRefused(Refusal):
    """HTTP 401: Kaggle does not know the token or key."""


class AccessRefused(Refusal):
    """HTTP 403: rules not accepted, a kernel of somebody else, or one that does not exist."""


class NotFound(Refusal):
    """HTTP 404: no such competition, kernel or file."""


class RequestRefused(Refusal):
    """HTTP 400 and its like: Kaggle, or its client before it sent anything, said no."""


class Unavailable(KaggleError):
    """No usable answer within the deadline, after all the retries."""


class Unclear(Unavailable):
    """The answer to a request that must not be sent twice was lost: it may have counted."""


class UnexpectedAnswer(Unavailable):
    """Answers came, and none that this version of the client understands."""


class PreflightFailed(KaggleError):
    """Something was wrong before anything was sent."""


class PushRefused(KaggleError):
    """The kernel was not taken as it is, although the request itself went through.

    Attributes:
        version: the number of the version that runs all the same, or 0.
    """

    def __init__(self, message: str, version: int = 0) -> None:
        super().__init__(message)
        self.version = version


class KernelFailed(KaggleError):
    """The kernel ended in an error or was cancelled."""


class KernelUnfinished(KaggleError):
    """The kernel, or its scoring, is not done by `submit.deadline_hours`."""


class OutputMissing(KaggleError):
    """The kernel finished without the file it is run for."""


class SubmissionRefused(KaggleError):
    """Kaggle did not take the submission, or its evaluator ended in an error."""
