"""Which endpoints may answer a request: routes, and the split between groups."""
