"""Statement families: one file each holds the grammar and the effect of its statements."""
