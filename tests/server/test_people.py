"""Accounts, passwords, sessions, the login throttle."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from stillcold_core.registry import Registry
from stillcold_server.people.accounts import (
    AccountError,
    check_login,
    chosen_password,
    create_user,
    ensure_first_admin,
    set_disabled,
    set_password,
    set_rights,
)
from stillcold_server.people.passwords import WORDS, hash_password, weakness
from stillcold_server.people.sessions import close_session, find_session, open_session
from stillcold_server.people.throttle import LoginThrottle
from stillcold_server.store import schema
from stillcold_server.store.database import read, write

BOTH_DATABASES = True

GOOD = "three cold lines"
IDLE = 1_000_000


@pytest.mark.requirement("people.first-admin")
def test_the_first_start_makes_an_administrator_and_only_the_first(engine: Engine) -> None:
    """Its password is random, works once to log in, must be changed and stands nowhere."""
    with write(engine) as connection:
        password = ensure_first_admin(connection)
        assert ensure_first_admin(connection) is None
    assert password is not None
    with read(engine) as connection:
        account = check_login(connection, "admin", password)
        kept = connection.execute(select(schema.user)).one()
    assert account is not None
    assert (account.roles, account.must_change) == (("security_admin",), True)
    assert password not in str(kept)
    with write(engine) as connection:
        connection.execute(schema.user.delete())
        assert ensure_first_admin(connection) != password


@pytest.mark.requirement("people.password-known")
@pytest.mark.parametrize("password", ["1qaz2wsx3edc", "iloveyou123", "woaini1314", "Aa123456789", "zxcvbnm123"])
def test_a_password_that_many_have_is_refused(password: str) -> None:
    """Of those long enough; one that nobody has had is good, also in Chinese."""
    assert weakness(password, []) == "common"
    assert weakness("三条停产的生产线在宽城", []) is None


@pytest.mark.requirement("people.password-known")
def test_a_password_made_of_known_words_is_refused(engine: Engine, plant: Registry) -> None:
    """Of the product, of the account and of its district, however they are written and joined."""
    with write(engine) as connection:
        given = create_user(connection, "zhang", ["duty_officer"])
        for password in ("Stillcold-2026!", "封停哨宽城区2026年", "Kuancheng.2026", "zhang-KUANCHENG-17"):
            with pytest.raises(AccountError) as error:
                chosen_password(connection, "zhang", given, password)
            assert error.value.reason == "like_name", password
        assert chosen_password(connection, "zhang", given, "kuancheng three cold lines")


@pytest.mark.requirement("people.password-known")
def test_the_page_names_the_words_that_no_password_may_be_made_of() -> None:
    page = Path(__file__).parents[2] / "docs" / "api.md"
    said = page.read_text(encoding="utf-8").split("### Passwords")[1].split("\n#")[0]
    assert [word for word in WORDS if f"`{word}`" not in said] == []


def test_the_hash_of_a_password_is_argon2id_of_rfc_9106() -> None:
    """The second recommended choice: 64 MiB, 3 passes, 4 lanes."""
    assert hash_password(GOOD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.requirement("people.apart")
@pytest.mark.parametrize(
    ("name", "roles", "password", "reason"),
    [
        ("", "bureau_energy", None, "name"),
        (" zhang", "bureau_energy", None, "name"),
        ("a/b", "bureau_energy", None, "name"),
        ("a\x00b", "bureau_energy", None, "name"),
        ("n" * 65, "bureau_energy", None, "name"),
        ("zhang", "root", None, "role"),
        ("zhang", "system_admin+security_admin", None, "apart"),
        ("zhang", "security_admin+audit_admin", None, "apart"),
        ("zhang", "duty_officer+audit_admin", None, "apart"),
        ("taken", "bureau_energy", None, "exists"),
        ("zhang", "bureau_energy", "short", "short"),
        ("zhang", "bureau_energy", "x" * 201, "long"),
        ("zhang", "bureau_energy", "aaaaaaaaaaaa", "simple"),
        ("zhang.wei", "bureau_energy", "zhang.wei12", "like_name"),
    ],
)
def test_an_account_that_cannot_be_is_refused_with_its_reason(
    engine: Engine, name: str, roles: str, password: str | None, reason: str
) -> None:
    """Nothing is made."""
    with write(engine) as connection:
        create_user(connection, "taken", ["bureau_energy"])
        with pytest.raises(AccountError) as error:
            create_user(connection, name, roles.split("+"), password)
        assert connection.execute(select(schema.user.c.name)).scalars().all() == ["taken"]
    assert error.value.reason == reason


def test_a_wrong_name_password_or_a_closed_account_does_not_log_in(engine: Engine) -> None:
    """All three look the same."""
    with write(engine) as connection:
        create_user(connection, "张伟", ["duty_officer"], GOOD)
        create_user(connection, "admin", ["security_admin"], GOOD)
        assert check_login(connection, "张伟", GOOD) is not None
        assert check_login(connection, "张伟", GOOD + "!") is None
        assert check_login(connection, "nobody", GOOD) is None
        assert check_login(connection, "\x00", GOOD) is None
        set_disabled(connection, "张伟", True)
        assert check_login(connection, "张伟", GOOD) is None
        set_disabled(connection, "张伟", False)
        assert check_login(connection, "张伟", GOOD) is not None


@pytest.mark.requirement("people.password-change")
def test_a_changed_password_ends_every_session_and_the_duty_to_change(engine: Engine) -> None:
    """The old one no longer works; a wrong, the same or a weak one is refused."""
    with write(engine) as connection:
        given = create_user(connection, "zhang", ["duty_officer"])
        token = open_session(connection, "zhang", now=0, expires_at=1000)
    for old, new, reason in [("x", GOOD, "wrong_password"), (given, given, "unchanged"), (given, "abc", "short")]:
        with read(engine) as connection, pytest.raises(AccountError) as error:
            chosen_password(connection, "zhang", old, new)
        assert error.value.reason == reason
    with read(engine) as connection:
        assert find_session(connection, token, 1, IDLE) is not None
    with write(engine) as connection:
        set_password(connection, "zhang", chosen_password(connection, "zhang", given, GOOD), must_change=False)
        assert find_session(connection, token, 1, IDLE) is None
        assert check_login(connection, "zhang", given) is None
        account = check_login(connection, "zhang", GOOD)
    assert account is not None
    assert not account.must_change


def test_a_password_given_anew_must_be_changed(engine: Engine) -> None:
    """It ends the sessions; an unknown name is refused."""
    with write(engine) as connection:
        create_user(connection, "zhang", ["duty_officer"], GOOD)
        token = open_session(connection, "zhang", now=0, expires_at=1000)
    with write(engine) as connection:
        set_password(connection, "zhang", hash_password("given out"), must_change=True)
        account = check_login(connection, "zhang", "given out")
        assert find_session(connection, token, 1, IDLE) is None
    assert account is not None
    assert account.must_change
    with write(engine) as connection, pytest.raises(AccountError, match="no user"):
        set_password(connection, "nobody", "", must_change=True)


def test_the_last_security_administrator_stays(engine: Engine) -> None:
    """A second one makes it possible to close the account, or to take the role away; a closed one does not."""
    with write(engine) as connection:
        create_user(connection, "a", ["security_admin"], GOOD)
        with pytest.raises(AccountError) as error:
            set_disabled(connection, "a", True)
        assert error.value.reason == "last_admin"
        with pytest.raises(AccountError) as error:
            set_rights(connection, "a", ["inspector"])
        assert error.value.reason == "last_admin"
        create_user(connection, "b", ["security_admin"], GOOD)
        token = open_session(connection, "a", now=0, expires_at=1000)
        set_rights(connection, "a", ["inspector", "duty_officer"])
        assert find_session(connection, token, 1, IDLE) is None, "other rights need another login"
        account = check_login(connection, "a", GOOD)
        assert account is not None
        assert account.roles == ("duty_officer", "inspector")
        with pytest.raises(AccountError):
            set_disabled(connection, "b", True)


@pytest.mark.requirement("people.sessions")
def test_a_session_ends_by_itself_by_logout_and_with_its_account(engine: Engine) -> None:
    """Its token is not in the database."""
    with write(engine) as connection:
        create_user(connection, "zhang", ["duty_officer"], GOOD)
        first = open_session(connection, "zhang", now=0, expires_at=1000)
        second = open_session(connection, "zhang", now=0, expires_at=1000)
        rows = connection.execute(select(schema.session)).all()
        assert not any(first.encode() in bytes(r.token_hash) for r in rows)
        found = find_session(connection, first, 999, IDLE)
        assert found is not None
        assert found.account.name == "zhang"
        assert find_session(connection, first, 1000, IDLE) is None
        close_session(connection, first)
        assert find_session(connection, first, 1, IDLE) is None
        assert find_session(connection, second, 1, IDLE) is not None
        set_disabled(connection, "zhang", True)
        assert find_session(connection, second, 1, IDLE) is None


def test_sessions_that_have_run_out_are_cleared_away(engine: Engine) -> None:
    """By the next login."""
    with write(engine) as connection:
        create_user(connection, "zhang", ["duty_officer"], GOOD)
        open_session(connection, "zhang", now=0, expires_at=1000)
        open_session(connection, "zhang", now=1000, expires_at=2000)
        assert connection.execute(select(schema.session.c.expires_at)).scalars().all() == [2000]


def test_the_throttle_forgets_after_its_window_and_what_is_old_is_deleted(engine: Engine) -> None:
    """Right away after a success; a clock that was set back shuts nobody out."""
    throttle = LoginThrottle(engine)
    for second in range(5):
        assert throttle.wait("zhang", "192.0.2.1", second * 1000) == 0
        throttle.failed("zhang", "192.0.2.1", second * 1000)
    assert throttle.wait("zhang", "192.0.2.1", 100_000) == 200.0
    assert throttle.wait("zhang", "192.0.2.1", 300_000) == 0
    assert throttle.wait("zhang", "192.0.2.1", -1) == 0
    throttle.succeeded("zhang", "192.0.2.1")
    assert throttle.wait("zhang", "192.0.2.1", 100_000) == 0
    throttle.failed("li", "192.0.2.2", 1_000_000)
    with read(engine) as connection:
        assert connection.execute(select(schema.login_failure.c.at)).scalars().all() == [1_000_000, 1_000_000]
        assert "li" not in str(connection.execute(select(schema.login_failure)).all())


@pytest.mark.requirement("people.throttle")
def test_a_stranger_cannot_shut_the_officer_out(engine: Engine) -> None:
    """Five failures stop that name from that place; thirty stop the place; no other place is stopped.

    Whichever of two servers they have asked.
    """
    throttle, other = LoginThrottle(engine), LoginThrottle(engine)
    for server in (throttle, other, throttle, other, throttle):
        server.failed("zhang", "192.0.2.1", 0)
    assert other.wait("zhang", "192.0.2.1", 1) > 0
    assert throttle.wait("li", "192.0.2.1", 1) == 0
    assert throttle.wait("zhang", "192.0.2.2", 1) == 0
    for i in range(25):
        throttle.failed(f"guess{i}", "192.0.2.1", 0)
    assert throttle.wait("li", "192.0.2.1", 1) > 0
    for i in range(5):
        throttle.failed("zhang", f"2001:db8::{i}", 0)
    assert throttle.wait("zhang", "2001:db8::ffff", 1) > 0
