"""What ``render-gateway`` and ``render-broker`` take and refuse, and the pages about their files."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillcold_agent.cli import main
from stillcold_agent.firmware.render import render
from stillcold_core.files import BadFile
from support.firmware import GATEWAY, rendered_broker, rendered_gateway

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.requirement("firmware.refused")
@pytest.mark.parametrize(
    ("command", "option", "expected"),
    [
        ("render-gateway", "--ssh-from=10.8.0.1/16", "expected a network such as 10.8.0.0/16"),
        ("render-gateway", "--ssh-from=any } accept", "expected a network such as 10.8.0.0/16"),
        ("render-gateway", "--time-server=a b", "expected the name of a host, or an IP address"),
        ("render-gateway", "--prefix=opt", "expected an absolute path without blanks"),
        ("render-broker", "--address=localhost", "expected an IP address"),
        ("render-broker", "--crl=/a b", "expected an absolute path without blanks"),
        ("render-broker", "--key=/a\nuser root", "expected an absolute path without blanks"),
    ],
)
def test_an_option_that_would_say_something_else_in_a_file_is_refused(
    tmp_path: Path, command: str, option: str, expected: str
) -> None:
    """In one line, and nothing is written."""
    done = CliRunner().invoke(main, [command, f"--out={tmp_path / 'out'}", option])
    assert done.exit_code == 2
    assert expected in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.requirement("firmware.refused")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('host = "192.168.1.50"', 'host = "a; accept"', "bus hall: host: got 'a; accept'; expected the name of a host"),
        (
            'host = "broker.example.org"',
            'host = "b\\nallow"',
            "mqtt.host: got 'b\\nallow'; expected the name of a host",
        ),
        ("/etc/stillcold/ca.crt", "/etc/my ca.crt", "mqtt.ca_file: got '/etc/my ca.crt'; expected an absolute path"),
        (
            "".join(re.findall(r"ca_file[^[]*\[enrol[^[]*", GATEWAY)),
            "",
            "mqtt.ca_file: missing; a gateway speaks TLS with its broker",
        ),
    ],
)
def test_a_configuration_that_would_say_something_else_in_a_file_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    """Naming the field."""
    file = tmp_path / "agent.toml"
    assert GATEWAY.count(old) == 1
    file.write_text(GATEWAY.replace(old, new), encoding="utf-8")
    done = CliRunner().invoke(main, ["render-gateway", f"--config={file}", f"--out={tmp_path / 'out'}"])
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.requirement("firmware.refused")
def test_a_package_without_its_templates_says_so(tmp_path: Path) -> None:
    """As from a source tree that was copied without its links: nothing is not taken for everything."""
    with pytest.raises(BadFile, match="holds no templates"):
        render("no-such-machine", {}, tmp_path)


@pytest.mark.requirement("firmware.documented")
def test_every_rendered_file_is_documented(tmp_path: Path) -> None:
    """And no other."""
    gateway, broker = rendered_gateway(tmp_path, image=""), rendered_broker(tmp_path)
    for out, page in ((gateway, "gateway-image.md"), (gateway, "gateway-image.zh-CN.md"), (broker, "broker.md")):
        rows = re.findall(r"^\| `(/[^`]+)` \|", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(rows) == sorted("/" + str(f.relative_to(out)) for f in out.rglob("*") if f.is_file())
