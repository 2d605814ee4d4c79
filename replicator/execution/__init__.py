"""Doing what a plan says: state, journal and lock; scheduler and steps; events, log and audit; sessions."""
