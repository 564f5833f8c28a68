"""
The composition root: what is made of which, from a Config. The only importer of `adapters`.

Heavy libraries are imported where they are used, so that `submitter --help` is quick.
"""

import contextlib
import functools
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from submitter import crash
from submitter.config import Config
from submitter.errors import CasesUnavailable, ConfigError, HostShort, SandboxUnavailable, StoreUnavailable
from submitter.executors.fresh import FreshExecutors
from submitter.executors.link import Launcher
from submitter.executors.pool import SERVES_BOX, ExecutorPool
from submitter.executors.roles import SeparateSandboxes
from submitter.executors.sandbox import ExecutorSandbox
from submitter.executors.turns import Turns
from submitter.grading import Grader
from submitter.lease import Lease, LeaseKeeper
from submitter.notifier import Notifier
from submitter.ports import CaseStore, Mailer, NoticeStore, ResultStore
from submitter.processing import SubmissionProcessor
from submitter.resources import resource
from submitter.runs import Environment, Role
from submitter.spot import SpotWatch
from submitter.workdir import check_room, sweep_work_directories

if TYPE_CHECKING:
    from submitter.adapters.sqs import SqsSubmissionQueue
    from submitter.daemon import Daemon
    from submitter.rejudging import Rejudger

SPARE_CONNECTIONS = 4  # beside one a slot: the poller, the lease keeper, the notifier, a command

log = structlog.get_logger()


def open_sandbox(config: Config, *, executors: int | None = None) -> SeparateSandboxes:
    """
    The sandbox that the configuration names, at its level of isolation: one for each role.

    `executors` is how many are kept warm; by default one for each submission at once.

    Raises:
        SandboxUnavailable: none can be had now; the text says why and what to do.
    """
    launcher = choose_launcher(config)
    judging = functools.partial(_launcher_named, launcher.name, config, Role.JUDGE)
    return separate(launcher, judging, config.isolation, executors or config.concurrency)


def choose_launcher(config: Config) -> Launcher:
    """
    What starts executors here; `auto` takes Docker where an engine answers and has the image.

    Raises:
        SandboxUnavailable: nothing does; the text says why and what to do.
    """
    reasons: list[str] = []
    for name in ("docker", "bubblewrap") if config.sandbox == "auto" else (config.sandbox,):
        try:
            launcher = _launcher_named(name, config)
        except SandboxUnavailable as exc:
            reasons.append(f"{name}: {exc}")
        else:
            log.info(
                "sandbox_chosen",
                sandbox=name,
                isolation=config.isolation,
                asked_for=config.sandbox,
                not_taken=reasons,
            )
            return launcher
    raise SandboxUnavailable("no sandbox to run programs in: " + "; ".join(reasons))


def _launcher_named(name: str, config: Config, role: Role = Role.STUDENT) -> Launcher:
    arguments = ["--preload", ",".join(config.preload)] if config.preload else []
    if name == "docker":
        from submitter.executors.docker_executor import DockerLauncher

        docker = DockerLauncher(config.image, config.runtime, arguments, role)
        docker.probe()
        return docker
    from submitter.executors.bubblewrap_executor import BubblewrapLauncher

    bubblewrap = BubblewrapLauncher(arguments=arguments)
    bubblewrap.probe()
    return bubblewrap


def separate(launcher: Launcher, judging: Callable[[], Launcher], isolation: str, executors: int) -> SeparateSandboxes:
    """Sandboxes of one level for both roles; `judging` makes the launcher of the judges' when the first is needed."""
    turns = Turns()
    return SeparateSandboxes(
        isolate(launcher, isolation, executors, turns=turns),
        lambda: isolate(judging(), isolation, executors, role=Role.JUDGE, turns=turns),
    )


def isolate(
    launcher: Launcher, isolation: str, executors: int, *, role: Role = Role.STUDENT, turns: Turns | None = None
) -> ExecutorSandbox:
    """A sandbox of one of the three levels: `box`, `container` or `strict`, for programs of one role."""
    environment = Environment(image=launcher.image, isolation=f"{launcher.name}/{isolation}")
    if isolation == "strict":
        return ExecutorSandbox(FreshExecutors(launcher), "exec", environment, role, turns)
    serves = SERVES_BOX if isolation == "box" else 1
    return ExecutorSandbox(ExecutorPool(launcher, size=executors, serves=serves), "fork", environment, role, turns)


@contextmanager
def open_cases(config: Config) -> Iterator[CaseStore]:
    """The CaseStore, on Postgres; its connections are closed at the end."""
    from submitter.adapters.postgres import PostgresCaseStore

    store = PostgresCaseStore(config.database_url, config.concurrency + SPARE_CONNECTIONS)
    try:
        yield store
    finally:
        store.close()


def open_results(config: Config, environ: Mapping[str, str] = os.environ) -> ResultStore:
    """The ResultStore, on S3; `environ` has the AWS_… names."""
    from submitter.adapters.aws import make_client
    from submitter.adapters.s3 import S3ResultStore

    connections = 2 * config.concurrency + SPARE_CONNECTIONS  # a submission's program and metadata come side by side
    return S3ResultStore(make_client("s3", environ, max_pool_connections=connections), config.bucket)


def open_queue(config: Config, *, is_urgent: bool = False) -> "SqsSubmissionQueue":
    """The SubmissionQueue, on SQS. `is_urgent`: its calls give up within seconds, and none may wait for messages."""
    from submitter.adapters.aws import READ_TIMEOUT_S, URGENT_READ_TIMEOUT_S, make_client
    from submitter.adapters.sqs import SqsSubmissionQueue

    client = make_client(
        "sqs",
        max_pool_connections=config.concurrency + SPARE_CONNECTIONS,
        read_timeout_s=URGENT_READ_TIMEOUT_S if is_urgent else READ_TIMEOUT_S,
    )
    return SqsSubmissionQueue(client, config.queue_url, config.visibility_timeout_s)


def open_mailer(config: Config) -> Mailer | None:
    """How mail is sent; None where the operator has not said how."""
    if config.notices == "ses":
        from submitter.adapters.aws import make_client
        from submitter.adapters.ses import SesMailer

        return SesMailer(make_client("sesv2", attempts=1), config.notices_from)
    if config.notices == "smtp":
        from submitter.adapters.smtp import SmtpMailer

        assert config.smtp_server is not None  # Config.from_env has seen to it
        return SmtpMailer(config.smtp_server, config.notices_from)
    return None


def open_notifier(config: Config, notices: NoticeStore) -> Notifier | None:
    """Who tells students of results; None where no mail is sent."""
    mailer = open_mailer(config)
    return None if mailer is None else Notifier(notices, mailer, config.notices_from)


@contextmanager
def open_processor(config: Config, *, work_dir: Path | None = None) -> Iterator[tuple[SubmissionProcessor, Lease]]:
    """A processor for one submission, for `process`, and a lease to do it under; its sandbox is closed at the end."""
    sandbox = open_sandbox(config, executors=1)
    try:
        with open_cases(config) as cases:
            leases = LeaseKeeper(None, cases, config.visibility_timeout_s)
            leases.start()
            try:
                grader = Grader(sandbox, work_dir or config.work_dir)
                yield SubmissionProcessor(cases, open_results(config), grader, worker_name()), leases.hold()
            finally:
                leases.stop()
    finally:
        sandbox.close()


@contextmanager
def open_rejudger(config: Config) -> Iterator["Rejudger"]:
    """Who carries plans out; a sandbox is opened when one is needed, and closed at the end."""
    from submitter.rejudging import Rejudger

    queue = open_queue(config, is_urgent=True)
    with contextlib.ExitStack() as opened:
        cases = opened.enter_context(open_cases(config))

        def open_one() -> SeparateSandboxes:
            sandbox = open_sandbox(config, executors=1)
            opened.callback(sandbox.close)
            return sandbox

        yield Rejudger(
            cases,
            open_results(config),
            open_sandbox=open_one,
            waiting=queue.waiting,
            worker=worker_name(),
            threads=min(2 * config.concurrency, config.concurrency + SPARE_CONNECTIONS),  # they mostly wait
        )


@contextmanager
def open_daemon(config: Config) -> Iterator["Daemon"]:
    """
    The daemon, ready to run, on a host that was swept of what dead processes of ours left.

    Raises:
        ConfigError: something that it needs is wrong for good, such as a queue without a dead-letter queue.
        Unavailable: something that it needs does not answer; started again, it may.
    """
    from submitter.containment import check_sandbox, find_leaks
    from submitter.daemon import Daemon

    prepare_work_dir(config.work_dir)
    queue, results = open_queue(config), open_results(config)
    queue.find_dead_letter_queue()
    results.check()
    _check_schema(config)
    sandbox = open_sandbox(config)
    try:
        swept = sweep_work_directories(config.work_dir)
        crash.reached("P16")
        swept += sandbox.sweep()
        if swept:
            log.warning("leftovers_swept", count=swept)
        with open_cases(config) as cases:
            cases.check()  # its pool of connections starts its threads now, while this host has some
            processor = SubmissionProcessor(cases, results, Grader(sandbox, config.work_dir), worker_name())

            def check_programs() -> None:
                sandbox.check()  # first, because it knows within seconds of an engine that hangs
                check_sandbox(sandbox)

            daemon = Daemon(
                queue=queue,
                processor=processor,
                end_runs=sandbox.close,
                leases=LeaseKeeper(open_queue(config, is_urgent=True), cases, config.visibility_timeout_s),
                renew_executors=sandbox.renew,
                find_leaks=lambda: find_leaks(sandbox),
                probes={
                    StoreUnavailable: results.check,
                    CasesUnavailable: cases.check,
                    SandboxUnavailable: check_programs,
                    HostShort: lambda: check_room(config.work_dir),
                },
                notifier=open_notifier(config, cases.notices),
                concurrency=config.concurrency,
                poll_wait_s=config.poll_wait_s,
                grace_s=config.grace_period_s,
            )
            with _watch_for_notice(config, daemon.end_within):
                yield daemon
    finally:
        sandbox.close()


@contextmanager
def _watch_for_notice(config: Config, end_within: Callable[[float], None]) -> Iterator[None]:
    """Inside, EC2 is asked whether it takes this instance back, if the configuration says so."""
    if not config.spot_notice:
        yield
        return
    watch = SpotWatch(end_within, config.metadata_endpoint)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


def _check_schema(config: Config) -> None:
    """
    See that Postgres lets us in and has all that this version needs; a newer version's schema will do.

    Raises:
        ConfigError: it has not.
        CasesUnavailable: it does not let us in; the text says why, at once, as the pool of connections would not.
    """
    from submitter import migrations

    statuses = migrations.status(config.database_url, resource("sql"))
    if pending := [status.name for status in statuses if status.applied_at is None]:
        raise ConfigError(f"{len(pending)} migrations are not applied to the database: run `submitter db migrate`")


def prepare_work_dir(path: Path) -> None:
    """
    See that the work directory is there and ours to write to.

    Raises:
        ConfigError: it is not.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"cannot make SUBMITTER_WORK_DIR {path}: {exc.strerror}") from exc
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(f"SUBMITTER_WORK_DIR {path} is not writable for this user")


def worker_name() -> str:
    """This process, for the history in Postgres."""
    return f"{socket.gethostname()}:{os.getpid()}"
