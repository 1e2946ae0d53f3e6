"""Settings: read from the environment and a file, and refused when unknown or useless."""

from __future__ import annotations

import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tamshy.domain.ids import named
from tamshy.domain.token import Purpose, Signer, Subject
from tamshy.site.clock import BadClock, Clock, clock_from, running
from tamshy.site.configuration import (
    NAMES,
    BadSetting,
    Configuration,
    environment,
    kept_secret,
    read_configuration,
    secret_key,
    secret_keys,
)

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_every_setting_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(NAMES)


def test_settings_come_from_the_environment_and_others_are_not_looked_at() -> None:
    given = {"DATABASE_URL": "postgresql://x", "TAMSHY_BASE_URL": " https://m.example ", "PATH": "/bin", "PGHOST": "y"}
    assert read_configuration(given) == Configuration(database_url="postgresql://x", base_url="https://m.example")


def test_an_unknown_setting_is_refused_with_what_it_may_mean() -> None:
    with pytest.raises(BadSetting, match=r"unknown setting TAMSHY_BASEURL \(did you mean TAMSHY_BASE_URL\?\)"):
        read_configuration({"TAMSHY_BASEURL": "https://m.example"})


def test_a_file_holds_the_same_keys_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "tamshy.toml"
    file.write_text(
        'TAMSHY_DATA = "from file"\nbase_url = "https://file.example"\ndatabase_url = "postgresql://file"\n'
    )
    found = read_configuration({"TAMSHY_CONFIG": str(file), "TAMSHY_BASE_URL": "https://env.example"})
    assert (found.data, found.base_url, found.database_url) == (
        "from file",
        "https://env.example",
        "postgresql://file",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('smtp_ulr = "smtp://x"', "did you mean TAMSHY_SMTP_URL"),
        ("base_url = [1]", "`base_url` is a text"),
        ("base_url =", "is no TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "tamshy.toml"
    file.write_text(text)
    with pytest.raises(BadSetting, match=re.escape(said)):
        read_configuration({"TAMSHY_CONFIG": str(file)})


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        read_configuration({"TAMSHY_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAMSHY_BASE_URL", "mail.shop.example"),
        ("TAMSHY_BASE_URL", "https://mail.shop.example?x=1"),
        ("TAMSHY_ESP", "postmark"),
        ("TAMSHY_BOOTSTRAP_ADMIN", "admin"),
        ("TAMSHY_BOOTSTRAP_ADMIN", "a@shop.example:"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        read_configuration({name: value})


def test_what_other_processes_are_given_is_what_was_read() -> None:
    configuration = Configuration(database_url="postgresql://x", smtp_url="smtp://y", clock="z", config="f")
    assert environment(configuration) == {
        "DATABASE_URL": "postgresql://x",
        "TAMSHY_SMTP_URL": "smtp://y",
        "TAMSHY_CLOCK": "z",
    }


def test_a_secret_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    configuration = Configuration(data=str(tmp_path / "data"))
    made = secret_key(configuration)
    assert len(made) == 64
    assert secret_key(configuration) == made
    (kept,) = (tmp_path / "data").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_beside_a_database_of_ones_own_the_secret_key_must_be_set(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="TAMSHY_SECRET_KEY"):
        secret_key(Configuration(database_url="postgresql://x", data=str(tmp_path)))
    assert secret_key(Configuration(database_url="postgresql://x", secret_key="k" * 16)) == "k" * 16


def test_a_short_secret_is_used_and_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    spread = secret_key(Configuration(secret_key="short"))
    assert (len(spread), spread) == (64, secret_key(Configuration(secret_key="short")))
    assert "TAMSHY_SECRET_KEY has fewer than 16 characters" in caplog.text


def test_a_new_key_signs_and_the_old_ones_are_still_believed(caplog: pytest.LogCaptureFixture) -> None:
    new, old = "n" * 32, "o" * 32
    assert secret_keys(Configuration(secret_key=f"{new}, {old},")) == (new, old)
    assert secret_key(Configuration(secret_key=f"{new},{old}")) == new
    assert caplog.text == ""
    spread = secret_keys(Configuration(secret_key=f"{new},short"))
    assert spread == (new, secret_key(Configuration(secret_key="short")))
    with pytest.raises(BadSetting, match="TAMSHY_SECRET_KEY holds no key"):
        secret_keys(Configuration(secret_key=" , "))


def test_the_data_folder_keeps_a_key_a_line_and_other_processes_get_them_all(tmp_path: Path) -> None:
    new, old = "n" * 32, secret_key(Configuration(data=str(tmp_path)))
    (tmp_path / "secret_key").write_text(f"{new}\n{old}\n")
    assert secret_keys(Configuration(data=str(tmp_path))) == (new, old)
    handed_on = read_configuration({"TAMSHY_SECRET_KEY": kept_secret(tmp_path)})
    assert secret_keys(handed_on) == (new, old)


def test_links_of_mails_sent_two_years_ago_lead_on_after_the_key_was_changed_four_times() -> None:
    subject = Subject(1, 3, named("profile"), named("message"))
    keys = [year * 8 for year in ("2026", "2027", "2028", "2029", "2030")]
    mails = [Signer([key]).token(Purpose.UNSUBSCRIBE, subject) for key in keys]
    ring = Signer(secret_keys(Configuration(secret_key=",".join(reversed(keys)))))
    assert [ring.read(Purpose.UNSUBSCRIBE, token) for token in mails] == [subject] * 5
    assert ring.token(Purpose.UNSUBSCRIBE, subject) == mails[-1]
    dropped = Signer(secret_keys(Configuration(secret_key=",".join(reversed(keys[1:])))))
    assert dropped.read(Purpose.UNSUBSCRIBE, mails[0]) is None


@pytest.mark.parametrize("name", ["TAMSHY_BOOTSTRAP_WRITE_KEY", "TAMSHY_BOOTSTRAP_API_KEY"])
def test_a_key_of_ones_own_may_be_short(name: str) -> None:
    assert "wk" in environment(read_configuration({name: "wk"})).values()


def test_a_clock_runs_faster_than_life_and_all_processes_agree_on_it() -> None:
    origin = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    clock = running(origin, 600)
    other = clock_from(clock.text())
    assert (other.origin, other.speed) == (origin, 600)
    first, second = clock.now(), other.now()
    assert abs(second - first) < timedelta(minutes=10)
    assert first >= origin
    assert clock_from(Clock().text()) == Clock()


@pytest.mark.parametrize(
    "text",
    [
        "600",
        "soon@2026-03-02T09:00:00Z*2",
        "2026-03-02T09:00:00@2026-03-02T09:00:00Z*2",
        "2026-03-02T09:00:00Z@2026-03-02T09:00:00Z*0",
    ],
)
def test_a_clock_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadClock, match="TAMSHY_CLOCK"):
        clock_from(text)
