"""Windows of traffic as the sidecars saw it: an hour of it, rebuilt from reports, read by pages."""
