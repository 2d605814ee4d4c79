"""Official clients, none of them ours, against the emulator and, when one is named, against a live workspace."""
