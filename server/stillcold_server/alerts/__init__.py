"""Alerts: their life after ISA-18.2, and getting them to a person."""
