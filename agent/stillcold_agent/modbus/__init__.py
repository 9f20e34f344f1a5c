"""The meters' side: one owner per serial line or socket."""
