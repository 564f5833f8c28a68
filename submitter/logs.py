"""
Logging: structlog to standard error, JSON lines when that is no terminal.

Receipt handles, students' output, expected output and credentials stay out of
the log. Names from strangers are values, so that a line break in one is escaped.
"""

import contextlib
import logging
import sys

import structlog

# Every event that is logged, and what it tells; docs/operators.md lists them for the operator.
EVENTS = {
    "apparmor_profile_missing": "this host has AppArmor but not our profile: executors get Docker's, without boxes",
    "boxes_unavailable": "executors cannot make boxes here; every case gets an executor of its own instead",
    "case_run_again": "a case was too slow while the machine was short of processors; it was run once more, alone",
    "client_not_started": "no thread could be made for a message; it was given back",
    "daemon_started": "the daemon takes messages",
    "daemon_stopped": "the daemon has ended; unfinished: messages that come back when their visibility runs out",
    "lease_not_renewed": "a message's visibility could not be extended; it is tried again",
    "dependency_away": "the bucket, Postgres, the sandbox or room on this host is missing; no messages are taken",
    "dependency_back": "what was away answers again; messages are taken",
    "executors_renewed": "SIGHUP came: executors that wait were ended, and new ones are started",
    "rejudging_waits": "judging anew waits until nothing waits on the queue; waiting: messages there",
    "lease_lost": "a message or submission in hand is somebody else's now, or may be; its thread stops",
    "executor_lost": "an executor ended or fell silent in the middle of a case; the case is run once more",
    "executor_not_started": "no executor could be started ahead; it is tried again after a growing delay",
    "preload_failed": "modules that an assignment names could not be preloaded; its programs run without that",
    "executor_sick": "an executor that waited did not answer; it is replaced",
    "leftovers_swept": "what a dead process of ours left on this host was removed",
    "library_warned": "a library that we use, psycopg's connection pool for one, has a warning",
    "master_failed": "the thread that polls the queue died; the daemon ends",
    "message_ignored": "a message that asks for nothing, such as S3's test event",
    "message_moved_aside": "nobody understands a message, or it failed too often: to the dead-letter queue",
    "message_not_settled": "a message could not be deleted, moved or given back; it comes back by itself",
    "message_repeated": "a message came again whose submission had been graded; it is deleted",
    "message_split": "an S3 event with several objects became a message for each",
    "metadata_fields_unknown": "a submission's metadata has fields that are not ours; they were left out",
    "not_contained": "at its start the daemon could do what no program may; it takes no messages, and tries again",
    "notice_failed": "a student cannot be told of a result by e-mail; the grade stands",
    "notice_not_noted": "a result was published without a notice for its students; the grade stands",
    "notice_sent": "the mail service has taken a mail about a result",
    "notice_unclear": "the mail service may have taken a mail about a result; it is not sent again unasked",
    "notices_wait": "the mail service or Postgres is away for notices; they are sent later, and grading goes on",
    "operator_needed": "AWS refuses us for something that hardly mends itself: the clock, the credentials, the region",
    "pool_keeper_failed": "an error that nobody foresaw while executors were started, asked or swept; it goes on",
    "queue_unavailable": "the queue did not answer; it is tried again after a growing delay",
    "receipt_handle_expired": "a message's visibility ran out before we were done with it",
    "sandbox_chosen": "which sandbox programs run in, and why",
    "sandbox_unavailable": "at its start the daemon could run no program at all; it tries again",
    "shutdown_hurried": "the grace period was over, or a second signal came: running cases were ended",
    "shutdown_started": "a signal to stop came",
    "spot_notice_received": "EC2 takes this instance back; the daemon ends in the time that is left",
    "submission_failed": "an attempt failed by our fault or a dependency's; the message was given back",
    "submission_graded": "a submission's result is published",
    "submission_left": "nothing more is done for a submission, since somebody else has it now, or may have",
    "submission_received": "an attempt at grading a submission begins",
    "submission_rejudged": "a result was judged anew, as a plan says, and published",
    "submission_rejected": "a submission cannot be graded; the reason is published",
    "assignment_refused": "an assignment's cases cannot be graded; its submissions are rejected until they are mended",
    "submission_superseded": "a newer upload came while an older one was graded; the newest is graded",
    "submission_waits": "a file is missing, or the same submission is being graded; the message was given back",
    "thread_failed": "a thread ended by an error that nobody foresaw; if others need it, the daemon ends",
    "tokens_unknown": "tokens in a submission's metadata are not registered",
    "trigger_failed": "the embedded stack could not hand an S3 event to the trigger; it is tried again",
}


def configure(log_format: str, *, quiet: bool = False) -> None:
    """
    Set up logging for the process.

    Args:
        log_format: json, pretty, or auto (pretty on a terminal).
        quiet: warnings and errors only, for commands whose own output is the message.
    """
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if pretty:
        processors.append(structlog.dev.ConsoleRenderer())
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(_STDERR),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


class _Stderr:
    """
    Standard error, as long as it can be written to: its reader may be gone, or its disk full.

    A line that nobody gets is lost, and nothing else: a log must never cost a submission, or the thread that polls.
    """

    # Looked up at each call, not kept: a test or a daemon may replace it.
    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


_STDERR = _Stderr()


class _Libraries(logging.Handler):
    """Hands the standard library's log records, which libraries make, to ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().warning("library_warned", library=record.name, text=record.getMessage())
