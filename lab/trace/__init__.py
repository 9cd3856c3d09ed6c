"""lab.trace: an interactive picture of a student's kernel on a small size.

record.py runs it step by step in a process of its own and makes the scene (scene.py), a picture and
a table of it (picture.py); show.py shows them, and widget/ is the widget's own code.
"""

from lab import page
from lab.running import Run, running
from lab.screen import screen
from lab.submission import current
from lab.trace.show import bundle
from lab.trace.sizes import case
from lab.trouble import Trouble, kindly

__all__ = ["trace"]


@kindly(otherwise=lambda message: None)
def trace(function: str, **sizes: int) -> None:
    """Show what your gelu, layernorm or linear does, step by step, on a small size.

    sizes: num_rows and num_cols of gelu and layernorm; m, n and k of linear. Left out, they are
    small, with edges that fill no block or tile. Code that does not compile, crashes or never ends
    is told so, as lab.check tells it.

        lab.trace("linear")
        lab.trace("gelu", num_rows=1, num_cols=300)
    """
    case(function, sizes)  # refuses what is no size, before anything is started
    folder = current().file("gpt.cu").parent
    given = [f"{name}={int(size)}" for name, size in sizes.items()]
    with screen() as out, running("lab.trace.record", folder, function, *given) as run:
        end = _follow(run, out)
        if end is None:
            why = "The recording ended without a result. Run the cell again."
            raise Trouble(run.errors() or why)
        if end.pop("event") == "scene":
            out.put(bundle(**end))
        else:
            out.show(page.render("failed.html", **end), "\n".join(filter(None, end.values())))


def _follow(run: Run, out) -> dict | None:
    """The last event: a scene, or why there is none."""
    doing = "Starting"
    for event in run.events():
        match event:
            case {"event": "doing", "what": what}:
                doing = what
            case {"event": "scene" | "failed"}:
                return event
        out.work(doing, run.seconds)
    return None
