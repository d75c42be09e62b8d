"""The proxies that are measured: how each is configured for a role, and where it is found."""
