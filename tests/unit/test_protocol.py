"""Documents from strangers: what is a key, a message or metadata passes unchanged; all else is refused by name."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from submitter.errors import MessageNotUnderstood, SubmissionRejected
from submitter.model import AssignmentRef, Metadata, SubmissionKey
from submitter.protocol import (
    MAX_BODY_CHARS,
    MAX_METADATA_BYTES,
    MAX_NAME_BYTES,
    MAX_TOKENS,
    encode_body,
    event_keys,
    is_ours_to_ignore,
    parse_assignment_ref,
    parse_body,
    parse_metadata,
    parse_metadata_key,
)

SUBID = "fc55c1c0a3a7c2f0a5b1e2d3c4f5a6b7"
FILE = f"{SUBID}/{SUBID}.json"
REF = AssignmentRef("m.soltys", "aws_labs", "lab5_containers")
KEY = SubmissionKey(REF, SUBID)
TOKEN, OTHER_TOKEN = "0123456789abcdef" * 2, "f" * 32

# Strangers' texts come in every length; a busy machine must not fail a property for being slow.
thorough = settings(deadline=None, max_examples=300)


# -- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    "names",
    [
        ("m.soltys", "aws_labs", "lab5_containers"),
        ("two words", "aws labs", "lab 5"),
        ("a+b", "c++", "+"),
        ("m.sołtys", "śląsk", "课程"),
        ("a#b", "c?d=e", "f&g;h"),
        ("100%", "5%zz", "%"),
        ("...", ".hidden", "x.."),
        ("-rf", "$(id)", "'quoted' \"twice\""),
        ("a" * MAX_NAME_BYTES, "é" * (MAX_NAME_BYTES // 2), "x"),
        ("grading", "grading", "grading"),
    ],
)
def test_key_inside_the_layout_is_read_and_written_back_as_it_was(slash: str, names: tuple[str, str, str]) -> None:
    text = f"{slash}{'/'.join(names)}/{FILE}"
    key = parse_metadata_key(text)
    assert key == SubmissionKey(AssignmentRef(*names), SUBID, leading_slash=bool(slash))
    assert key.metadata == text


@pytest.mark.parametrize("slash", ["", "/"])
def test_results_go_beside_the_program_in_the_form_that_the_message_used(slash: str) -> None:
    folder = f"{slash}a/e/p/{SUBID}/{SUBID}"
    key = parse_metadata_key(f"{folder}.json")
    assert (key.program(".py"), key.out, key.results) == (f"{folder}.py", f"{folder}.out", f"{folder}.results.json")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "is not"),
        ("/", "is not"),
        (f"a/e/{FILE}", "is not"),
        (f"a/e/p/q/{FILE}", "is not"),
        (f"//a/e/p/{FILE}", "is not"),
        (f"a/e/p/{FILE}/", "is not"),
        (f"a\0/../../etc/{FILE}", "is not"),
        (f"/e/p/{FILE}", "is not"),  # the slash is the leading one: a name is missing
        (f"a//p/{FILE}", "is empty"),
        (f"../e/p/{FILE}", "is a path"),
        (f"a/../p/{FILE}", "is a path"),
        (f"a/e/../{FILE}", "is a path"),
        (f"a/./p/{FILE}", "is a path"),
        (f"a\0/e/p/{FILE}", "control character"),
        (f"a/e\n/p/{FILE}", "control character"),
        (f"a/e/p\x1b[2J/{FILE}", "control character"),
        (f"a/e\x7f/p/{FILE}", "control character"),
        (f"a/e\x85/p/{FILE}", "control character"),
        (f"a/e\u2028/p/{FILE}", "control character"),
        (f"a/e\u2029/p/{FILE}", "control character"),
        (f"a/e\ud800/p/{FILE}", "control character"),
        (f"a\\..\\b/e/p/{FILE}", "slash"),
        (f"a/%2e%2e/p/{FILE}", "percent-escaped"),
        (f"a/e%2Fx/p/{FILE}", "percent-escaped"),
        (f"a/e/p%00/{FILE}", "percent-escaped"),
        (f"{'a' * (MAX_NAME_BYTES + 1)}/e/p/{FILE}", "longer than"),
        (f"a/{'é' * (MAX_NAME_BYTES // 2 + 1)}/p/{FILE}", "longer than"),
        (f"a/e/p/{SUBID.upper()}/{SUBID.upper()}.json", "submission id"),
        (f"a/e/p/{SUBID[:-1]}/{SUBID[:-1]}.json", "submission id"),
        (f"a/e/p/{SUBID}0/{SUBID}0.json", "submission id"),
        (f"a/e/p/{SUBID}\n/{SUBID}\n.json", "submission id"),
        (f"a/e/p/{'٣' * 32}/{'٣' * 32}.json", "submission id"),
        (f"a/e/p/../{SUBID}.json", "submission id"),
        (f"a/e/p/{SUBID}/{'0' * 32}.json", "does not end"),
        (f"a/e/p/{SUBID}/{SUBID}.results.json", "does not end"),
        (f"a/e/p/{SUBID}/{SUBID}.json.json", "does not end"),
        (f"a/e/p/{SUBID}/{SUBID}.json\n", "does not end"),
        (f"a/e/p/{SUBID}/{SUBID}.JSON", "does not end"),
        (f"a/e/p/{SUBID}/{SUBID}.out", "does not end"),
        (f"a/e/p/{SUBID}/{SUBID}.py", "does not end"),
    ],
)
def test_key_outside_the_layout_is_not_understood(key: str, why: str) -> None:
    """The answer goes into a log and into a message attribute: it must be short, and carry no control character."""
    with pytest.raises(MessageNotUnderstood, match=why) as caught:
        parse_metadata_key(key)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("key", ["x" * 1_000_000, f"{'x' * 1_000_000}/e/p/{FILE}", f"a/e/p/{'0' * 1_000_000}/x.json"])
def test_fault_of_an_endless_key_is_told_in_short(key: str) -> None:
    """It becomes an attribute of the message in the dead-letter queue, and SQS refuses one that is too large."""
    with pytest.raises(MessageNotUnderstood) as caught:
        parse_metadata_key(key)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("text", ["", "a", "a/b", "a/b/c/d", "/a/b/c", "a/b/c/", "a//c", "a/../c", "a/b/%41", "a/b/\0"])
def test_anything_but_three_names_is_no_assignment(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(an assignment is named|the (admin|event|assignment)'s name) "):
        parse_assignment_ref(text)


def test_three_names_are_an_assignment() -> None:
    assert parse_assignment_ref(str(REF)) == REF


# -- bodies -------------------------------------------------------------------------------------------------------


def record(key: object, *, name: object = "ObjectCreated:Put", version: object = "2.1") -> dict[str, Any]:
    """A record as S3 sends it; the key is URL-encoded already."""
    return {"eventVersion": version, "eventName": name, "s3": {"object": {"key": key}}}


def event(*records: object) -> dict[str, Any]:
    return {"Records": list(records)}


def by_sns(document: object) -> dict[str, Any]:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:…", "Message": json.dumps(document)}


DIRECT = {"subdata": f"/a/e/p/{FILE}"}
DIRECT_KEY = SubmissionKey(AssignmentRef("a", "e", "p"), SUBID, leading_slash=True)
PLAIN_KEY = SubmissionKey(AssignmentRef("a", "e", "p"), SUBID)
TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "submissions"}


@pytest.mark.parametrize("wrap", [lambda document: document, by_sns], ids=["straight", "by SNS"])
@pytest.mark.parametrize(
    ("document", "keys"),
    [
        (DIRECT, (DIRECT_KEY,)),
        (DIRECT | {"more": [1]}, (DIRECT_KEY,)),
        (TEST_EVENT, ()),
        (event(record(f"a/e/p/{FILE}")), (PLAIN_KEY,)),
        (event(record(f"%2Fa%2Fe%2Fp%2F{SUBID}%2F{SUBID}.json")), (DIRECT_KEY,)),
        (event(record(f"a/e/p/{FILE}"), record(f"/a/e/p/{FILE}")), (PLAIN_KEY, DIRECT_KEY)),
        (
            event(record(f"a%2Bb/c+d/%C5%82/{FILE}")),
            (SubmissionKey(AssignmentRef("a+b", "c d", "ł"), SUBID),),
        ),
        (event(record(f"a/e/p/{FILE}", name="ObjectRemoved:Delete")), ()),
        (event(record(f"a/e/p/{FILE}", name="ObjectRemoved:Delete"), record(f"/a/e/p/{FILE}")), (DIRECT_KEY,)),
        (event(record(f"a/e/p/{FILE}", name="ObjectCreated:CompleteMultipartUpload", version="2.4")), (PLAIN_KEY,)),
        (event(record(f"a/e/p/{SUBID}/{SUBID}.results.json")), ()),
        (event(record(f"a/e/p/{SUBID}/{SUBID}.out")), ()),
        (event(record(f"a/e/p/{SUBID}/{SUBID}.py")), ()),
        (event(record("a/e/p/grading/test.in")), ()),
        (event(record("/a/e/p/grading/anything.json")), ()),
    ],
)
def test_body_names_its_submissions(document: object, wrap: Any, keys: tuple[SubmissionKey, ...]) -> None:
    assert parse_body(json.dumps(wrap(document))) == keys


@pytest.mark.parametrize("names", ["grading/e/p", "a/grading/p", "a/e/grading"])
def test_submission_is_not_ignored_because_something_is_named_grading(names: str) -> None:
    """An event called "grading" would have lost every submission without a word."""
    [key] = parse_body(json.dumps(event(record(f"/{names}/{FILE}"))))
    assert str(key.ref) == names


@pytest.mark.parametrize("key", [f"a/e/p/{FILE}", "x.json", "a/e/p/x/notes.txt", ""])
def test_object_that_is_neither_ours_nor_a_submission_is_not_ignored_in_silence(key: str) -> None:
    assert not is_ours_to_ignore(key)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ("{", "not JSON"),
        ('{"subdata": "x"} {}', "not JSON"),
        ("\ufeff{}", "not JSON"),
        ("\0", "not JSON"),
        ("\ud800", "not JSON"),
        ("[" * 10_000 + "]" * 10_000, "nested too deeply"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "nested too deeply"),
        ('{"subdata": "a", "subdata": "b"}', "twice"),
        ('{"x": NaN}', "NaN"),
        ('{"x": -Infinity}', "Infinity"),
        ('{"x": ' + "9" * 5000 + "}", "too long"),
        (" " * MAX_BODY_CHARS + "{}", "longer than"),
        ("null", "not an object"),
        ("1", "not an object"),
        ('"subdata"', "not an object"),
        ('[{"subdata": "x"}]', "not an object"),
        ("{}", "neither"),
        ('{"Subdata": "x"}', "neither"),
        ('{"Event": "s3:Other"}', "neither"),
        ('{"subdata": 1}', "not a string"),
        ('{"subdata": null}', "not a string"),
        ('{"subdata": ["x"]}', "not a string"),
        ('{"subdata": "x"}', "the key"),
        (json.dumps({"subdata": f"a/../p/{FILE}"}), "the key"),
        (json.dumps({"subdata": f"a%2Fe%2Fp/{FILE}"}), "the key"),
        (json.dumps({"subdata": f"a/e\0/p/{FILE}"}), "the key"),
        (json.dumps({"subdata": f"a/e\ud800/p/{FILE}"}), "the key"),
        (json.dumps(event()), "no records"),
        ('{"Records": null}', "no records"),
        ('{"Records": {}}', "no records"),
        ('{"Records": "x"}', "no records"),
        (json.dumps(event(record(f"a/e/p/{FILE}", version="3.0"))), "version"),
        (json.dumps(event(record(f"a/e/p/{FILE}", version=None))), "version"),
        (json.dumps(event(record(f"a/e/p/{FILE}", version="20.1"))), "version"),
        (json.dumps(event(record("a/e/p/notes.txt"))), "the key"),
        (json.dumps(event(record(f"a/e%FF/p/{FILE}"))), "not UTF-8"),
        (json.dumps(event(record(f"a/e%252F/p/{FILE}"))), "percent-escaped"),
        (json.dumps(event(record(7))), "names no object"),
        (json.dumps(event(record(None))), "names no object"),
        (json.dumps(event(record(["a"]))), "names no object"),
        (json.dumps(event({})), "names no object"),
        (json.dumps(event("x")), "names no object"),
        (json.dumps(event(None)), "names no object"),
        (json.dumps(event({"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": []})), "names no object"),
        (json.dumps(by_sns([1])), "not an object"),
        ('{"Type": "Notification", "Message": "hello"}', "not JSON"),
        ('{"Type": "Notification", "Message": {"subdata": "x"}}', "neither"),
        (json.dumps(by_sns(by_sns(DIRECT))), "neither"),
    ],
)
@pytest.mark.timeout(20)
def test_body_that_means_nothing_is_not_understood_and_says_why(body: str, why: str) -> None:
    with pytest.raises(MessageNotUnderstood, match=why) as caught:
        parse_body(body)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.3"])
def test_keys_of_an_event_are_decoded_once(version: str) -> None:
    assert event_keys(event(record("a%252Bb+c", version=version))) == ("a%2Bb c",)


names_of_all_sorts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@thorough
@given(names_of_all_sorts, names_of_all_sorts, names_of_all_sorts, st.booleans())
@example("a", "e", "p", True)
@example("a b", "é+", '"\\', False)
def test_body_that_we_encode_is_read_back_as_the_same_key(admin: str, name: str, lab: str, slash: bool) -> None:
    """`requeue` and split S3 events depend on it: whatever key was understood once is understood again."""
    text = f"{'/' * slash}{admin}/{name}/{lab}/{FILE}"
    try:
        key = parse_metadata_key(text)
    except MessageNotUnderstood:
        return
    assert key.metadata == text
    assert parse_body(encode_body(key)) == (key,)
    assert encode_body(key).isascii()  # SQS takes no control characters, and the rest needs no escaping


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["subdata", "Records", "Type", "Message", "Event", "s3", "object", "key", "eventVersion", "eventName"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
records = st.builds(
    record,
    json_values,
    name=st.sampled_from(["ObjectCreated:Put", "x"]) | json_values,
    version=st.just("2.1") | json_values,
)


@thorough
@given(
    st.text()
    | json_values.map(json.dumps)
    | st.lists(records | json_values, max_size=3).map(lambda found: json.dumps({"Records": found}))
)
def test_no_body_has_any_other_effect_than_to_be_understood_or_not(body: str) -> None:
    """An exception of another class would be taken for a fault of ours, and the message tried for ever."""
    with suppress(MessageNotUnderstood):
        assert all(isinstance(key, SubmissionKey) for key in parse_body(body))


# -- metadata -----------------------------------------------------------------------------------------------------


def metadata(**changes: Any) -> dict[str, Any]:
    """Good metadata of KEY, changed; a value of `...` leaves the field out."""
    document = {
        "subid": SUBID,
        "admin": "m.soltys",
        "event": "aws_labs",
        "assignment": "lab5_containers",
        "tokens": [TOKEN],
    } | changes
    return {name: value for name, value in document.items() if value is not ...}


def parse(document: object) -> Metadata:
    return parse_metadata(json.dumps(document).encode(), KEY, ("python", "c"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Metadata(KEY, (TOKEN,))),
        ({"subid": ..., "submissionid": SUBID}, Metadata(KEY, (TOKEN,))),
        ({"assignment": ..., "problem": "lab5_containers"}, Metadata(KEY, (TOKEN,))),
        ({"submissionid": SUBID, "problem": "lab5_containers"}, Metadata(KEY, (TOKEN,))),
        ({"tokens": [TOKEN, OTHER_TOKEN, TOKEN]}, Metadata(KEY, (TOKEN, OTHER_TOKEN))),
        ({"language": "python"}, Metadata(KEY, (TOKEN,), "python")),
        ({"language": None}, Metadata(KEY, (TOKEN,))),
        ({"score": 100, "Admin": "x"}, Metadata(KEY, (TOKEN,), unknown_fields=("Admin", "score"))),
        ({"a\nb\x1b": 1}, Metadata(KEY, (TOKEN,), unknown_fields=("a\\nb\\x1b",))),
    ],
)
def test_good_metadata_is_read(changes: dict[str, Any], expected: Metadata) -> None:
    assert parse(metadata(**changes)) == expected


def test_leading_slash_of_the_key_is_none_of_the_metadata() -> None:
    key = SubmissionKey(REF, SUBID, leading_slash=True)
    assert parse_metadata(json.dumps(metadata()).encode(), key, ()).key is key


def test_names_of_unknown_fields_are_few_and_short_however_many_there_are() -> None:
    """They go into the log, which no stranger may flood."""
    many = {f"{number:03}{'x' * 100}": number for number in range(300)}
    fields = parse(metadata(**many)).unknown_fields
    assert len(fields) == 20
    assert max(map(len, fields)) == 40


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (json.dumps(metadata()).encode("utf-16"), "not UTF-8"),
        (b'{"subid": "\xe9"}', "not UTF-8"),
        (b'{"subid": "\xed\xa0\x80"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b"\0" * 10, "not valid JSON"),
        (b'{"subid": "a\nb"}', "not valid JSON"),
        (b"[" * 10_000 + b"]" * 10_000, "nested too deeply"),
        (b'{"x":' * 10_000 + b"1" + b"}" * 10_000, "nested too deeply"),
        (b" " * MAX_METADATA_BYTES + b"{}", "larger than 64 KiB"),
        (json.dumps(metadata())[:-1].encode() + b', "admin": "m.soltys"}', "twice"),
        (json.dumps(metadata())[:-1].encode() + b', "x": {"y": 1, "y": 1}}', "twice"),
        (json.dumps(metadata())[:-1].encode() + b', "x": NaN}', "NaN"),
        (json.dumps(metadata(x=math.inf)).encode(), "Infinity"),
        (json.dumps(metadata())[:-1].encode() + b', "x": ' + b"9" * 5000 + b"}", "a number is too long"),
        (json.dumps(metadata())[:-1].encode() + b', "x": -' + b"9" * 200 + b"}", "a number is too long"),
        (b"null", "not an object"),
        (b"[]", "not an object"),
        (b'"text"', "not an object"),
        (b"7", "not an object"),
    ],
)
@pytest.mark.timeout(20)
def test_metadata_that_cannot_be_read_is_rejected_and_says_why(data: bytes, why: str) -> None:
    with pytest.raises(SubmissionRejected, match=why) as caught:
        parse_metadata(data, KEY, ("python",))
    assert "sys." not in str(caught.value)  # no advice to a Python programmer: the reader is a student


def test_metadata_as_large_as_allowed_is_read() -> None:
    data = json.dumps(metadata()).encode()
    assert parse_metadata(data + b" " * (MAX_METADATA_BYTES - len(data)), KEY, ()).tokens == (TOKEN,)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        *(({name: ...}, f'no "{name}"') for name in ("subid", "admin", "event", "assignment")),
        *(
            ({name: wrong}, f'"{name}".*not text')
            for name in ("subid", "admin", "event", "assignment")
            for wrong in (None, 7, True, ["m.soltys"], {"m": "soltys"})
        ),
        ({"subid": ..., "submissionid": 7}, '"submissionid".*not text'),
        ({"submissionid": 7}, '"subid".*not text'),
        ({"subid": "0" * 32}, "another subid"),
        ({"subid": SUBID.upper()}, "another subid"),
        ({"subid": ..., "submissionid": "0" * 32}, "another subid"),
        ({"admin": "somebody"}, "another admin"),
        ({"admin": ""}, "another admin"),
        ({"event": "aws_labs2"}, "another event"),
        ({"event": "aws_labs "}, "another event"),
        ({"event": "../aws_labs"}, "another event"),
        ({"assignment": "lab6"}, "another assignment"),
        ({"assignment": ..., "problem": "lab6"}, "another assignment"),
        ({"submissionid": "0" * 32}, '"subid" and "submissionid".*differ'),
        ({"problem": "lab6"}, '"assignment" and "problem".*differ'),
        ({"language": "cobol"}, "language"),
        ({"language": ""}, "language"),
        ({"language": "Python"}, "language"),
        ({"language": 3}, "language"),
        ({"language": ["python"]}, "language"),
        ({"tokens": ...}, "tokens"),
        ({"tokens": None}, "tokens"),
        ({"tokens": []}, "tokens"),
        ({"tokens": TOKEN}, "tokens"),
        ({"tokens": {TOKEN: TOKEN}}, "tokens"),
        ({"tokens": [7]}, "token"),
        ({"tokens": [None]}, "token"),
        ({"tokens": [[TOKEN]]}, "token"),
        ({"tokens": [TOKEN, ""]}, "token"),
        ({"tokens": [TOKEN.upper()]}, "token"),
        ({"tokens": [TOKEN[:-1]]}, "token"),
        ({"tokens": [TOKEN + "\n"]}, "token"),
        ({"tokens": [f"{number:032x}" for number in range(MAX_TOKENS + 1)]}, f"more than {MAX_TOKENS}"),
    ],
)
def test_metadata_with_a_wrong_field_is_rejected_by_that_name(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(SubmissionRejected, match=why):
        parse(metadata(**changes))


@pytest.mark.parametrize("name", ["subid", "admin", "event", "assignment"])
def test_rejection_does_not_tell_what_the_other_place_is(name: str) -> None:
    """The reason is shown to whoever uploaded: it must not quote a stranger's text into a page."""
    with pytest.raises(SubmissionRejected) as caught:
        parse(metadata(**{name: "<script>"}))
    assert "script" not in str(caught.value)


@pytest.mark.parametrize("token", [TOKEN, "a secret of somebody's"])
def test_tokens_are_never_quoted_in_a_rejection(token: str) -> None:
    with pytest.raises(SubmissionRejected) as caught:
        parse(metadata(tokens=[token, 7]))
    assert token not in str(caught.value)


@thorough
@given(
    st.binary(max_size=200)
    | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.fixed_dictionaries(
        {"subid": st.just(SUBID), "admin": st.just("m.soltys"), "event": st.just("aws_labs")},
        optional={
            "assignment": st.just("lab5_containers") | json_values,
            "problem": json_values,
            "tokens": json_values | st.lists(st.sampled_from([TOKEN, OTHER_TOKEN, "x"]), max_size=3),
            "language": st.just("python") | json_values,
        },
    ).map(lambda document: json.dumps(document).encode())
)
def test_no_metadata_has_any_other_effect_than_to_be_read_or_rejected(data: bytes) -> None:
    with suppress(SubmissionRejected):
        read = parse_metadata(data, KEY, ("python",))
        assert read.key == KEY
        assert 1 <= len(read.tokens) <= MAX_TOKENS
