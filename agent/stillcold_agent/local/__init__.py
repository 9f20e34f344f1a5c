"""What a gateway says at its own place: the standing of each line, a status file, and a command for a lamp."""
