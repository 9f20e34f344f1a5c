"""Who has fallen silent, and whether it is they or we: gateways, points, the grid, this server's own ears."""
