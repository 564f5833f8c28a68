"""Submitter, an autograder: programs in from S3, verdicts back. docs/architecture.md follows one message."""

__version__ = "0.1.0"
