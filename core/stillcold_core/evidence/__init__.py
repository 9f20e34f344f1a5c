"""What makes a reading evidence: keys, the signed envelope and the hash chain."""
