"""How a gateway becomes known: its keys, its request, and the certificate that comes back and is renewed."""
