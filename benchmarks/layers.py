"""
What each wall costs: the executor with one of them taken out, against the whole one.

A copy of executeSubmission.py is changed for the purpose and run in bubblewrap,
with programs of ours only. Nothing here can be switched in the executor itself:
a switch would be one more thing to find.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.levels import Level
from benchmarks.work import Failed, NotHere, Samples, close_all, describe, take_turns
from submitter.resources import resource

WHOLE = "all walls"


@dataclass(frozen=True, slots=True)
class Layer:
    """A wall: its name, and the texts of the executor with what to put in their place."""

    name: str
    changes: Sequence[tuple[str, str]]


# Each text must be in executeSubmission.py exactly once; a layer whose text has changed is reported as failed.
LAYERS: Sequence[Layer] = (
    Layer(
        "the system call filter", [("    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))\n", "")]
    ),
    Layer("the limits of a process", [("    set_limits(*limits)\n", "")]),
    Layer("dropping capabilities", [("    drop_capabilities()\n", "")]),
    Layer("the network namespace", [(" | CLONE_NEWUTS | CLONE_NEWNET\n", " | CLONE_NEWUTS\n")]),
    Layer("the ipc and uts namespaces", [(" | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET\n", " | CLONE_NEWNET\n")]),
    Layer("the read-only remount", [("    make_all_unwritable()\n", "")]),
    Layer("covering directories", [("    for directory in COVERED_DIRECTORIES:\n", "    for directory in ():\n")]),
    Layer("looking for traces of a case", [("            renew_places(looks, file_bytes, files)\n", "")]),
    Layer("compiling before the first run", [('"check-" + request["start"]', 'request["start"]')]),
    Layer("starting pids anew", [("            start_pids_anew(last_pid)\n", "")]),
)


def script_without(layer: Layer) -> str:
    """
    The executor without one wall.

    Raises:
        Failed: it is not written as this module thinks.
    """
    text = resource("executeSubmission.py").read_text()
    for old, new in layer.changes:
        if text.count(old) != 1:
            raise Failed(f"executeSubmission.py has changed: {old.strip()!r} is in it {text.count(old)} times")
        text = text.replace(old, new)
    return text


def measure_layers(isolation: str, rounds: int, say: Callable[[str], None]) -> dict[str, Samples]:
    """
    Times of a submission with all walls, and with each of them taken out, in turn.

    Raises:
        NotHere: the level is not.
    """
    samples = dict[str, Samples]()
    with tempfile.TemporaryDirectory(prefix="submitter-benchmark-") as directory:
        Path(directory).chmod(0o755)
        whole = Level("bubblewrap", isolation)
        whole.name = WHOLE
        contenders = [whole]
        try:
            for number, layer in enumerate(LAYERS):
                script = Path(directory, f"{number}.py")
                try:
                    script.write_text(script_without(layer))
                    contender = Level("bubblewrap", isolation, script=script)
                except (Failed, NotHere) as exc:
                    samples[layer.name] = Samples(fault=describe(exc))
                    continue
                contender.name = layer.name
                contenders.append(contender)
            samples.update(take_turns(contenders, rounds, say))
        finally:
            close_all(contenders)
    return samples
