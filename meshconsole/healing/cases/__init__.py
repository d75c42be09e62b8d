"""A healing case for each instance in trouble: its states, its moves, and what people allow."""
