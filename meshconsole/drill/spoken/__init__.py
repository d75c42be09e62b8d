"""What callers and origins of a drill say to each other, in each protocol, both ends in one file.

Nothing here is the proxy's own code: what it gets wrong must not be wrong the same way twice.
"""
