"""``probe``: finds meters on a line or behind a socket, and the profile that fits each."""
