"""Proof that two tables in two metastores are equal, without moving them."""
