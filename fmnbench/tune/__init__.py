"""Tuning: Optuna proposes settings, trials are ordinary runs, on the validation split only."""
