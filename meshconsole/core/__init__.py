"""The shared floor: revision, errors, leases, paging, Redis; it knows no room."""
