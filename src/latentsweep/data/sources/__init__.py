"""Where data comes from: one file a source, whose `read` gives what it holds."""
