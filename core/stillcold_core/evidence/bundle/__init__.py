"""The evidence bundle: one file that an outsider verifies without the server."""
