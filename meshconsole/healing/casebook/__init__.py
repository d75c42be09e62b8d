"""A case as people read it: pages, drawings, the report, REST."""
