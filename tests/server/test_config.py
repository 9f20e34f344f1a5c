"""The server's configuration file: what is wrong is said before anything is opened."""

import subprocess
from pathlib import Path

import pytest

from stillcold_core.files import BadFile
from stillcold_server.config import load_config
from stillcold_sim.demo.processes import program


def load(folder: Path, text: str) -> object:
    (folder / "server.toml").write_text(text)
    return load_config(folder / "server.toml")


@pytest.mark.requirement("server.config.bad-input")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("database = 5", "server.toml:1: database: got 5; Expected `str`"),
        ("\n[mqtt]\nport = 70000", "server.toml:3: mqtt.port: got 70000; Expected `int` <= 65535"),
        ("[mqtt]\nprot = 1883", "server.toml:2: mqtt.prot"),
        ('[http]\nhost = "localhost"', "server.toml:2: http.host: got 'localhost'; expected an IP address"),
        ('[[channel]]\nid = "a"\nkind = "pigeon"\nurl = "x"', "server.toml:3: channel[0].kind: got 'pigeon'"),
        ('[[channel]]\nid = "a"\nkind = "webhook"', "channel[0].url: expected exactly one of url and url_file"),
        (
            '[[channel]]\nid = "a"\nkind = "webhook"\nurl = "x"\n[[channel]]\nid = "a"\nkind = "webhook"\nurl = "y"',
            "server.toml:6: channel[1].id: got 'a'; must be unique; channel[0] has it already",
        ),
        ("language = ", "server.toml:1: not TOML"),
    ],
)
def test_what_does_not_fit_is_named_with_file_line_field_and_value(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadFile) as refused:
        load(tmp_path, text)
    assert said in str(refused.value)


def test_a_configuration_that_is_not_there_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    command = [str(program("stillcold-server")), "run", "--config", str(tmp_path / "none.toml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "none.toml: cannot be read" in ended.stderr
