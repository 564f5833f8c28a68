"""How every boto3 client of Submitter is made: bounded in time, with retries that are written down."""

import functools
import os
from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, NoCredentialsError
from botocore.loaders import Loader, create_loader

from submitter.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30  # must exceed SQS's longest long poll, which is 20 s
URGENT_READ_TIMEOUT_S = 5  # for what must not be late
ATTEMPTS = 3  # the first one included

# What a call raises. RuntimeError is botocore's for credentials that were renewed and have expired all the same.
AWS_ERRORS = (ClientError, BotoCoreError, RuntimeError)

_CLOCK = "this host's clock is wrong: set it, and let chrony or systemd-timesyncd keep it"
_CREDENTIALS = "AWS refuses our credentials: see where they come from, a role or the AWS_ names, and whether they end"
_REGION = "queue or bucket is in another region: check AWS_DEFAULT_REGION"

# Errors that hardly go away by themselves, and what the operator can do about them.
_ADVICE = {
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "ExpiredToken": _CREDENTIALS,
    "ExpiredTokenException": _CREDENTIALS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "UnrecognizedClientException": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "301": _REGION,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
}


@overload
def make_client(
    service: Literal["s3"],
    environ: Mapping[str, str] = ...,
    *,
    max_pool_connections: int = ...,
    read_timeout_s: int = ...,
) -> "S3Client": ...
@overload
def make_client(
    service: Literal["sqs"],
    environ: Mapping[str, str] = ...,
    *,
    max_pool_connections: int = ...,
    read_timeout_s: int = ...,
) -> "SQSClient": ...
@overload
def make_client(
    service: Literal["sesv2"],
    environ: Mapping[str, str] = ...,
    *,
    read_timeout_s: int = ...,
    attempts: int = ...,
) -> "SESV2Client": ...
def make_client(
    service: str,
    environ: Mapping[str, str] = os.environ,
    *,
    max_pool_connections: int = 10,
    read_timeout_s: int = READ_TIMEOUT_S,
    attempts: int | None = None,
) -> Any:
    """
    Make a client for one AWS service. It may be shared by threads; make it once, in the main thread.

    Args:
        environ: where the standard AWS_… names are read (region, endpoint, keys). What is
            not there, botocore looks for as it always does: a profile, then the machine's role.
        max_pool_connections: at least the number of threads that use the client at once.
        read_timeout_s: how long an answer may keep us waiting, each time that it is asked for.
        attempts: how often a call is made that fails by what may pass, by default ATTEMPTS; 1 where a second does harm.

    Raises:
        ConfigError: the settings make no client, for instance because no region is known.
        Unavailable: no credentials are there now; whatever gives them to this machine may be away.
    """
    endpoint = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL") or None
    config = ClientConfig(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": attempts or ATTEMPTS},
        max_pool_connections=max_pool_connections,
        # A company's proxy cannot reach this machine's loopback: the embedded services are called directly.
        proxies={} if _is_loopback(endpoint) else None,
    )
    # Unlike a client, a session must not be shared, not even boto3's hidden default one: so each client has its own.
    # botocore itself knows only AWS_DEFAULT_REGION; Lambda, ECS and people also set AWS_REGION.
    plain = botocore.session.get_session()
    plain.register_component("data_loader", _models())
    try:
        session = boto3.session.Session(
            botocore_session=plain,
            aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=environ.get("AWS_SESSION_TOKEN"),
            region_name=environ.get("AWS_DEFAULT_REGION") or environ.get("AWS_REGION") or None,
        )
        # A client that is made without credentials never looks for them again.
        if session.region_name and session.get_credentials() is None:
            raise NoCredentialsError
        return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
    except (NoCredentialsError, CredentialRetrievalError) as exc:
        raise Unavailable(
            f"no credentials for {service}: {exc}. See that this machine's role, or whatever gives them, is there",
            needs_operator=True,
        ) from exc
    except (BotoCoreError, ValueError) as exc:
        raise ConfigError(f"no client for {service}: {exc} Check AWS_DEFAULT_REGION and the other AWS_ names.") from exc


@functools.cache
def _models() -> Loader:
    """What boto3 has to know of AWS and its services: many megabytes, kept once and not once for each client."""
    return create_loader(os.environ.get("AWS_DATA_PATH"))


def error_code(exc: ClientError) -> str:
    """What the service called the error, `NoSuchKey` for instance; empty if it did not say."""
    return str(exc.response.get("Error", {}).get("Code", ""))


def error_text(exc: Exception) -> str:
    """One line about an error of boto3, for the operator."""
    advice = _advice(exc)
    hint = f" ({advice})" if advice else ""
    if not isinstance(exc, ClientError):
        return (str(exc) or type(exc).__name__) + hint
    message = str(exc.response.get("Error", {}).get("Message", ""))
    return f"{error_code(exc)}: {' '.join(message.split())[:300]}{hint}"


def needs_operator(exc: Exception) -> bool:
    """Whether an error of boto3 will hardly go away by itself; then its text says what to do."""
    return _advice(exc) is not None


def _advice(exc: Exception) -> str | None:
    if isinstance(exc, RecursionError):  # botocore's way to follow a bucket that is elsewhere and does not say where
        return _REGION
    if not isinstance(exc, ClientError):
        return _CREDENTIALS if isinstance(exc, NoCredentialsError | CredentialRetrievalError | RuntimeError) else None
    # SQS gives a signature made by a wrong clock the code of any wrong signature; only the text tells.
    text = str(exc.response.get("Error", {}).get("Message", ""))
    if "Signature expired" in text or "Signature not yet current" in text:
        return _CLOCK
    return _ADVICE.get(error_code(exc))


def _is_loopback(endpoint: str | None) -> bool:
    host = urlsplit(endpoint or "").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
