"""Results with values of other types than declared, as code without type checks makes them."""


def untyped(result, **fields):
    """Puts values into a frozen result."""
    vars(result).update(fields)
    return result
