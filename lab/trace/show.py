"""A scene as an output: a widget, with a picture and a table beside it.

One output holds all three. A page that is exported, or a notebook that is only looked at, has no
widgets and shows the picture.
"""

import base64
from functools import cache
from pathlib import Path

from lab.screen import in_notebook

_FOLDER = Path(__file__).parent / "widget"
# Put together, in this order.
_MODULE = ("data.js", "words.js", "draw.js", "controls.js", "panels.js", "main.js")


def bundle(scene: dict, svg: str, text: str) -> dict:
    """By MIME type: scene, svg and text as record.py prints them."""
    data = {"image/svg+xml": svg, "text/plain": text}
    if in_notebook() and _is_watched():
        widget = _widget()(
            scene={key: value for key, value in scene.items() if key != "steps"},
            steps=base64.b64decode(scene["steps"]),
        )
        data |= {k: v for k, v in widget._repr_mimebundle_()[0].items() if k.endswith("view+json")}
    return data


def _is_watched() -> bool:
    """Whether somebody sits in front of the notebook. One that is run by nbconvert, nbgrader or a
    test becomes a page, to which a widget brings nothing but a request for its code on the net."""
    from IPython import get_ipython

    return bool(getattr(get_ipython().kernel, "_allow_stdin", True))


@cache
def _widget() -> type:
    """The widget's class. Made late: anywidget takes a third of a second to import."""
    import anywidget
    import traitlets

    class TraceWidget(anywidget.AnyWidget):
        """Draws a scene (scene.py): "steps" are the bytes of int32, as many triples."""

        _esm = "\n".join((_FOLDER / name).read_text("utf-8") for name in _MODULE)
        _css = (_FOLDER / "widget.css").read_text("utf-8")
        scene = traitlets.Dict().tag(sync=True)
        steps = traitlets.Bytes().tag(sync=True)

    return TraceWidget
