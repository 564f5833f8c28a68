"""Handing in as the front end does: the program first, the metadata last, since its arrival triggers grading."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from submitter.errors import SubmitterError
from submitter.languages import languages
from submitter.model import AssignmentRef, SubmissionKey
from submitter.ports import ResultStore
from submitter.supplies import archive_ending

MAX_RESULTS_BYTES = 64 * 1024 * 1024
LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Submitted:
    """An upload, and which result was there before it."""

    key: SubmissionKey
    earlier_result: str | None


def submission_id(ref: AssignmentRef, tokens: Sequence[str]) -> str:
    """
    The subid: the same for the same students and assignment, so that handing in again replaces.

    32 lower-case hexadecimal digits of MD5: a name, not a secret.
    """
    text = "\n".join([*sorted(tokens), ref.admin, ref.event, ref.assignment])
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def upload(
    store: ResultStore, ref: AssignmentRef, tokens: Sequence[str], program: bytes, language: str = "python"
) -> Submitted:
    """
    Upload a program and its metadata.

    Raises:
        StoreUnavailable: the bucket did not take them; handing in again mends it.
    """
    key = SubmissionKey(ref, submission_id(ref, tokens), leading_slash=True)
    metadata = {
        "subid": key.subid,
        "admin": ref.admin,
        "event": ref.event,
        "assignment": ref.assignment,
        "tokens": list(tokens),
    }
    earlier_result = store.version(key.results)
    content_type = "text/plain; charset=utf-8" if archive_ending(program) is None else "application/octet-stream"
    store.put(key.program(languages()[language].extension), program, content_type)
    store.put(key.metadata, json.dumps(metadata).encode(), "application/json")
    return Submitted(key, earlier_result)


def find_results(store: ResultStore, submitted: Submitted) -> dict[str, Any] | None:
    """
    The results document of an upload, None as long as there is only an earlier one or none.

    Raises:
        SubmitterError: there is one, and it cannot be read.
    """
    if store.version(submitted.key.results) in (None, submitted.earlier_result):
        return None
    stored = store.get(submitted.key.results, MAX_RESULTS_BYTES)
    try:
        return dict(json.loads(stored.data)) if stored else None
    except ValueError as exc:
        raise SubmitterError(f"{submitted.key.results} is no results document") from exc


def wait_for_results(store: ResultStore, submitted: Submitted, deadline: float) -> dict[str, Any] | None:
    """The results document once it is there; None if it is not by `deadline` (monotonic)."""
    while time.monotonic() < deadline:
        if document := find_results(store, submitted):
            return document
        time.sleep(LOOK_EVERY_S)
    return None
