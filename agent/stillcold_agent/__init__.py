"""The edge agent: reads meters over Modbus, signs, keeps and publishes what it read."""

__version__ = "0.1.0"
