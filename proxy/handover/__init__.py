"""Upgrade without closing a door: a new process takes the listening sockets, the old one drains."""
