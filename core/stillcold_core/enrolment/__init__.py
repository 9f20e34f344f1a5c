"""What a gateway and the authority say to each other: a request that has a fingerprint, and an answer."""
