"""From a selection to exact runs: suites, plans and costs. No torch."""
