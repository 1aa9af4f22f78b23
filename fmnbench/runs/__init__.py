"""From a RunSpec to a Result: execution, provenance, executors."""
