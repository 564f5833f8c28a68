"""Mail by Amazon SES."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.parsers import ResponseParserError

from submitter.adapters.aws import error_code, error_text
from submitter.errors import MailRefused, MailUnavailable, MailUnclear

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

# About this mail or its address. All others are about the account, the sender or the load: the operator's, or time's.
REFUSALS = frozenset({"MessageRejected", "BadRequestException", "InvalidParameterValue"})

SERVER_FAILED, TOO_BUSY = 500, 503  # HTTP's: the first, and all above but the second, say nothing of what was done


class SesMailer:
    """
    The port Mailer; what its docstring promises holds.

    Args:
        client: made with `attempts=1`: botocore's own second try could be a second mail.
        sender: an identity that SES has verified.
    """

    def __init__(self, client: "SESV2Client", sender: str) -> None:
        self._client = client
        self._sender = sender

    def send(self, to: str, message: bytes) -> None:
        try:
            self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [to]},
                Content={"Raw": {"Data": message}},
            )
        except ClientError as exc:
            if error_code(exc) in REFUSALS:
                raise MailRefused(f"SES does not take the mail: {error_text(exc)}") from exc
            status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", SERVER_FAILED)
            if status >= SERVER_FAILED and status != TOO_BUSY:
                raise MailUnclear(f"SES stumbled over the mail: {error_text(exc)}") from exc
            raise MailUnavailable(f"SES does not take the mail now: {error_text(exc)}") from exc
        except (HTTPClientError, IncompleteReadError, ResponseParserError) as exc:  # the request may have gone out
            raise MailUnclear(f"SES did not answer: {error_text(exc)}") from exc
        except BotoCoreError as exc:
            raise MailUnavailable(f"SES cannot be reached: {error_text(exc)}") from exc
