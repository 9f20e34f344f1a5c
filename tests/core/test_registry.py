"""The registry file: saved as loaded, and every mistake found with its place."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stillcold_core.files import BadFile
from stillcold_core.registry import Permit, Registry, dump_registry, load_registry, problems, save_registry

KEY = "ed25519:" + base64.b64encode(bytes(32)).decode()
TEXT = f"""\
[[site]]
id = "kc-017"
name = "第七铸造厂"
longitude = 125.3
latitude = 43.9

[[line]]
id = "kc-017-f1"
site = "kc-017"
name = "1.5 t MF furnace"
state = "sealed"
rated_power = 750000
sealed_at = "2026-01-01T00:00:00Z"
measures = ["power_cut", "water_cut"]
dismantle_by = "2026-12-31"

[[gateway]]
id = "gw-1"
site = "kc-017"
public_key = "{KEY}"

[[point]]
id = "kc-017-p1"
line = "kc-017-f1"
role = "feeder"
gateway = "gw-1"

[[permit]]
line = "kc-017-f1"
from = "2026-03-01T08:00:00+08:00"
to = "2026-03-02T08:00:00+08:00"
reason = "dismantling"
approved_by = "Wang"
"""
OWNERS = """
[[district]]
id = "kc"
name = "宽城区"

[[enterprise]]
id = "e-7"
name = "第七铸造有限公司"
credit_code = "91220103MA0Y1L2T6X"

[[site]]
id = "kc-018"
name = "第七铸造厂二厂"
district = "kc"
enterprise = "e-7"
"""


def load(folder: Path, text: str = TEXT) -> Registry:
    """A registry from text."""
    file = folder / "registry.toml"
    file.write_text(text, encoding="utf-8")
    return load_registry(file)


@pytest.mark.requirement("registry.save-and-load")
def test_a_saved_registry_loads_as_the_same(tmp_path: Path) -> None:
    """Chinese names, dates and times included."""
    registry = load(tmp_path, TEXT + OWNERS)
    assert [s.district for s in registry.site] == [None, "kc"]
    save_registry(registry, tmp_path / "again.toml")
    assert load_registry(tmp_path / "again.toml") == registry
    assert "第七铸造厂" in dump_registry(registry)
    assert [p.id for p in registry.points_of("kc-017-f1")] == ["kc-017-p1"]
    assert registry.permit[0].start.utcoffset() is not None


@given(name=st.text(), address=st.text(), power=st.floats(1, 1e9), reason=st.text())
def test_any_text_survives_saving(
    tmp_path_factory: pytest.TempPathFactory, name: str, address: str, power: float, reason: str
) -> None:
    """Quotes, line ends and control characters in the names that people give."""
    folder = tmp_path_factory.mktemp("registry")
    registry = load(folder)
    changed = replace(
        registry,
        site=(replace(registry.site[0], name=name, address=address),),
        line=(replace(registry.line[0], rated_power=power),),
        permit=(replace(registry.permit[0], reason=reason),),
    )
    save_registry(changed, folder / "again.toml")
    assert load_registry(folder / "again.toml") == changed


SECOND = {
    "site": '[[site]]\nid = "kc-017"\nname = "x"\n',
    "line": '[[line]]\nid = "kc-017-f1"\nsite = "kc-017"\nname = "x"\nstate = "permitted"\nrated_power = 1\n',
    "gateway": f'[[gateway]]\nid = "gw-1"\npublic_key = "{KEY}"\n',
    "point": '[[point]]\nid = "kc-017-p1"\nline = "kc-017-f1"\nrole = "water"\n',
}


@pytest.mark.requirement("registry.error-names-its-place")
@pytest.mark.parametrize("table", SECOND)
def test_an_id_twice_is_refused(tmp_path: Path, table: str) -> None:
    """In each kind of entry, naming the first."""
    with pytest.raises(BadFile) as refused:
        load(tmp_path, TEXT + "\n" + SECOND[table])
    assert refused.value.field == f"{table}[1].id"
    assert refused.value.line == TEXT.count("\n") + 3
    assert f"{table}[0] has it already" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "expected"),
    [
        ('site = "kc-017"\nname', 'site = "kc-018"\nname', 9, "line[0].site", "id of a [[site]]"),
        ('site = "kc-017"\npublic', 'site = "kc-018"\npublic', 19, "gateway[0].site", "id of a [[site]]"),
        ('line = "kc-017-f1"\nrole', 'line = "f1"\nrole', 24, "point[0].line", "id of a [[line]]"),
        ('gateway = "gw-1"', 'gateway = "gw-2"', 26, "point[0].gateway", "id of a [[gateway]]"),
        ('line = "kc-017-f1"\nfrom', 'line = "f1"\nfrom', 29, "permit[0].line", "id of a [[line]]"),
        ('sealed_at = "2026-01-01T00:00:00Z"\n', "", 7, "line[0].sealed_at", "needs the time it was sealed at"),
        ('to = "2026-03-02', 'to = "2026-02-02', 31, "permit[0].to", "later than `from`"),
        (KEY, "rsa:AAAA", 20, "gateway[0].public_key", "expected ed25519:"),
        (KEY, KEY[:-4], 20, "gateway[0].public_key", "expected ed25519:"),
        (KEY, KEY.replace("ed25519", "p256"), 20, "gateway[0].public_key", "or p256:<33 bytes"),
        ('state = "sealed"', 'state = "closed"', 11, "line[0].state", "closed"),
        ('role = "feeder"', 'role = "meter"', 25, "point[0].role", "meter"),
        ("rated_power = 750000", "rated_power = 0", 12, "line[0].rated_power", "> 0"),
        ("rated_power = 750000", 'rated_power = "750 kW"', 12, "line[0].rated_power", "Expected `float`"),
        ("latitude = 43.9", "latitude = 143.9", 5, "site[0].latitude", "<= 90"),
        ('"2026-01-01T00:00:00Z"', '"2026-01-01T00:00:00"', 13, "line[0].sealed_at", "timezone"),
        ('"2026-01-01T00:00:00Z"', '"yesterday"', 13, "line[0].sealed_at", "RFC3339"),
        ('"2026-12-31"', '"2026-13-31"', 15, "line[0].dismantle_by", "date"),
        ('"water_cut"', '"gas_cut"', 14, "line[0].measures[1]", "gas_cut"),
        ('id = "gw-1"', 'id = "gw 1"', 18, "gateway[0].id", "matching regex"),
        ('id = "gw-1"', 'id = "../gw"', 18, "gateway[0].id", "matching regex"),
        ('id = "gw-1"', 'id = "+"', 18, "gateway[0].id", "matching regex"),
        ('id = "gw-1"', 'id = "stillcold-server"', 18, "gateway[0].id", "must not begin with 'stillcold-'"),
        ("[[permit]]", "[[permission]]", 28, "permission", "unknown field"),
        ('reason = "dismantling"', 'reasn = "dismantling"', 32, "permit[0].reasn", "unknown field"),
    ],
)
def test_each_mistake_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, line: int, field: str, expected: str
) -> None:
    """A wrong type or word, a reference to nothing, a period that ends before it begins."""
    assert old in TEXT
    with pytest.raises(BadFile) as refused:
        load(tmp_path, TEXT.replace(old, new))
    assert (refused.value.line, refused.value.field) == (line, field)
    assert expected in str(refused.value)


def test_an_empty_registry_is_one(tmp_path: Path) -> None:
    """There is nothing wrong in it."""
    registry = load(tmp_path, "")
    assert registry == Registry()
    assert list(problems(registry)) == []


@pytest.mark.requirement("detection.permit.licence")
@pytest.mark.parametrize(
    ("days", "kind", "after", "settled"),
    [
        (2, "restart.power", 3600.0, True),
        (2, "restart.energy", -900.0, True),
        (2, "restart.energy", -901.0, False),
        (2, "restart.power", 2 * 86400.0, False),
        (2, "tamper.ct", 3600.0, True),
        (365, "furnace.induction", 3600.0, True),
        (365, "tamper.ct", 3600.0, False),
    ],
)
def test_what_a_permit_settles(days: int, kind: str, after: float, settled: bool) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    permit = Permit("f1", begin, begin + timedelta(days=days), "检修", "发改")
    assert Registry(permit=(permit,)).permitted("f1", kind, begin.timestamp() + after) is settled
    assert not Registry(permit=(permit,)).permitted("f2", kind, begin.timestamp() + after)
