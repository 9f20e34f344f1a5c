"""The forms of file that the ledger is imported from and exported to."""
