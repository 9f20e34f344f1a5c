"""Duty: who is on, who is called in which order, and what one shift hands to the next."""
