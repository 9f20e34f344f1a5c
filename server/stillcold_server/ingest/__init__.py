"""From the broker to the disk: verify, store, acknowledge."""
