"""``watch``: a live table of meters and buses."""
