"""Torch code that is no component: distributions, decoding, cross entropy, recurrences."""
