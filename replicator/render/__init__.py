"""Data in, text out: plans, drift, verdicts and results for people, pull requests and machines. Nothing here talks to
a workspace, and nothing decides: what is shown is what the engine said."""
