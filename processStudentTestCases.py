#!/usr/bin/env python3
"""The daemon: the same as `submitter daemon`."""

from submitter.cli import main

if __name__ == "__main__":
    main(["daemon"])
