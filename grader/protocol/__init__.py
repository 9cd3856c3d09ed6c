"""Messages between the grader and a worker: a fixed binary form, checked by a declared schema.

A frame is a header of fixed size, the fields of its operation in the order in which operations.py
declares them (no names, no types: both sides know them), and the forms of its arrays:

    magic | role | arrays | operation | body length | ticket || fields | dtype, shape of each array

Frames travel over a socket that only the two have. The bytes of arrays don't: they lie in memory
that both share, one array after the other, each at a multiple of 64 bytes. Who receives copies them
out, once, and looks at the copy only: nothing can change under a check.

A worker runs code that nobody has checked, so what it sends is verified before it is used: sizes
are bounded, values are in the ranges declared, arrays have the dtypes and dimensions declared, a
reply carries the ticket of its request (drawn at random: no reply can be made beforehand). Nothing
is unpickled, evaluated or found by a name that came over the wire. Whatever doesn't fit is a
ProtocolError with the reason, never another exception.
"""

from grader.protocol.channel import Channel, open_channel, pair
from grader.protocol.errors import ChannelClosed, ProtocolError, Unsendable
from grader.protocol.frames import FAILURE, REQUEST, SUCCESS, Message

__all__ = [
    "FAILURE",
    "REQUEST",
    "SUCCESS",
    "Channel",
    "ChannelClosed",
    "Message",
    "ProtocolError",
    "Unsendable",
    "open_channel",
    "pair",
]
