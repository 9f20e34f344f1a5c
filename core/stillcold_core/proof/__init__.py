"""What stored batches prove of a sealed line: its verification, the account of a day, and signed statements of both."""
