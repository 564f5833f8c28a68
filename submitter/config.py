"""
Settings: read once from the environment, passed down as one frozen value.

SETTINGS is the whole list; docs/operators.md explains each of them.
"""

import math
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from submitter import __version__
from submitter.errors import ConfigError
from submitter.model import is_address

DEFAULT_IMAGE = f"submitter-executor:{__version__}"
MAX_VISIBILITY_S = 12 * 3600  # SQS's own


SMTP_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """
    A mail server.

    `scheme`: `smtp` (TLS is asked for after the greeting, and needed), `smtps`
    (TLS from the first byte) or `smtp+plain` (none).
    """

    scheme: str
    host: str
    port: int
    user: str = ""  # empty: without logging in
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What Submitter may be told from outside. Times in seconds."""

    queue_url: str = ""
    bucket: str = ""
    database_url: str = field(default="", repr=False)  # may hold a password
    work_dir: Path = Path("/var/lib/submitter")
    concurrency: int = field(default_factory=lambda: os.cpu_count() or 1)  # submissions at once
    sandbox: str = "auto"
    isolation: str = "box"
    preload: tuple[str, ...] = ()  # modules that executors import before any program comes
    image: str = DEFAULT_IMAGE
    runtime: str = "runc"
    visibility_timeout_s: int = 120  # renewed every third of this
    poll_wait_s: int = 20  # one long poll; a shutdown waits for it
    grace_period_s: float = 90.0  # systemd's TimeoutStopSec is this + 30
    log_format: str = "auto"
    notices: str = "off"  # how mail to students is sent
    notices_from: str = ""  # the address it comes from
    smtp_server: SmtpServer | None = None
    spot_notice: bool = False  # whether to ask EC2 if it takes this instance back
    metadata_endpoint: str = ""  # whom to ask that; empty: EC2's own
    region: str | None = None  # None: the AWS client library's own ways to find it

    @classmethod
    def from_env(cls, environ: Mapping[str, str], required: Collection[str] = ()) -> "Config":
        """
        Read the settings; `required` names fields that this command cannot do without.

        Raises:
            ConfigError: all that is missing or wrong, in one message.
        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        for name, (variable, parse) in SETTINGS.items():
            text = environ.get(variable, "").strip()
            if not text:
                if name in required:
                    faults.append(f"{variable} is not set")
                continue
            try:
                values[name] = parse(text)
            except ValueError as exc:
                faults.append(f"{variable} {exc}")
        if (how := values.get("notices", "off")) != "off":
            for name in ("notices_from", *(["smtp_server"] if how == "smtp" else [])):
                if not environ.get(SETTINGS[name][0], "").strip():
                    faults.append(f"{SETTINGS[name][0]} is not set, which SUBMITTER_NOTICES={how} needs")
        values["region"] = environ.get("AWS_DEFAULT_REGION") or environ.get("AWS_REGION") or None
        values["metadata_endpoint"] = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "")
        if faults:
            raise ConfigError("; ".join(faults) + " (docs/operators.md lists every setting)")
        return cls(**values)


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {text!r}")
        return text

    return parse


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MAX_VISIBILITY_S:
        raise ValueError(f"must be a number of seconds from 0 to {MAX_VISIBILITY_S}, not {text!r}")
    return value


def _switch(text: str) -> bool:
    return _one_of("on", "off")(text) == "on"


def _absolute(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError(f"must be an absolute path, not {text!r}")
    return path


def _modules(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not all(part.isidentifier() for name in names for part in name.split(".")):
        raise ValueError(f"must be names of modules with commas between, not {text!r}")
    return names


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError(f"must be one plain e-mail address like grades@example.edu, not {text!r}")
    return text


def _smtp_server(text: str) -> SmtpServer:
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port or SMTP_PORTS.get(url.scheme)
    except ValueError:  # not a port, or not an IPv6 address
        host, port = "", None
    if not host or port is None or url.path not in {"", "/"} or url.query or url.fragment:
        # Without the text itself, which may hold a password.
        raise ValueError("must be like smtp://user:password@mail.example.edu:587, or with smtps:// or smtp+plain://")
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if user and url.scheme == "smtp+plain":
        raise ValueError("has a user, whose password smtp+plain:// would send for all to read: use smtp:// or smtps://")
    return SmtpServer(url.scheme, host, port, user, password)


# field -> the variable's name and how it is read (a ValueError says what the value must be)
SETTINGS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "queue_url": ("SUBMITTER_QUEUE_URL", str),
    "bucket": ("SUBMITTER_BUCKET", str),
    "database_url": ("SUBMITTER_DATABASE_URL", str),
    "work_dir": ("SUBMITTER_WORK_DIR", _absolute),
    "concurrency": ("SUBMITTER_CONCURRENCY", _whole(1, 1024)),
    "sandbox": ("SUBMITTER_SANDBOX", _one_of("auto", "docker", "bubblewrap")),
    "isolation": ("SUBMITTER_ISOLATION", _one_of("box", "container", "strict")),
    "preload": ("SUBMITTER_PRELOAD", _modules),
    "image": ("SUBMITTER_IMAGE", str),
    "runtime": ("SUBMITTER_RUNTIME", _one_of("runc", "runsc")),
    "visibility_timeout_s": ("SUBMITTER_VISIBILITY_TIMEOUT", _whole(3, MAX_VISIBILITY_S)),
    "poll_wait_s": ("SUBMITTER_POLL_WAIT", _whole(0, 20)),
    "grace_period_s": ("SUBMITTER_GRACE_PERIOD", _seconds),
    "spot_notice": ("SUBMITTER_SPOT_NOTICE", _switch),
    "log_format": ("SUBMITTER_LOG_FORMAT", _one_of("auto", "json", "pretty")),
    "notices": ("SUBMITTER_NOTICES", _one_of("off", "ses", "smtp")),
    "notices_from": ("SUBMITTER_NOTICES_FROM", _address),
    "smtp_server": ("SUBMITTER_SMTP_URL", _smtp_server),
}
