"""Where requests go: one route per application, every version of it kept."""
