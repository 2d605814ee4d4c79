"""Delta tables on disk: types, log, commits, clone, history and data files. Knows nothing of catalogs or SQL text."""
