"""A synthetic language whose truth is known."""
