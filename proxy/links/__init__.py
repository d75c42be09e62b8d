"""The ledger of links: what became of everything that was begun on a connection."""
