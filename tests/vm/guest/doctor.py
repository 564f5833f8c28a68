"""What the doctor says of this machine."""

from tests.vm.guest.tools import check, examine, expect


@check
def the_doctor_finds_a_user_in_the_group_docker_well() -> str:
    code, findings = examine("grader")
    for what in ("docker", "bubblewrap", "boxes", "programs in the sandbox"):
        assert findings[what]["health"] == "ok", findings[what]
    assert "cgroups v2" in findings["kernel"]["text"], findings["kernel"]
    for what in ("postgres", "queue", "bucket"):
        expect((what, findings[what]["health"]), (what, "absent"))
    expect(code, 0)
    return "; ".join(f"{what}: {finding['health']}: {finding['text']}" for what, finding in findings.items())


@check
def the_doctor_tells_of_an_engine_that_does_not_answer() -> str:
    code, findings = examine("grader", {"DOCKER_HOST": "unix:///nowhere"})
    expect(code, 1)
    for what in ("docker", "boxes", "programs in the sandbox"):
        expect((what, findings[what]["health"]), (what, "broken"))
    return findings["docker"]["text"]
