"""``stillcold-server``: the commands, each with the room that holds it.

A room is loaded when one of its commands is called: most need libraries that the others do without.
"""

import gc
import importlib
from collections.abc import Mapping

import click

COMMANDS: Mapping[str, tuple[str, str]] = {
    "approve": (
        "identity.commands:approve",
        "List the gateways that wait; with GATEWAY or --request, approve one, or turn it down.",
    ),
    "audit": ("audit.commands:audit", "The audit log: see docs/audit.md."),
    "backup": (
        "backup.commands:backup_command",
        "Copy the database into a new folder below FOLDER, also while the server runs.",
    ),
    "ca": ("identity.commands:ca", "The certificate authority of gateways, broker and server."),
    "channel": ("alerts.commands:channel", "The ways to tell an officer: see docs/channels.md."),
    "create-user": (
        "people.commands:create_user_command",
        "Add a user; prints a one-time password that must be changed at the first login.",
    ),
    "evidence": ("evidence.commands:evidence", "What outsiders verify without this server: see docs/evidence.md."),
    "invite": (
        "identity.commands:invite",
        "Make a one-time code with which a gateway of the registry may ask for its identity.",
    ),
    "jobs": ("jobs.commands:jobs", "What the server does at set times: see docs/jobs.md."),
    "migrate": ("store.commands:migrate_command", "Bring the database to the form that this version needs."),
    "registry": ("registry.commands:registry", "The ledger of sealed lines: see docs/ledger.md."),
    "request-replay": (
        "ingest.commands:request_replay_command",
        "Ask a gateway for batches that it keeps for some days after they were acknowledged.",
    ),
    "restore": (
        "backup.commands:restore_command",
        "Put a backup into the empty database that the configuration names; stop the server first.",
    ),
    "revoke": (
        "identity.commands:revoke",
        "Believe nothing any more that a gateway signs from now on, and have the broker shut it out.",
    ),
    "run": ("commands:run", "Receive, store, detect, tell, and serve the console until stopped."),
    "scan": ("detection.commands:scan", "Run the detection over files of measurements, exactly as it runs live."),
}
"""Where each command is, and what it says of itself in short."""


class Commands(click.Group):
    """Loads a command when it is called, and lists all without loading any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """See :meth:`click.Group.list_commands`."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """See :meth:`click.Group.get_command`."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        gc.disable()  # what a room loads stays: looking for garbage among it takes a fifth of the time
        command: click.Command = getattr(importlib.import_module(f"stillcold_server.{module}"), name)
        gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """See :meth:`click.Group.format_commands`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])


@click.group(cls=Commands)
@click.version_option(package_name="stillcold-server")
def main() -> None:
    """Stillcold's server: verifies and stores signed readings, detects restarts, gets an officer to act."""
