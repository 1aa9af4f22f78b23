"""Records: their schema, their store and bundles of them. No torch."""
