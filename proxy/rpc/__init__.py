"""Framed RPC: whole frames, many requests at once on one connection, matched by number.

What such protocols share is here: callers (`downstream`), endpoints (`upstream`), deadlines,
heartbeats and leave-taking. What they do not share, the bytes and what they mean, is a `Codec`
(`frames`); `proxy.bolt` is one.
"""
