#!/bin/sh
# Sees that a running Docker engine has the executor image of this checkout: from the default base image, or from a
# stand-in of Debian packages where no registry can be reached. Without an engine it says so and does nothing.
set -eu

here=$(dirname "$0")
stand_in=submitter-base:bookworm

if ! docker info >/dev/null 2>&1; then
    echo "no Docker engine answers here, so no executor image is built (on Debian: apt-get install docker.io)" >&2
    exit 0
fi
if submitter image check 2>/dev/null; then
    exit 0
fi
if docker image inspect "$stand_in" >/dev/null 2>&1; then
    exec submitter image build --base "$stand_in"
fi
echo "building the executor image …" >&2
if submitter image build 2>/dev/null; then
    exit 0
fi
echo "no image registry can be reached: making a base image from Debian packages (a minute) …" >&2
if "$here/make-base-image.sh" "$stand_in"; then
    exec submitter image build --base "$stand_in"
fi
echo "there is no executor image, so what needs Docker cannot be tested here" >&2
