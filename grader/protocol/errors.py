"""What can go wrong with a message."""


class ProtocolError(Exception):
    """What was received is not what the protocol allows: str() says what."""


class ChannelClosed(Exception):
    """The other side is gone, between two frames or within one."""


class Unsendable(ValueError):
    """What is to be sent is not what was declared: the sender's own mistake, or too much."""
