"""What a student can mend: said in a line or two, never as a traceback."""

from collections.abc import Callable
from functools import wraps


class Trouble(Exception):
    """A wrong use; str() says what is wrong and what to do."""

    shown = False  # by the screen that it came in


class Interrupted(KeyboardInterrupt):
    """The cell was interrupted, and nothing is left running. The notebook stops here."""

    def _render_traceback_(self) -> list[str]:
        """IPython shows this in place of a traceback."""
        return ["Interrupted. Nothing is left running."]


def kindly(otherwise: Callable) -> Callable:
    """Decorates a public function: a Trouble is shown, and otherwise(message) is returned.

    KeyboardInterrupt becomes Interrupted.
    """

    def decorate(function: Callable) -> Callable:
        @wraps(function)
        def call(*arguments, **fields):
            try:
                return function(*arguments, **fields)
            except Trouble as trouble:
                if not trouble.shown:
                    from lab import screen

                    screen.say(str(trouble))
                return otherwise(str(trouble))
            except KeyboardInterrupt:
                raise Interrupted from None

        return call

    return decorate
