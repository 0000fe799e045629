"""What `submit` may raise. An expected refusal is an outcome; these are the cases in which there is none.

EngineFault
├── Overloaded         503  the lane's queue is full; come back after `retry_after_seconds`
├── DeadlineExceeded   503  waited longer than its deadline; nothing was changed
├── Unavailable        503  the database can't do it now, or the engine is stopping; nothing was changed
│   └── OutcomeUnknown 503  the database went away during COMMIT; the same request, sent again, tells
└── CommandFailed      500  deciding or saving this one command fails, whenever it is tried; nothing was changed
"""


class EngineFault(Exception):
    """No outcome. `retryable` says whether the same command may succeed if sent again."""

    retryable = True


class Overloaded(EngineFault):
    """The lane's queue is full. `retry_after_seconds` is estimated from the lane's recent rate."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"too many commands wait; retry after {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class DeadlineExceeded(EngineFault):
    """The command waited longer than its deadline. It was in no transaction that may have been committed."""


class Unavailable(EngineFault):
    """The command could not be carried out now. Nothing was changed."""


class OutcomeUnknown(Unavailable):
    """The connection was lost during COMMIT and the database has not been reached since, or it doesn't answer at all.

    The one fault after which the command may have been applied; its replay is safe and tells the outcome.
    """


class CommandFailed(EngineFault):
    """A bug or a rule of the database stands in the way of this one command; it is logged with its cause."""

    retryable = False
