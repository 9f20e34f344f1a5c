"""Build hook: makes the console's scripts and styles from npm packages with Vite, into the package."""

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleBuildHook(BuildHookInterface[BuilderConfig]):
    """Placeholder until the console's sources are here."""
