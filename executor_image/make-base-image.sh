#!/bin/sh
# Makes a stand-in base image from Debian packages, for a machine where no image registry can be reached.
# Needs root, debootstrap, a Docker engine and Debian's packages. Usage: make-base-image.sh [TAG [SUITE]]
#
#   executor_image/make-base-image.sh submitter-base:bookworm
#   submitter image build --base submitter-base:bookworm
set -eu

tag=${1:-submitter-base:bookworm}
suite=${2:-bookworm}

if [ "$(id -u)" -ne 0 ]; then
    echo "make-base-image.sh: debootstrap needs root: run it with sudo" >&2
    exit 1
fi
if ! command -v debootstrap >/dev/null; then
    echo "make-base-image.sh: debootstrap is missing: apt-get install debootstrap" >&2
    exit 1
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=python3 "$suite" "$root" >"$root.log" 2>&1 || {
    tail -n 20 "$root.log" >&2
    echo "make-base-image.sh: debootstrap failed; the whole of what it said is in $root.log" >&2
    exit 1
}
rm -f "$root.log"

# What an executor never needs. Nothing in the image may be setuid: a student's program gains nothing by it
# under no-new-privileges, but a wall less is a wall less.
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/* \
    "$root"/usr/share/locale/*
find "$root" -xdev -perm /6000 -type f -exec chmod a-s {} +

tar -C "$root" --numeric-owner -c . | docker import --change 'ENV LANG=C.UTF-8' - "$tag" >/dev/null
echo "made $tag"
