"""Where data come from: downloads, archives and the Hugging Face hub."""
