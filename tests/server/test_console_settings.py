"""The page of settings."""

import pytest
from sqlalchemy import Engine

from stillcold_core.registry import Registry
from stillcold_server.alerts.channels import WebhookChannel
from stillcold_server.config import Config, Influx
from support.story import NOW
from support.web import Web


@pytest.mark.requirement("console.settings")
def test_whoever_runs_the_system_sees_how_it_is_set_up_and_nobody_sees_a_secret(
    engine: Engine, plant: Registry
) -> None:
    """Neither in an address nor in a channel; others see only what is theirs."""
    del plant
    channel = WebhookChannel("duty-hook", url="https://hooks.example/hush-1")
    config = Config(
        "postgresql+psycopg://u:hush-2@db/x?password=hush-4",
        influx=Influx("http://i:hush-3@tsdb:8428/"),
        channel=(channel,),
    )
    with Web(engine, NOW, config=config) as web:
        text = web.browser("system_admin").get("/settings").text
        assert [said for said in ("db/x", "http://tsdb:8428", "duty-hook", "mqtt.port") if said not in text] == []
        assert "hush" not in text
        officer = web.browser("duty_officer").get("/settings").text
        assert "mqtt.port" not in officer
        assert 'name="loudness"' in officer
