"""The error a user can act on; commands print it without a traceback."""


class DualATMEError(ValueError):
    """Something the user supplied (file, flag, value) is not what was expected.

    The message says what was expected, what was received, where, and what to do next. It names arguments in
    backquotes, `` `epochs` `` or `` `epochs=3` ``, which commands turn into flags.
    """
