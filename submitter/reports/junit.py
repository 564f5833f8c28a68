"""
JUnit XML, as Jenkins, GitLab and others read it: a suite for each submission, a test case for each case.

There was never one specification; what is written here is valid for the schema
of Jenkins's xUnit plug-in (junit-10.xsd), which is also what pytest's family
`xunit2` is. XML cannot hold most control characters, not even escaped:
reports.text has made them harmless before.
"""

from xml.sax.saxutils import escape, quoteattr

from submitter.accounts import Account, CaseAccount
from submitter.model import SubmissionState, Verdict
from submitter.points import points_text
from submitter.reports.text import one_line, plain, reason_of

MESSAGE_CHARS = 200


OPEN = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="submitter">\n'  # the document, in UTF-8
CLOSE = "</testsuites>\n"


def suite(account: Account) -> str:
    """One submission, between OPEN and CLOSE."""
    name = f"{account.ref}/{account.name}"
    if account.state is not SubmissionState.GRADED:
        return _suite_without_cases(account, name)
    verdicts = [case.verdict for case in account.cases]
    skipped, errors = verdicts.count(Verdict.SKIPPED), verdicts.count(Verdict.INTERNAL_ERROR)
    failures = len(verdicts) - verdicts.count(Verdict.ACCEPTED) - skipped - errors
    head = _open_suite(account, name, tests=len(verdicts), failures=failures, errors=errors, skipped=skipped)
    return "".join([head, *(_case(case, name) for case in account.cases), "</testsuite>\n"])


def _suite_without_cases(account: Account, name: str) -> str:
    is_rejected = account.state is SubmissionState.REJECTED
    head = _open_suite(account, name, tests=1, failures=0, errors=int(is_rejected), skipped=int(not is_rejected))
    what = _element("error", "rejected", account.reason or "") if is_rejected else '<skipped message="no result yet"/>'
    case = f'<testcase name="submission" classname={_attribute(name)} time="0.000">{what}</testcase>'
    return f"{head}{case}\n</testsuite>\n"


def _open_suite(account: Account, name: str, **counts: int) -> str:
    told = {**counts, "time": f"{account.execution_time_s:.3f}"}
    if account.graded_at:
        told["timestamp"] = account.graded_at.isoformat(timespec="seconds")
    attributes = "".join(f' {key}="{value}"' for key, value in told.items())
    properties = [
        ("state", str(account.state)),
        ("score", points_text(account.score)),
        ("max_score", points_text(account.max_score)),
        *((("language", account.language),) if account.language else ()),
        *(("student", student.email or student.token) for student in account.students),
    ]
    lines = "".join(f'<property name="{key}" value={_attribute(value)}/>' for key, value in properties)
    return f"<testsuite name={_attribute(name)}{attributes}>\n<properties>{lines}</properties>\n"


def _case(case: CaseAccount, suite: str) -> str:
    time = f' time="{case.use.wall_time_s:.3f}"' if case.use is not None else ""
    inside = [_outcome(case)]
    if case.texts is not None:
        out, err = case.texts.stdout, case.texts.stderr
        inside.append(f"<system-out>{escape(plain(out, whole=case.texts.stdout_bytes))}</system-out>" if out else "")
        inside.append(f"<system-err>{escape(plain(err, whole=case.texts.stderr_bytes))}</system-err>" if err else "")
    return f'<testcase name="{case.name}" classname={_attribute(suite)}{time}>{"".join(inside)}</testcase>\n'


def _outcome(case: CaseAccount) -> str:
    if case.verdict is Verdict.ACCEPTED:
        return ""
    if case.verdict is Verdict.SKIPPED:
        return '<skipped message="not run"/>'
    element = "error" if case.verdict is Verdict.INTERNAL_ERROR else "failure"
    return _element(element, case.verdict.long_name, reason_of(case))


def _element(name: str, type_: str, text: str) -> str:
    return f"<{name} type={_attribute(type_)} message={_attribute(text)}>{escape(plain(text))}</{name}>"


def _attribute(text: str) -> str:
    return quoteattr(one_line(text, MESSAGE_CHARS))
