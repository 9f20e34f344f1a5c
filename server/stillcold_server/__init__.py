"""The server: verifies, stores and detects, and gets a duty officer to act."""
