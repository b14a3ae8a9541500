"""Training: updates of parameters, and batches of sequences."""
