"""Pictures and pages of texts from kept weights."""
