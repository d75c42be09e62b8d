"""What the product promises, shown to hold."""
