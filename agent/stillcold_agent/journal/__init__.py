"""What is kept on disk until the server has it."""
