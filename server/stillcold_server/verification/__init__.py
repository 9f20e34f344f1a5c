"""What is stated of sealed lines: verifications at the sealing, a statement for every day, and papers of both."""
