"""Game days: counted scenarios with real processes, each ending in figures."""
