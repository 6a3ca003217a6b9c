"""What differs from one event loop or system to the next."""
