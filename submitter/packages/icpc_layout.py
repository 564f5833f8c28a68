"""
Where ICPC's and Kattis's packages have cases and groups, and what their files then say of points: for writing.

icpc_points.py has what they mean.
"""

import dataclasses
import math
from pathlib import PurePosixPath
from typing import Any

from submitter.errors import AssignmentRefused
from submitter.packages.problem import Case, Problem
from submitter.points import Group, GroupRule

SAMPLE, SECRET = "sample", "secret"


def arranged(problem: Problem) -> Problem:
    """
    A problem with its cases where these packages have them: samples, and a folder for each group.

    Cases in no group are put into one for each number of points, as soon as there are groups, or cases are not all
    worth the same.

    Raises:
        AssignmentRefused: a group has samples beside other cases.
    """
    alone = [case for case in problem.cases if not case.is_sample and not case.group]
    values = list(dict.fromkeys(case.points for case in alone))
    wanted = problem.groups or len(values) > 1
    extra = {value: Group(f"\0{value}") for value in values} if wanted else {}
    kinds: dict[str, set[bool]] = {}
    for case in problem.cases:
        if case.group:
            kinds.setdefault(case.group, set()).add(case.is_sample)
    if mixed := next((name for name, found in kinds.items() if len(found) > 1), None):
        raise AssignmentRefused(f"the group “{mixed}” has test cases beside grade cases, which ICPC's packages cannot")
    folders = {name: SAMPLE for name, found in kinds.items() if found == {True}}
    if len(folders) > 1:
        raise AssignmentRefused("test cases are in several groups, and samples of ICPC's packages are in one")
    groups = [group for group in (*problem.groups, *extra.values()) if group.name in kinds or group in extra.values()]
    left = [group.name for group in groups if group.name not in folders]
    are_folders = all(name.startswith(f"{SECRET}/") and name.count("/") == 1 for name in left)
    folders |= {name: name if are_folders else f"{SECRET}/{number:02}" for number, name in enumerate(left, start=1)}
    names: dict[str, str] = {}
    for number, case in enumerate(problem.cases, start=1):
        own = SAMPLE if case.is_sample else case.group or (extra[case.points].name if extra else "")
        folder = SAMPLE if case.is_sample else folders.get(own, SECRET)
        at_home = str(PurePosixPath(case.name).parent) == folder
        names[case.name] = case.name if at_home else f"{folder}/{number:03}"

    def folder_of(case: Case) -> str:
        if case.is_sample:
            return folders.get(case.group, "")
        return folders.get(case.group or (extra[case.points].name if extra else ""), "")

    return dataclasses.replace(
        problem,
        cases=tuple(dataclasses.replace(case, name=names[case.name], group=folder_of(case)) for case in problem.cases),
        groups=tuple(
            dataclasses.replace(
                group,
                name=folders[group.name],
                depends_on=tuple(folders[one] for one in group.depends_on if one in folders),
            )
            for group in groups
        ),
    )


def documents_of(problem: Problem, is_new: bool) -> dict[str, dict[str, Any]]:
    """
    What the folders' files say of an arranged problem with groups, by path.

    Raises:
        AssignmentRefused: the format cannot say what a group is worth.
    """
    name = "test_group.yaml" if is_new else "testdata.yaml"
    documents: dict[str, dict[str, Any]] = {}
    rules = {group.name: group.rule for group in problem.groups}
    needs_sample = {SAMPLE in group.depends_on for group in problem.groups if group.name != SAMPLE}
    if is_new:
        documents[f"data/{SECRET}/{name}"] = {"max_score": "unbounded"}
    else:
        if len(needs_sample) > 1:
            raise AssignmentRefused("some groups depend on the test cases, which only the format icpc-2023-07 can say")
        # Acceptance is open, so that the score of a submission that fails some groups counts.
        goes_on = "break" if needs_sample == {True} else "continue"
        documents[f"data/{name}"] = {"on_reject": goes_on, "grader_flags": "ignore_sample"}
        goes_on = "break" if any(group.name == SAMPLE and group.stops_early for group in problem.groups) else "continue"
        documents[f"data/{SAMPLE}/{name}"] = {"on_reject": goes_on, "accept_score": 0, "grader_flags": "sum"}
        documents[f"data/{SECRET}/{name}"] = {"on_reject": "continue", "grader_flags": "always_accept"}
    for group in problem.groups:
        if group.name == SAMPLE:
            continue
        cases = [case for case in problem.cases if case.group == group.name]
        points = math.fsum(case.points or 0.0 for case in cases)
        each = {round(case.points or 0.0, 9) for case in cases}
        if group.rule is GroupRule.SUM and len(each) > 1:
            raise AssignmentRefused(
                f"{group.name}: cases of a group that adds up have the same points in ICPC's packages; give each "
                "number of points a group of its own"
            )
        path = f"data/{group.name}/{name}"
        if is_new:
            needs = list(group.depends_on)
            if any(one != SAMPLE and rules[one] is not GroupRule.ALL_OR_NOTHING for one in needs):
                raise AssignmentRefused(
                    f"{group.name} depends on a group that is not all or nothing, which ICPC's packages cannot say"
                )
            aggregation = {GroupRule.SUM: "sum", GroupRule.MINIMUM: "min", GroupRule.ALL_OR_NOTHING: "pass-fail"}
            documents[path] = {"max_score": points, "score_aggregation": aggregation[group.rule]}
            documents[path] |= {"require_pass": needs} if needs else {}
            continue
        if set(group.depends_on) - {SAMPLE}:
            raise AssignmentRefused(f"{group.name} depends on another group, which only icpc-2023-07 can say")
        is_sum = group.rule is GroupRule.SUM
        documents[path] = {
            "on_reject": "break" if group.stops_early else "continue",
            "accept_score": points / len(cases) if is_sum else points,
            "range": f"0 {points:.15g}",
            "grader_flags": "sum always_accept" if is_sum else "min",
        }
    return documents
