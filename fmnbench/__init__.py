"""fmnbench: a benchmark suite and leaderboard for posterior collapse in VAEs."""

__version__ = "0.1.0"
