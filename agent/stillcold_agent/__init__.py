"""The edge agent: reads meters over Modbus, signs, keeps and publishes what it read."""
