"""The handlers of the demo, one subject a file."""
