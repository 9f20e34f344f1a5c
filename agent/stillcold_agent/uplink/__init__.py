"""The broker's side."""
