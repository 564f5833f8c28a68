"""Settings: defaults that work, one message for all that is wrong, and no password where it could be read."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from submitter import __version__
from submitter.config import SETTINGS, Config, SmtpServer
from submitter.errors import ConfigError

GOOD = {
    "SUBMITTER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/submitter",
    "SUBMITTER_BUCKET": "submissions",
    "SUBMITTER_DATABASE_URL": "postgresql://submitter:sesame@db/submitter",
    "SUBMITTER_WORK_DIR": "/srv/submitter",
    "SUBMITTER_CONCURRENCY": "7",
    "SUBMITTER_SANDBOX": "docker",
    "SUBMITTER_ISOLATION": "container",
    "SUBMITTER_PRELOAD": "numpy,xml.dom",
    "SUBMITTER_IMAGE": "executor:9",
    "SUBMITTER_RUNTIME": "runsc",
    "SUBMITTER_VISIBILITY_TIMEOUT": "300",
    "SUBMITTER_POLL_WAIT": "5",
    "SUBMITTER_GRACE_PERIOD": "12.5",
    "SUBMITTER_SPOT_NOTICE": "on",
    "SUBMITTER_LOG_FORMAT": "json",
    "SUBMITTER_NOTICES": "smtp",
    "SUBMITTER_NOTICES_FROM": "grades@example.edu",
    "SUBMITTER_SMTP_URL": "smtps://submitter:open%20door@mail.example.edu",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[fd00:ec2::254]",
}


def test_empty_environment_gives_the_documented_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert Config.from_env({}) == Config(
        queue_url="",
        bucket="",
        database_url="",
        work_dir=Path("/var/lib/submitter"),
        concurrency=6,
        sandbox="auto",
        isolation="box",
        preload=(),
        image=f"submitter-executor:{__version__}",
        runtime="runc",
        visibility_timeout_s=120,
        poll_wait_s=20,
        grace_period_s=90.0,
        log_format="auto",
        notices="off",
        notices_from="",
        smtp_server=None,
        region=None,
    )


def test_machine_that_does_not_tell_its_cores_grades_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert Config.from_env({}).concurrency == 1


def test_every_setting_is_read() -> None:
    config = Config.from_env(GOOD)
    assert config == Config(
        queue_url=GOOD["SUBMITTER_QUEUE_URL"],
        bucket="submissions",
        database_url=GOOD["SUBMITTER_DATABASE_URL"],
        work_dir=Path("/srv/submitter"),
        concurrency=7,
        sandbox="docker",
        isolation="container",
        preload=("numpy", "xml.dom"),
        image="executor:9",
        runtime="runsc",
        visibility_timeout_s=300,
        poll_wait_s=5,
        grace_period_s=12.5,
        spot_notice=True,
        metadata_endpoint="http://[fd00:ec2::254]",
        log_format="json",
        notices="smtp",
        notices_from="grades@example.edu",
        smtp_server=SmtpServer("smtps", "mail.example.edu", 465, "submitter", "open door"),
        region="eu-central-1",
    )
    others = {"AWS_DEFAULT_REGION", "AWS_EC2_METADATA_SERVICE_ENDPOINT"}
    assert {variable for variable, _ in SETTINGS.values()} | others == set(GOOD)
    assert SETTINGS.keys() | {"region", "metadata_endpoint"} == {field.name for field in dataclasses.fields(Config)}


def test_all_that_is_missing_or_wrong_is_told_in_one_message() -> None:
    """An operator who mends one setting a restart is not one who sleeps."""
    environment = {
        "SUBMITTER_BUCKET": "  ",
        "SUBMITTER_CONCURRENCY": "many",
        "SUBMITTER_SANDBOX": "chroot",
        "SUBMITTER_WORK_DIR": "here",
        "SUBMITTER_GRACE_PERIOD": "soon",
    }
    with pytest.raises(ConfigError) as caught:
        Config.from_env(environment, ["queue_url", "bucket", "database_url"])
    text = str(caught.value)
    for part in (
        "SUBMITTER_QUEUE_URL is not set",
        "SUBMITTER_BUCKET is not set",
        "SUBMITTER_DATABASE_URL is not set",
        "SUBMITTER_CONCURRENCY must be a whole number from 1 to 1024, not 'many'",
        "SUBMITTER_SANDBOX must be one of auto, docker, bubblewrap, not 'chroot'",
        "SUBMITTER_WORK_DIR must be an absolute path, not 'here'",
        "SUBMITTER_GRACE_PERIOD must be a number of seconds",
    ):
        assert part in text
    assert text.count("SUBMITTER_") == 7
    assert "\n" not in text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("SUBMITTER_CONCURRENCY", value) for value in ("0", "-1", "1025", "1.5", "1e3", "²", "٣", "0x1", "9" * 5000)),
        *(("SUBMITTER_VISIBILITY_TIMEOUT", value) for value in ("2", "43201", "120s", "nan")),
        *(("SUBMITTER_POLL_WAIT", value) for value in ("-1", "21", "1.0")),
        *(("SUBMITTER_GRACE_PERIOD", value) for value in ("-0.1", "nan", "inf", "1e9", "90 s")),
        *(("SUBMITTER_WORK_DIR", value) for value in ("submitter", "./x", "~/x")),
        ("SUBMITTER_SANDBOX", "Docker"),
        ("SUBMITTER_ISOLATION", "none"),
        ("SUBMITTER_RUNTIME", "crun"),
        ("SUBMITTER_LOG_FORMAT", "xml"),
        ("SUBMITTER_NOTICES", "mail"),
        *(
            ("SUBMITTER_NOTICES_FROM", value)
            for value in ("grades", "Grades <grades@example.edu>", "a@b, c@d", "a@b\nBcc: c@d", "ä@example.edu")
        ),
        *(
            ("SUBMITTER_SMTP_URL", value)
            for value in (
                "mail.example.edu",
                "http://mail.example.edu",
                "smtp://",
                "smtp://mail:99999",
                "smtp://mail/path",
                "smtp://mail?tls=no",
                "smtp+plain://submitter:sesame@mail",
            )
        ),
    ],
)
def test_value_out_of_range_is_refused_by_the_variables_name(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^{variable} "):
        Config.from_env({variable: value})


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("SUBMITTER_CONCURRENCY", "1", "concurrency", 1),
        ("SUBMITTER_CONCURRENCY", " 1024\n", "concurrency", 1024),
        ("SUBMITTER_VISIBILITY_TIMEOUT", "3", "visibility_timeout_s", 3),
        ("SUBMITTER_VISIBILITY_TIMEOUT", "43200", "visibility_timeout_s", 43200),
        ("SUBMITTER_POLL_WAIT", "0", "poll_wait_s", 0),
        ("SUBMITTER_GRACE_PERIOD", "0", "grace_period_s", 0.0),
        ("SUBMITTER_CONCURRENCY", "", "concurrency", Config().concurrency),
        ("AWS_REGION", "us-west-2", "region", "us-west-2"),
        ("SUBMITTER_SMTP_URL", "smtp://mail", "smtp_server", SmtpServer("smtp", "mail", 587)),
        ("SUBMITTER_SMTP_URL", "smtp+plain://[::1]/", "smtp_server", SmtpServer("smtp+plain", "::1", 25)),
        ("SUBMITTER_SMTP_URL", "smtp://u:p%40@m:2525", "smtp_server", SmtpServer("smtp", "m", 2525, "u", "p@")),
    ],
)
def test_value_at_a_bound_is_taken(variable: str, value: str, field: str, expected: Any) -> None:
    assert getattr(Config.from_env({variable: value}), field) == expected


def test_only_what_a_command_needs_must_be_set() -> None:
    assert Config.from_env({"SUBMITTER_BUCKET": "b"}, ["bucket"]).queue_url == ""


@pytest.mark.parametrize(
    ("how", "missing"),
    [
        ("off", []),
        ("ses", ["SUBMITTER_NOTICES_FROM"]),
        ("smtp", ["SUBMITTER_NOTICES_FROM", "SUBMITTER_SMTP_URL"]),
    ],
)
def test_mail_needs_an_address_and_a_server_and_says_so_with_all_else(how: str, missing: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env({"SUBMITTER_NOTICES": how, "SUBMITTER_CONCURRENCY": "x"})
    text = str(caught.value)
    assert "SUBMITTER_CONCURRENCY must" in text
    told = [name for name in ("SUBMITTER_NOTICES_FROM", "SUBMITTER_SMTP_URL") if f"{name} is not set" in text]
    assert told == missing


def test_the_mail_servers_password_is_never_shown() -> None:
    assert "open" not in repr(Config.from_env(GOOD))
    for url in ("smtp+plain://u:sesame@mail", "smtp://u:sesame@mail:port", "ftp://u:sesame@mail"):
        with pytest.raises(ConfigError) as caught:
            Config.from_env({"SUBMITTER_SMTP_URL": url})
        assert "sesame" not in str(caught.value)


def test_password_in_the_database_url_is_not_shown() -> None:
    config = Config.from_env(GOOD)
    assert "sesame" in config.database_url
    assert "sesame" not in repr(config)
    assert "sesame" not in str(config)
    assert "sesame" not in f"{[config]}"


def test_password_is_not_in_the_message_about_other_settings() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.from_env(GOOD | {"SUBMITTER_CONCURRENCY": "x"})
    assert "sesame" not in str(caught.value)
