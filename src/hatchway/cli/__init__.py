"""The `hatchway` command: one module per noun. Data goes to stdout, everything else to stderr."""
