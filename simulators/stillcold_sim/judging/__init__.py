"""A scenario as a test: played without a wire, judged by the server's detection, compared with the truth."""
