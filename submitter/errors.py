"""
Every exception that Submitter raises on purpose.

A student's failing program is a value (a verdict), never an exception; an
exception means that a document was wrong or that we failed. Only `daemon.py`
and `cli.py` turn a class into an action; everyone else lets it pass.
"""


class SubmitterError(Exception):
    """The base: its text is one line for the person who can mend it."""


class ConfigError(SubmitterError):
    """A setting is missing or wrong (the operator's fault): one message for all of them, exit code 2."""


class MessageNotUnderstood(SubmitterError):
    """A message's body or the key in it means nothing to us: it goes to the dead-letter queue with this text."""


class SubmissionRejected(SubmitterError):
    """
    The submission can never be graded as it is, whoever tries.

    The text is shown to the student, so it says in their words what to do, and
    names no other student, no path and nothing of our inside. `detail` is what
    exactly is wrong with an assignment, for those who can mend it: a first line
    that may be logged, and lines that may quote cases, which may not.
    """

    def __init__(self, text: str, *, detail: str | None = None) -> None:
        super().__init__(text)
        self.detail = detail


class AssignmentRefused(SubmitterError):
    """Case files or an assignment that an admin gave us do not hold together; nothing of them was stored."""


class ReportUnwritable(SubmitterError):
    """A report cannot be written to the file or directory that somebody named."""


class NewerUpload(SubmitterError):
    """A newer upload of the submission arrived while this one was graded: its own result is the one to show."""


class LeaseLost(SubmitterError):
    """Our right to work on a message or a submission has ended: somebody else has it now, or may have."""


class AlreadyGraded(SubmitterError):
    """The message was seen through before, and only its deletion is missing."""


class FailedTooOften(SubmitterError):
    """One message's submission has failed so often by its own doing that nobody should try again unasked."""


class Unavailable(SubmitterError):
    """
    Something that we need is away for now: worth another attempt later, never the student's fault.

    `needs_operator`: it will hardly come back by itself, and the text says what to do.
    """

    def __init__(self, text: str, *, needs_operator: bool = False) -> None:
        super().__init__(text)
        self.needs_operator = needs_operator


class QueueUnavailable(Unavailable):
    """SQS did not do what we asked."""


class CasesUnavailable(Unavailable):
    """Postgres did not do what we asked."""


class StoreUnavailable(Unavailable):
    """S3 did not do what we asked."""


class MailUnavailable(Unavailable):
    """The mail service did not take a mail, for certain, and may another time."""


class MailRefused(SubmitterError):
    """The mail service will never take this mail, or not for this address."""


class MailUnclear(SubmitterError):
    """The mail service may have taken the mail: its answer did not come."""


class HostShort(Unavailable):
    """This host is short of something: room on the work directory's disk, or rights there."""


class SandboxUnavailable(Unavailable):
    """The sandbox could not run a case, or its executor broke the protocol."""


class ImageUnfit(SandboxUnavailable):
    """The engine is there, and has no executor image, or one of another version; the text says how to make it."""


class ExecutorLost(SandboxUnavailable):
    """
    An executor that had started broke off, fell silent or broke the protocol in the middle of a case.

    `out_of_memory` tells that the kernel ended it for want of memory, and `from_outside` that somebody from outside
    killed or removed it, which no program can; where that is known.
    """

    def __init__(self, text: str, *, out_of_memory: bool = False, from_outside: bool = False) -> None:
        super().__init__(text)
        self.out_of_memory = out_of_memory
        self.from_outside = from_outside


class SandboxClosed(SandboxUnavailable):
    """This process is ending, and has ended its runs."""


class NotBegun(SandboxUnavailable):
    """
    An executor was there, but could not begin with this very submission.

    Most likely a fault of ours; should it come again and again, the submission has a part in it.
    """


class NotThereYet(Unavailable):
    """The metadata or the program is not in the bucket; the two uploads may land in any order, so it may come."""


class SubmissionBusy(Unavailable):
    """
    Somebody else grades this very upload.

    `free_in_s` is when their right to do so ends unless they renew it, where that is known.
    """

    def __init__(self, text: str, *, free_in_s: float = 0.0) -> None:
        super().__init__(text)
        self.free_in_s = free_in_s
