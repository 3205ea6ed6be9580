"""A virtual terminal: an outside client that knows the published contract and a demo file, nothing else."""
