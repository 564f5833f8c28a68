#!/bin/sh
# Sees that a running Docker engine has the executor image of this checkout: from the default base image, or from a
# stand-in of Debian packages where no registry can be reached. Without an engine it says so and does nothing.
# Beside it, under the same name with `-languages`, one with tool chains, which the tests and the benchmark use. The
# tool chains are a layer below executeSubmission.py: when that changes, they are not installed again.
set -eu

here=$(dirname "$0")
stand_in=submitter-base:bookworm

if ! docker info >/dev/null 2>&1; then
    echo "no Docker engine answers here, so no executor image is built (on Debian: apt-get install docker.io)" >&2
    exit 0
fi

# Builds the image; arguments are those of `submitter image build`.
build() {
    if docker image inspect "$stand_in" >/dev/null 2>&1; then
        submitter image build --base "$stand_in" "$@"
        return
    fi
    echo "building the executor image …" >&2
    if submitter image build "$@" 2>/dev/null; then
        return
    fi
    echo "no image registry can be reached: making a base image from Debian packages (a minute) …" >&2
    "$here/make-base-image.sh" "$stand_in" || return
    submitter image build --base "$stand_in" "$@"
}

if ! submitter image check >/dev/null 2>&1 && ! build; then
    echo "there is no executor image, so what needs Docker cannot be tested here" >&2
    exit 0
fi
image=$(submitter image check)
languages=${image% is up to date}-languages
# Each time, which is short work for the engine if nothing has changed: `check` knows nothing of tool chains.
build --tag "$languages" --languages c,javascript --prove python >/dev/null 2>&1 ||
    echo "$languages cannot be built, so other languages than Python cannot be tested in Docker" >&2
