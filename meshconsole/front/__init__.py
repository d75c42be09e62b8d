"""Pages that look across rooms: the frame around all of them, the overview, the mesh's nouns."""
