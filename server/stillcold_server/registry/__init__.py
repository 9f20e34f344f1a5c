"""The ledger of sites, lines, points, gateways and permits."""
