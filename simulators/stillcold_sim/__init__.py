"""Simulated meters, loads and faults over real Modbus, and the demo that stands on them."""
