"""What the agent tells of itself: metrics, health, status, log and a sign of life for systemd."""
