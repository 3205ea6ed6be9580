"""What portal needs of the outside."""
