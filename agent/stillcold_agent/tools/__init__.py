"""What the person who mounts a gateway has: one room a command."""
