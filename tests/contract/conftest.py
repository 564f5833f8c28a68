"""The services behind the adapters; each test gets a bucket and a queue of its own on one server."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from submitter.embedded_aws import EmbeddedAws


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as aws:
        yield aws


@pytest.fixture
def queue_url(aws: EmbeddedAws) -> str:
    """A fresh queue with a dead-letter queue."""
    return aws.make_queue(f"queue-{uuid4().hex}")


@pytest.fixture
def bucket(aws: EmbeddedAws) -> str:
    """The name of a fresh bucket, which tells nobody of what is put into it."""
    name = f"bucket-{uuid4().hex}"
    aws.s3.create_bucket(Bucket=name)
    return name
