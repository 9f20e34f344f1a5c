"""What an outsider is given to verify: the log of receipts and the bundles made from it."""
