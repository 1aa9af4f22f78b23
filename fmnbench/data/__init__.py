"""Getting data: downloads, archives, and what their bytes look like."""
