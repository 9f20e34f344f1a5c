"""Who is who: the certificate authority, gateways that ask to be let in, and those that are shut out."""
