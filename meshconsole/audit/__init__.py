"""Nothing that was done is forgotten: one hash-chained row for every change."""
