"""How soon a bad endpoint is left out, beside Envoy's outlier detection, on real traffic."""
