"""TCP: a caller's connection and one to an endpoint, with whatever bytes both agree on between."""
