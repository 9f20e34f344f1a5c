"""The audit log: what is written, and that it holds."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from stillcold_core.evidence.note import open_checkpoint, open_note
from stillcold_core.registry import Registry
from stillcold_server.api import routes as api_routes
from stillcold_server.audit.chain import FIRST, acting, append, entry_hash
from stillcold_server.audit.checkpoints import KEPT, cut, make_checkpoint
from stillcold_server.audit.verify import verify
from stillcold_server.cli import main
from stillcold_server.console import routes as console_routes
from stillcold_server.options import Commander
from stillcold_server.store import schema
from stillcold_server.store.database import read, write
from support.alerts import raise_alert
from support.evidence import House
from support.postgres import DIALECTS
from support.routes import all_mighty, call, routes
from support.story import NOW
from support.web import API, PASSWORD, Web, get, problem

ZHANG = Commander("zhang", "192.0.2.7")
ENTRY = schema.audit_entry
UNWRITTEN = {"/language", "/api/v1/enrolment"}
"""A cookie of the browser alone; gateways, whose requests have a table of their own."""


def entries(engine: Engine) -> list[tuple[str, str, str, str]]:
    """Actor, action, subject and outcome of each."""
    e = ENTRY.c
    with read(engine) as connection:
        rows = connection.execute(select(e.actor, e.action, e.subject, e.outcome).order_by(e.number))
        return [tuple(row) for row in rows]


def fill(engine: Engine, count: int, at: int = NOW) -> None:
    """Entries of Zhang's."""
    with write(engine) as connection:
        for i in range(count):
            append(connection, ZHANG, "alert.acknowledge", f"alert {i}", note="看过", now=at + i)


@pytest.mark.requirement("audit.every-change")
def test_each_route_that_changes_something_leaves_an_entry(web: Web) -> None:
    """Called by somebody who may do everything, about things that there are not; and none writes past the log."""
    client, left = all_mighty(web), 0
    for rule in routes(web):
        if rule.method == "GET" or rule.path in UNWRITTEN:
            continue
        before = len(entries(web.engine))
        answer = (
            client.post(rule.path, json={"name": "everybody", "password": "x"})
            if rule.path.endswith("login")
            else (call(client, rule))
        )
        if rule.path == "/login":
            continue  # a form, which stands below
        assert len(entries(web.engine)) == before + 1, (rule, answer.text)
        left += 1
        if "/logout" in rule.path:
            web.enter(client, "everybody")
    assert left >= 20
    for room in (api_routes, console_routes):
        for file in Path(str(room.__file__)).parent.glob("*.py"):
            assert not re.search(r"\bwrite\(", file.read_text(encoding="utf-8")), f"{file.name} writes past the log"


@pytest.mark.requirement("audit.every-change")
def test_what_was_done_refused_and_tried_is_told(restarted: Web) -> None:
    """With actor, action, subject and outcome; a name that nobody has may be a password and is left out."""
    officer = restarted.program("duty_officer", "张伟")
    alert = get(officer, "/alerts")[0]["id"]
    officer.post(f"{API}/alerts/{alert}/acknowledge", json={"note": "已到现场"})
    officer.post(f"{API}/alerts/{alert}/acknowledge", json={"note": "again"})
    officer.get(f"{API}/users")
    officer.get(f"{API}/alerts/nothing")
    stranger = restarted.client()
    assert stranger.post(f"{API}/login", json={"name": "张伟", "password": PASSWORD}).status_code == 200
    for name in ("张伟", "correct horse battery"):
        stranger.post(f"{API}/login", json={"name": name, "password": "wrong"})
    assert entries(restarted.engine) == [
        ("张伟", "alert.acknowledge", alert, "done"),
        ("张伟", "POST /alerts/{id}/acknowledge", f"{API}/alerts/{alert}/acknowledge", "already_acknowledged"),
        ("张伟", "GET /users", f"{API}/users", "role"),
        ("张伟", "login", "张伟", "done"),
        ("张伟", "login", "张伟", "bad_login"),
        ("", "login", "", "bad_login"),
    ]
    with read(restarted.engine) as connection:
        row = connection.execute(select(ENTRY).where(ENTRY.c.number == 1)).one()
    assert (row.at, row.address, row.note) == (NOW, "127.0.0.1", "已到现场")


@pytest.mark.requirement("audit.with-the-change")
def test_a_change_that_fails_leaves_no_entry_that_says_done(engine: Engine) -> None:
    with pytest.raises(ValueError, match="no"), acting(engine, ZHANG, "user.create", "li", now=NOW):
        raise ValueError("no")
    assert entries(engine) == []


@pytest.mark.requirement("audit.auditor-only")
def test_only_the_auditor_reads_the_log(web: Web, house: House) -> None:
    """As a page and by the API, page after page, of somebody or something; it says whether it is whole."""
    fill(web.engine, 150)
    assert problem(web.program("security_admin").get(f"{API}/audit")) == (403, "role", None)
    auditor = web.program("audit_admin")
    assert problem(auditor.get(f"{API}/lines")) == (403, "role", None)
    newest = get(auditor, "/audit", limit=2)
    refused = [("audit_admin", "GET /lines"), ("security_admin", "GET /audit")]
    assert [(e["actor"], e["action"]) for e in newest] == refused
    older = get(auditor, "/audit", before=newest[-1]["number"], actor="zhang", limit=1000)
    assert len(older) == 150
    assert len(get(auditor, "/audit", subject="alert 7")) == 1
    page = web.browser("audit_admin", "审计")
    shown = page.get("/audit").text
    assert "看过" in shown
    assert "权限不足" in shown
    assert "before=" in shown


@pytest.mark.requirement("audit.append-only")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_database_refuses_to_change_the_log(engine: Engine, house: House) -> None:
    """No entry is changed; none is deleted that is young, or that no checkpoint covers; no checkpoint goes."""
    fill(engine, 2, at=NOW)
    with write(engine) as connection:
        append(connection, ZHANG, "old", "", now=0)
        row = {"at": 0, "actor": "", "address": "", "action": "", "subject": "", "outcome": "", "note": ""}
        connection.execute(insert(ENTRY), row | {"number": 99, "previous": FIRST, "hash": FIRST})
    young, uncovered = delete(ENTRY).where(ENTRY.c.number == 1), delete(ENTRY).where(ENTRY.c.number == 3)
    for statement in (update(ENTRY).values(actor="li"), young, uncovered):
        with pytest.raises(DBAPIError, match="audit log"), write(engine) as connection:
            connection.execute(statement)
    with write(engine) as connection:
        make_checkpoint(connection, house.signer, NOW)
        connection.execute(uncovered)
    for statement in (young, update(schema.audit_checkpoint).values(number=1), delete(schema.audit_checkpoint)):
        with pytest.raises(DBAPIError, match="audit log"), write(engine) as connection:
            connection.execute(statement)


@pytest.mark.requirement("audit.journals")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_database_refuses_to_change_a_journal(engine: Engine, plant: Registry) -> None:
    """Of alerts, of the ledger and of lines' lives: nothing in them is changed or deleted."""
    raise_alert(engine, [])
    step = {"line": "f1", "at": NOW, "actor": "li", "step": "note", "note": "", "facts": {}}
    field = {"at": NOW, "actor": "li", "cause": "test", "kind": "line", "subject": "f1", "field": "name"}
    with write(engine) as connection:
        connection.execute(schema.line_step.insert(), step)
        connection.execute(schema.ledger_change.insert(), field)
    for table in (schema.alert_journal, schema.line_step, schema.ledger_change):
        for statement in (update(table).values(actor="zhang"), delete(table)):
            with pytest.raises(DBAPIError, match=f"{table.name} is append-only"), write(engine) as connection:
                connection.execute(statement)
        with read(engine) as connection:
            assert connection.scalar(select(func.count()).where(table.c.actor != "zhang")), table.name


TAMPERED = {
    "UPDATE audit_entry SET actor = 'li' WHERE number = 3": "entry 3 was changed",
    "DELETE FROM audit_entry WHERE number = 3": "entries 3 to 3 are missing",
    "DELETE FROM audit_entry WHERE number = 1": "entries before 2 are missing",
    "DELETE FROM audit_entry WHERE number = 8": "the head names entry 8",
    "UPDATE audit_head SET number = 9": "the head names entry 9",
    "UPDATE audit_checkpoint SET number = 4": "checkpoint 4 is not signed",
    "UPDATE audit_checkpoint SET note = ''": "checkpoint 5 is not signed",
    "DELETE FROM audit_entry WHERE number > 3": "checkpoint 5 names an entry that is not there",
}


@pytest.mark.requirement("audit.chain")
@pytest.mark.parametrize("statement", TAMPERED)
def test_whatever_is_changed_of_the_log_is_found(engine: Engine, house: House, statement: str) -> None:
    """By somebody who has taken the triggers away."""
    signed(engine, house)
    with read(engine) as connection:
        assert verify(connection, house.signer.public).faults == ()
    tamper(engine, statement)
    with read(engine) as connection:
        faults = verify(connection, house.signer.public).faults
    assert any(fault.startswith(TAMPERED[statement]) for fault in faults), faults


@pytest.mark.requirement("audit.chain")
def test_a_chain_made_anew_breaks_at_a_checkpoint(engine: Engine, house: House) -> None:
    """Every hash fits, and one is not what was signed."""
    signed(engine, house)
    tamper(engine, "UPDATE audit_entry SET actor = 'li' WHERE number = 3")
    with write(engine) as connection:
        link = FIRST
        for row in connection.execute(select(ENTRY).order_by(ENTRY.c.number)).all():
            digest = entry_hash(row._asdict(), link)
            connection.execute(update(ENTRY).where(ENTRY.c.number == row.number).values(previous=link, hash=digest))
            link = digest
        connection.execute(update(schema.audit_head).values(hash=link))
        faults = verify(connection, house.signer.public).faults
    assert faults == ("entry 5 is not the one that its checkpoint names",)


@pytest.mark.requirement("audit.cut")
def test_what_is_old_is_cut_at_a_checkpoint_and_the_rest_is_whole(engine: Engine, house: House) -> None:
    """Nothing younger than half a year goes, nor what no checkpoint covers."""
    for at in (0, 1000):
        fill(engine, 3, at=at)
        with write(engine) as connection:
            assert make_checkpoint(connection, house.signer, at)
            assert make_checkpoint(connection, house.signer, at) is None, "the log has not grown"
    fill(engine, 3, at=NOW)
    with write(engine) as connection:
        assert cut(connection, 1001 + KEPT) == 3, "entries 4 to 6 reach into the half year"
        assert cut(connection, 1001 + KEPT) == 0
        assert verify(connection, house.signer.public).first == 4
        assert cut(connection, NOW + 1) == 3
        verdict = verify(connection, house.signer.public)
        assert connection.scalar(select(func.min(ENTRY.c.number))) == 7
    assert (verdict.first, verdict.last, verdict.checkpoints, verdict.faults) == (7, 9, 2, ())


@pytest.mark.requirement("audit.cut")
def test_a_log_that_is_old_as_a_whole_is_cut_as_a_whole(engine: Engine, house: House) -> None:
    """It is no fault, and what comes then goes on from it; an end that no checkpoint signs is one."""
    fill(engine, 3, at=0)
    with write(engine) as connection:
        make_checkpoint(connection, house.signer, 3)
        assert cut(connection, NOW) == 3
        verdict = verify(connection, house.signer.public)
        assert (verdict.first, verdict.last, verdict.checkpoints, verdict.faults) == (0, 0, 1, ())
    fill(engine, 1, at=NOW)
    with read(engine) as connection:
        verdict = verify(connection, house.signer.public)
    assert (verdict.first, verdict.last, verdict.faults) == (4, 4, ())
    tamper(engine, "DELETE FROM audit_entry")
    with read(engine) as connection:
        faults = verify(connection, house.signer.public).faults
    assert faults[0] == "the head names entry 4, the last one is 0"


@pytest.mark.requirement("audit.commands")
def test_the_log_is_verified_signed_and_exported_by_commands(engine: Engine, house: House, tmp_path: Path) -> None:
    """And commands that change something are in it, under the name of who runs them."""
    config = tmp_path / "server.toml"
    url = engine.url.render_as_string(hide_password=False)
    config.write_text(f'database = "{url}"\n[evidence]\norigin = "example.org/stillcold"\n')

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, [*words, "--config", str(config)])
        assert done.exit_code == code, done.output
        return done.output

    run("create-user", "li", "--role", "inspector", "--role", "duty_officer")
    note = run("audit", "checkpoint")
    assert open_note(note.encode(), [house.signer.public])[0].startswith("example.org/stillcold/audit\n1\n")
    with pytest.raises(ValueError, match="no checkpoint of this log"):
        open_checkpoint(note.encode(), [house.signer.public])
    assert "2 entries" in run("audit", "export", "--out", str(tmp_path / "audit.jsonl"))
    first, second, last = map(json.loads, (tmp_path / "audit.jsonl").read_text(encoding="utf-8").splitlines())
    assert (first["action"], first["subject"], first["note"]) == ("user.create", "li", "inspector duty_officer")
    assert first["actor"].endswith(" (command)")
    assert entry_hash(second, bytes.fromhex(first["hash"])).hex() == second["hash"]
    assert open_note(last["checkpoint"].encode(), [house.signer.public])[0].splitlines()[1] == "2"
    assert "entries 1 to 2 and 2 checkpoints are whole" in run("audit", "verify")
    tamper(engine, "UPDATE audit_entry SET actor = 'li' WHERE number = 1")
    assert "entry 1 was changed" in run("audit", "verify", code=1)


def signed(engine: Engine, house: House) -> None:
    """Eight entries, a checkpoint after the fifth."""
    fill(engine, 5)
    with write(engine) as connection:
        make_checkpoint(connection, house.signer, NOW)
    fill(engine, 3)


def tamper(engine: Engine, statement: str) -> None:
    """As the owner of the database."""
    tables = [f"audit_{name}" for name in ("entry", "checkpoint")]
    free = [f"DROP TRIGGER {table}_{name}" for table in tables for name in ("unchanged", "kept")]
    if engine.dialect.name == "postgresql":
        free = [f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in tables]
    with write(engine) as connection:
        for each in (*free, statement):
            connection.execute(text(each))
