"""Numbered .sql files, each applied once, on real Postgres."""

import shutil
import threading
from pathlib import Path

import psycopg
import pytest

from submitter import migrations
from submitter.errors import CasesUnavailable, ConfigError
from submitter.resources import resource


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two small migrations."""
    (tmp_path / "0001_colours.sql").write_text("CREATE TABLE submitter.colours (name text);")
    (tmp_path / "0002_red.sql").write_text("INSERT INTO submitter.colours VALUES ('100 % red');")
    return tmp_path


def _tables(database_url: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'submitter'")
        return {name for (name,) in rows}


def test_our_own_migrations_apply_once(empty_database_url: str) -> None:
    files = sorted(path.name for path in resource("sql").glob("*.sql"))

    assert migrations.apply(empty_database_url, resource("sql")) == files
    assert migrations.apply(empty_database_url, resource("sql")) == []
    assert "submissions" in _tables(empty_database_url)


def test_a_new_file_is_applied_after_the_old_ones(empty_database_url: str, directory: Path) -> None:
    migrations.apply(empty_database_url, directory)
    (directory / "0010_blue.sql").write_text("INSERT INTO submitter.colours VALUES ('blue');")

    assert migrations.apply(empty_database_url, directory) == ["0010_blue.sql"]
    with psycopg.connect(empty_database_url) as connection:
        rows = connection.execute("SELECT name FROM submitter.colours").fetchall()
    assert rows == [("100 % red",), ("blue",)]


def test_of_two_hosts_at_once_one_migrates_and_the_other_finds_it_done(empty_database_url: str) -> None:
    start = threading.Barrier(2)
    answers: list[list[str]] = []
    failures: list[Exception] = []

    def host() -> None:
        start.wait()
        try:
            answers.append(migrations.apply(empty_database_url, resource("sql")))
        except Exception as exc:
            failures.append(exc)

    hosts = [threading.Thread(target=host) for _ in range(2)]
    for thread in hosts:
        thread.start()
    for thread in hosts:
        thread.join()

    assert failures == []
    assert sorted(map(len, answers)) == [0, len(list(resource("sql").glob("*.sql")))]


def test_a_failing_migration_leaves_nothing(empty_database_url: str, directory: Path) -> None:
    """Half a schema would be worse than none: the next try would stumble over it."""
    (directory / "0003_broken.sql").write_text("CREATE TABLE submitter.shapes (name text); SELECT 1 / 0;")

    with pytest.raises(ConfigError, match=r"0003_broken\.sql failed, so nothing was applied: division by zero"):
        migrations.apply(empty_database_url, directory)

    assert _tables(empty_database_url) == set()
    (directory / "0003_broken.sql").unlink()
    assert migrations.apply(empty_database_url, directory) == ["0001_colours.sql", "0002_red.sql"]


def test_a_file_changed_after_it_was_applied_is_refused(empty_database_url: str, directory: Path) -> None:
    migrations.apply(empty_database_url, directory)
    (directory / "0002_red.sql").write_text("INSERT INTO submitter.colours VALUES ('crimson');")

    with pytest.raises(ConfigError, match=r"0002_red\.sql was changed after it was applied"):
        migrations.apply(empty_database_url, directory)


def test_a_database_newer_than_this_code_is_refused(empty_database_url: str, directory: Path) -> None:
    migrations.apply(empty_database_url, directory)
    (directory / "0002_red.sql").unlink()

    with pytest.raises(ConfigError, match=r"0002_red\.sql is in the database but not here"):
        migrations.apply(empty_database_url, directory)


def test_two_files_of_one_number_are_refused(empty_database_url: str, directory: Path) -> None:
    """Two branches that were merged: which comes first is for a person to say."""
    (directory / "0002_green.sql").write_text("SELECT 1;")

    with pytest.raises(ConfigError, match=r"0002_green\.sql and 0002_red\.sql .* have the same number"):
        migrations.apply(empty_database_url, directory)


def test_a_file_without_a_number_is_refused(empty_database_url: str, directory: Path) -> None:
    (directory / "later.sql").write_text("SELECT 1;")

    with pytest.raises(ConfigError, match="not named like a migration"):
        migrations.apply(empty_database_url, directory)


def test_a_directory_without_migrations_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no migrations"):
        migrations.apply(empty_database_url, tmp_path)


def test_status_tells_what_is_applied_what_is_pending_and_what_is_wrong(
    empty_database_url: str, directory: Path
) -> None:
    before = migrations.status(empty_database_url, directory)
    assert [(line.number, line.name, line.applied_at) for line in before] == [
        (1, "0001_colours.sql", None),
        (2, "0002_red.sql", None),
    ]
    assert _tables(empty_database_url) == set(), "status changes nothing"

    migrations.apply(empty_database_url, directory)
    (directory / "0001_colours.sql").write_text("-- emptied")
    (directory / "0002_red.sql").unlink()
    shutil.copy(directory / "0001_colours.sql", directory / "0003_new.sql")

    first, second, third = migrations.status(empty_database_url, directory)
    assert first.applied_at is not None
    assert first.problem is not None
    assert "was changed" in first.problem
    assert second.name == "0002_red.sql"
    assert second.problem is not None
    assert "not here" in second.problem
    assert (third.applied_at, third.problem) == (None, None)


def test_a_database_that_is_away_is_unavailable_and_says_what_to_look_at(directory: Path) -> None:
    with pytest.raises(CasesUnavailable, match="SUBMITTER_DATABASE_URL"):
        migrations.apply("postgresql://postgres@/nowhere?host=/nonexistent", directory)


def test_a_malformed_url_is_a_setting_to_mend_and_its_password_is_not_shown(directory: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        migrations.apply("postgres//user:hunter2@host/name", directory)
    assert "hunter2" not in str(caught.value)
