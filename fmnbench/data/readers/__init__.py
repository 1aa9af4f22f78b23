"""How files become tables: drawings and texts in the layouts in which they are published."""
