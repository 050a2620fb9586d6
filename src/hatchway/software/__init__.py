"""What a VM can run, and where it comes from."""
