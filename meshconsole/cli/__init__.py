"""meshctl: the console at a terminal, over REST alone."""
