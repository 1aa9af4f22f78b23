"""The training loop and what it needs: batches, stopping and checkpoints."""
