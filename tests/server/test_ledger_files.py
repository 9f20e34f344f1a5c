"""The ledger as files: TOML, CSV, Excel; what is wrong is said by row, and nothing is half done."""

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from openpyxl import Workbook, load_workbook
from sqlalchemy import Engine, select

from stillcold_core.registry import Enterprise, Identification, Meter, Registry, Seal
from stillcold_server.cli import main
from stillcold_server.language import sentences
from stillcold_server.language.texts import load_texts
from stillcold_server.registry.files import read_file, write_form
from stillcold_server.registry.history import Author, Change
from stillcold_server.registry.ledger import export_registry, import_registry, registry_revision
from stillcold_server.registry.plan import Plan, carry_out, make_plan
from stillcold_server.registry.sheets import Sheets
from stillcold_server.store.database import open_database, read, write
from stillcold_server.store.migrate import prepare
from stillcold_server.store.schema import ledger_change

DAY = date(2026, 1, 1)
APPLIED = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def full(engine: Engine, plant: Registry) -> Registry:
    """A ledger with something in every table, some of it meant for a spreadsheet's formulas."""
    registry = replace(
        plant,
        meter=(Meter("m-1", "p1", "ADW300", "0017", "JL-2026-1", "省计量院", DAY, date(2027, 1, 1)),),
        seal=(Seal("220-1", "f1", "柜门", APPLIED, "王"), Seal("220-2", "f1", "炉体", APPLIED, "王", photo="a" * 64)),
        identification=(Identification("f1", "energy", "发改局", DAY, date(2026, 7, 1), date(2026, 10, 1)),),
        enterprise=(*plant.enterprise, Enterprise("evil", '=HYPERLINK("http://x")', contact="@SUM(1)", phone="+86 1")),
    )
    with write(engine) as connection:
        import_registry(connection, registry, "li", 1)
        return export_registry(connection)


def planned(engine: Engine, *files: tuple[str, bytes | str]) -> Plan:
    """What importing files would do."""
    sheets = Sheets()
    for name, content in files:
        read_file(sheets, name, content if isinstance(content, bytes) else content.encode())
    with read(engine) as connection:
        return make_plan(connection, sheets)


def said(plan: Plan) -> list[str]:
    return [str(error) for error in plan.errors]


def book(sheet: str, *rows: Sequence[str | None]) -> bytes:
    """A workbook as a clerk makes it."""
    made = Workbook()
    active = made.active
    assert active is not None
    active.title = sheet
    for row in rows:
        active.append(list(row))
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


@pytest.mark.requirement("ledger.files")
def test_every_form_brings_the_ledger_back_as_it_was(engine: Engine, full: Registry) -> None:
    """TOML, a workbook, a CSV file for each table: imported again they change nothing."""
    names = [f"{name}.csv" for name in full.__struct_fields__]
    for files in (["registry.toml"], ["book.xlsx"], names):
        plan = planned(engine, *((name, write_form(full, name)) for name in files))
        assert (said(plan), plan.changes) == ([], [])
        fresh = planned_over(*((name, write_form(full, name)) for name in files))
        assert fresh == full


def planned_over(*files: tuple[str, bytes]) -> Registry:
    """What files hold, put into an empty ledger."""
    engine = open_database("sqlite://")
    prepare(engine)
    with write(engine) as connection:
        sheets = Sheets()
        for name, content in files:
            read_file(sheets, name, content)
        plan = make_plan(connection, sheets)
        carry_out(connection, plan, Author("li", 1, "import"))
        return export_registry(connection)


@pytest.mark.requirement("ledger.files.errors")
def test_every_error_is_said_with_file_row_column_value_and_what_would_be_right(
    engine: Engine, plant: Registry
) -> None:
    """All of them at once; a row that is right does not help the others."""
    csv = "id,site,name,state,rated_power,sealed_at,colour\nf2,kc-017,a,sealed,heavy,2026/1/2 8:00,red\n"
    csv += "f 3,kc-9,b,off,5,,\n"
    assert said(planned(engine, ("line.csv", csv))) == [
        "line.csv:1: colour: expected one of id, site, name, state, rated_power, nominal_voltage, sealed_at, measures, "
        "dismantle_by, stage",
        "line.csv:2: rated_power: got 'heavy'; Expected `float`, got `str`",
        "line.csv:3: id: got 'f 3'; Expected `str` matching regex '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'",
        "line.csv:3: state: got 'off'; expected one of permitted, sealed",
    ]
    rows: list[list[str | None]] = [
        ["id", "line", "place", "applied_at", "applied_by"],
        ["s1", "f9", "门", "2026-01-02 08:00", "王"],
    ]
    rows += [["s1", "f1", "门", None, "王"], ["s2", "f1", "=1+1", "someday", "王"]]
    assert said(planned(engine, ("seals.xlsx", book("seal", *rows)))) == [
        "seals.xlsx, sheet seal:4: place: got '=1+1'; expected a value, no formula",
        "seals.xlsx, sheet seal:3: applied_at: must not be empty",
        "seals.xlsx, sheet seal:4: applied_at: got 'someday'; expected a time, e.g. 2026-01-01T08:00:00+08:00 or "
        "2026-01-01 08:00 (Beijing)",
    ]
    toml = '[[seal]]\nid = "s1"\nline = "f9"\nplace = "x"\napplied_at = "2026-01-01T00:00:00Z"\napplied_by = ""\n'
    twice = toml + toml.replace('"s1"', '"s2"') + toml
    assert said(planned(engine, ("r.toml", twice))) == ["r.toml:13: id: got 's1'; must be unique; row 1 has it already"]
    assert said(planned(engine, ("r.toml", toml))) == [
        "r.toml:1: line: got 'f9'; must be the id of a [[line]] that is known"
    ]


WRONG = (
    ("line.csv", "id,name,state,rated_power,sealed_at,dismantle_by,colour,colour\nf2,a,sealed,heavy,1/2,x,,\n"),
    ("line.csv", "id,site,name,state,rated_power\nf 3,kc-9,b,off,0\n,,,,,,\nf4,kc-9,b,permitted,5\n"),
    ("line.csv", "id,state\nf1,permitted\n"),
    ("line.csv", "id,state,stage\nmill,permitted,ordered\n"),
    ("line.csv", "id,state,stage\nf1,sealed,case\n"),
    ("line.csv", "id,state\nf9,sealed\n"),
    ("site.csv", "id,name,longitude\na,b,nan\n"),
    ("line.csv", b"\xff\xfe"),
    ("x.xlsx", book("other", ["id"])),
    ("x.xlsx", book("seal", ["id"], ["=1"])),
    ("line.csv", "id,stage\nmill,sealed\nf1,ordered\nf1,\n"),
    ("line.csv", "id,site,name,state,rated_power,stage\nn,kc-017,n,permitted,1,sealed\ns,kc-017,s,sealed,1,\n"),
    ("site.csv", "id,name,longitude,latitude,district\na,,200,-100,x\n"),
    ("gateway.csv", "id,public_key\nstillcold-x,y\n"),
    ("meter.csv", "id,point,issued,expires\nm,p9,2027-01-02,2027-01-01\n"),
    ("permit.csv", "line,from,to,reason,approved_by\nf1,2027-01-02 08:00,2027-01-01 08:00,x,y\n"),
    ("permit.csv", "line,from,to,reason,approved_by\nf1,9999-01-02 08:00,someday,x,y\n"),
    ("seal.csv", "id,line,place,applied_at,applied_by,state,ended_at,replaced_by\ns,f1,x,2027-01-02 08:00,y,removed,"
     "2027-01-01 08:00,z\nt,f1,x,2027-01-02 08:00,y,removed,,\n"),
    ("identification.csv", "line,standard,bureau,identified_on,rectify_by,extended_to\n"
     "f1,energy,x,2027-01-02,,2027-02-01\n"
     "f1,quality,x,2027-01-02,2027-07-02,2027-08-01\nf1,safety,x,2027-01-02,2027-01-01,2029-01-01\n"),
    ("identification.csv", "line,standard,bureau,identified_on\nf1,energy,x,2027-01-02\nf1,energy,x,2027-01-02\n"),
    ("r.toml", '[[lines]]\n'), ("r.toml", "x = ["), ("r.toml", '[[site]]\nid = 5\nnames = ""\n'), ("other.csv", "id"),
    ("line.csv", 'id\n"f1'), ("line.csv", "id\n" + "f\n" * 50_001), ("x.xlsx", "PK"),
)  # fmt: skip


@pytest.mark.requirement("console.ledger-import")
def test_whatever_is_wrong_in_a_file_is_said_in_chinese_too(engine: Engine, plant: Registry) -> None:
    """What a page shows of each error; names of fields, words and formats stay as the file has them."""
    chinese = load_texts()["zh"]
    wrong = [e.expected for file in WRONG for e in planned(engine, file).errors]
    shown = {english: sentences.expected(english, chinese) for english in wrong}
    assert len(shown) > 40
    assert [english for english, said in shown.items() if not re.search("[一-鿿]", said)] == []


@pytest.mark.requirement("ledger.files.whole-or-nothing")
def test_one_wrong_row_imports_nothing_and_a_dry_run_shows_what_would_change(
    engine: Engine, full: Registry, tmp_path: Path
) -> None:
    """By the commands; a column that a file does not have stays as it is; detection hears only of what it reads."""
    config = tmp_path / "server.toml"
    config.write_text(f'database = "{engine.url}"\n')

    def run(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["registry", *map(str, words), "--config", str(config)])
        return done.exit_code, done.output

    file = tmp_path / "site.csv"
    file.write_text("id,name\nkc-017,新名\nkc-018,\n")
    assert run("import", file) == (2, "error: site.csv:3: name: must not be empty\n")
    file.write_text("id,name\nkc-017,新名\n")
    told = "site kc-017: name: '宽城铸造' becomes '新名'\nwould import: nothing new; changed: 1\n"
    assert run("import", file, "--dry-run") == (0, told)
    with read(engine) as connection:
        assert export_registry(connection) == full
        before = registry_revision(connection)
    assert run("import", file) == (0, "imported: nothing new; changed: 1\n")
    meter = tmp_path / "meter.csv"
    meter.write_text("id,point\nm-2,p2\n")
    assert run("import", meter) == (0, "imported: 1 meter; changed: 0\n")
    with read(engine) as connection:
        assert export_registry(connection).site == (replace(full.site[0], name="新名"),)
        assert registry_revision(connection) == before + 1
    assert run("export", tmp_path / "all.xlsx")[0] == 0
    assert run("export", tmp_path)[1].count("written: ") == 10
    assert run("export", tmp_path / "all.doc")[0] == 2


@pytest.mark.requirement("ledger.history")
def test_every_changed_field_has_who_what_and_when(engine: Engine, full: Registry) -> None:
    """A new entry is one row with all of it."""
    plan = planned(engine, ("line.csv", "id,dismantle_by,measures\nf1,2026/12/31,power_cut；water_cut\n"))
    with write(engine) as connection:
        carry_out(connection, plan, Author("zhang", 7, "import"))
        rows = connection.execute(select(ledger_change).where(ledger_change.c.at == 7).order_by(ledger_change.c.id))
        told = [(r.actor, r.kind, r.subject, r.field, r.before, r.after) for r in rows]
    assert told == [
        ("zhang", "line", "f1", "measures", '["power_cut", "sealed"]', '["power_cut", "water_cut"]'),
        ("zhang", "line", "f1", "dismantle_by", None, '"2026-12-31"'),
    ]
    assert plan.changes[1] == Change("line", "f1", "dismantle_by", None, "2026-12-31")


@pytest.mark.requirement("ledger.files.hostile")
def test_no_export_is_a_formula_and_no_import_unpacks_a_bomb(engine: Engine, full: Registry) -> None:
    """Nor macros, entities, other files, or a sheet without end."""
    text = write_form(full, "enterprise.csv").decode("utf-8")
    assert text.startswith("\ufeffid,name")
    assert 'evil,"\'=HYPERLINK(""http://x"")",,\'@SUM(1),\'+86 1' in text
    sheet = load_workbook(io.BytesIO(write_form(full, "all.xlsx")))["enterprise"]
    assert [cell.data_type for cell in sheet[2]][:2] == ["s", "s"]
    good = book("line", ["id"], ["f1"])
    for parts, expected in (
        ({"xl/vbaProject.bin": b""}, "holds macros"),
        ({"xl/media/image.png": bytes(65 << 20)}, "too large"),
        ({"xl/workbook.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}, "expected an Excel workbook"),
    ):
        (error,) = said(planned(engine, ("x.xlsx", packed(good, parts))))
        assert expected in error
    for name, content, expected in (
        ("x.xlsx", b"PK\x03\x04", "expected an Excel workbook"), ("line.csv", b"\xff\xfe", "expected UTF-8"),
        ("line.csv", b"id\n" + b"f\n" * 50_001, "at most 50000 rows"), ("other.csv", b"id", "expected a name"),
        ("line.csv", bytes(9 << 20), "expected at most 8 MiB"), ("r.toml", b"x = [", "not TOML"),
        ("r.toml", b"[[lines]]\n", "expected tables"), ("line.csv", b'id\n"f1', "not CSV"),
    ):  # fmt: skip
        assert expected in said(planned(engine, (name, content)))[0]


def packed(book: bytes, parts: dict[str, bytes]) -> bytes:
    """A workbook with some of its parts exchanged or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, content in parts.items():
            new.writestr(name, content)
    return out.getvalue()


@pytest.mark.requirement("ledger.life.import")
def test_an_import_moves_no_line_from_one_stage_to_another(engine: Engine, full: Registry) -> None:
    """It may enter a line that comes from elsewhere in any stage; it never unseals one."""
    opened = planned(engine, ("line.csv", "id,state\nf1,permitted\n"))
    assert said(opened)[0].startswith(
        "line.csv:2: state: got 'permitted'; must be sealed: the line is in the stage sealed"
    )
    staged = planned(engine, ("line.csv", "id,stage\nmill,ordered\n"))
    assert "stage: got 'ordered'; must be empty, as it is" in said(staged)[0]
    new = "id,site,name,state,stage,rated_power,sealed_at\nf3,kc-017,x,sealed,{},5,2026-01-01 08:00\n"
    assert "must fit `state`" in said(planned(engine, ("line.csv", new.format("rectifying"))))[0]
    assert said(planned(engine, ("line.csv", new.format("case")))) == []
    late = "line,standard,bureau,identified_on,rectify_by,extended_to\nf1,{},质监局,2026-01-01,2026-07-01,{}\n"
    assert (
        "knows no extension" in said(planned(engine, ("identification.csv", late.format("quality", "2026-08-01"))))[0]
    )
    assert "until 2026-10-01" in said(planned(engine, ("identification.csv", late.format("energy", "2026-10-02"))))[0]
