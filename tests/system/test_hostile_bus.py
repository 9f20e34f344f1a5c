"""Meters that answer anything but the truth: no alert, no death of the others, and never a zero."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from stillcold_core.contract.batch import decode_batch
from stillcold_core.evidence.envelope import stored_payload
from stillcold_core.readings import Absence, Value
from stillcold_server.store import schema
from support import Mosquitto, WebhookReceiver, wait_for
from support.house import House

FAULTS = {
    "silence": {Absence.TIMEOUT, Absence.BREAKER_OPEN},
    "exception": {Absence.EXCEPTION, Absence.NOT_SUPPORTED},
    "garbage": {Absence.BAD_REPLY, Absence.TIMEOUT, Absence.DISCONNECTED, Absence.BREAKER_OPEN},
    "wrong_unit": {Absence.BAD_REPLY, Absence.TIMEOUT, Absence.BREAKER_OPEN},
}
LASTS = 12


def scenario() -> str:
    """One meter a fault, each on a port with a healthy neighbour; the faults go from second 6 to 18."""
    parts = ['name = "hostile-bus"\nregistry = "hostile-registry.toml"\n']
    for fault in FAULTS:
        parts.append(f'[[port]]\nid = "{fault}"\n')
        for unit, who in enumerate((f"{fault}-bad", f"{fault}-good"), 1):
            parts.append(
                f'[[meter]]\nid = "{who}"\nprofile = "eastron-sdm630"\nport = "{fault}"\nunit = {unit}\n'
                f'point = "{who}-p"\nload = {{ kind = "dead" }}\n'
                "energised = false\nct_noise = 0.4\nenergy = 31_904_120\n"
            )
        parts.append(f'[[fault]]\nat = 6\nfor = {LASTS}\nmeter = "{fault}-bad"\nwhat = "{fault}"\n')
    return "\n".join(parts)


def registry() -> str:
    """A sealed line a meter."""
    parts = ['[[site]]\nid = "s"\nname = "敌意总线"\n']
    parts += [_line(f"{fault}-{which}") for fault in FAULTS for which in ("bad", "good")]
    return "\n".join(parts)


def _line(who: str) -> str:
    return (
        f'[[line]]\nid = "{who}"\nsite = "s"\nname = "{who}"\nstate = "sealed"\nrated_power = 750000\n'
        f'sealed_at = "2026-01-01T00:00:00Z"\nmeasures = ["power_cut"]\n'
        f'[[point]]\nid = "{who}-p"\nline = "{who}"\nrole = "feeder"\n'
    )


@pytest.fixture
def house(tmp_path: Path, mosquitto_tls: Mosquitto, webhook: WebhookReceiver) -> Iterator[House]:
    (tmp_path / "hostile-registry.toml").write_text(registry())
    (tmp_path / "hostile-bus.toml").write_text(scenario())
    with House(tmp_path, str(tmp_path / "hostile-bus.toml"), broker=mosquitto_tls, hook=webhook.url) as house:
        yield house


@pytest.mark.slow
@pytest.mark.requirement("system.hostile-bus")
def test_what_no_meter_said_is_never_a_number(house: House, webhook: WebhookReceiver) -> None:
    house.start_server()
    house.start_meters()
    good_again = {f"{fault}-{which}": "dead" for fault in FAULTS for which in ("bad", "good")}
    end = house.started + 6 + LASTS
    newest = select(schema.line_status.c.line, schema.line_status.c.condition, schema.line_status.c.sampled_at)

    def recovered() -> bool:
        rows = house.rows(newest)
        late = all(row.sampled_at > (end + 2) * 1000 for row in rows)
        return late and {row.line: row.condition for row in rows} == good_again

    wait_for(recovered, seconds=90, what="every line is proved dead again after the faults")
    assert house.console.alerts() == []
    assert webhook.requests == []
    for fault, causes in FAULTS.items():
        values = _values(house, f"{fault}-bad-p", house.started + 8, end - 2)
        assert values, fault
        assert set(values) <= causes, (fault, set(values))
        beside = _values(house, f"{fault}-good-p", house.started + 8, end - 2)
        assert sum(isinstance(v, float) for v in beside) >= 0.5 * len(beside), f"the neighbour of {fault} went hungry"


def _values(house: House, point: str, begin: float, end: float) -> list[Value]:
    """Every reading of a point in a period, as it lies in the store."""
    bodies = house.rows(select(schema.batch.c.body))
    blocks = (b for row in bodies for b in decode_batch(stored_payload(row.body)).blocks if b.point == point)
    return [v for b in blocks for s in b.samples() if begin <= s.time <= end for v in s.values.values()]
