"""What a handler and the processes that it starts agree on; all that a process of a function need load of this."""

import msgspec

# Descriptors of the process: answers come in on the one, anything written to the other wakes the handler.
ANSWERS, NUDGES = 3, 4
HOST = "127.0.0.1"  # where services answer, and nowhere else
READY = "ready"
AUTOMATIC = ".headwater-"  # how names begin that a function did not choose
MOST_NAME_BYTES = 200


class Told(msgspec.Struct, frozen=True):
    """What a host of functions is told, as one argument."""

    folder: str
    code: str = ""
    function: str = ""
    setup: str = ""
    inputs: tuple[str, ...] = ()
    port: int = 0
    last: str = ""
