"""``doctor``: whether everything that a gateway needs is in order, and what to do where it is not."""
