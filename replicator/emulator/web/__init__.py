"""The web page on which a person looks inside the metastores. It reads, and never writes."""
