"""Identities of the mesh for proxies that are not ours: Envoy's secret discovery service (v3).

A process of its own beside such a proxy: it joins and renews as a sidecar does, keeps the key in
memory, and hands certificate, key and roots to whoever may open its Unix socket. Needs the extra
`xds` in an environment of its own, as the stubs it installs take names that other packages use.
"""
