"""JupyterLab as a lab wants it: the notebook on the left, gpt.cu beside it."""

import json
import sys
from pathlib import Path

from jupyterlab_server.workspaces_handler import WorkspacesManager

WORKSPACES = ".workspaces"  # in work/: where JupyterLab keeps them from then on


def command(folder: Path, notebook: str, more: list[str]) -> list[str]:
    """The command line that opens a lab's folder. Its layout is laid out once, then the user's."""
    work, name = folder.parent, folder.name
    manager = WorkspacesManager(str(work / WORKSPACES))
    if name not in {one["metadata"]["id"] for one in manager.list_workspaces()}:
        manager.save(name, workspace(name, notebook))
    return [
        *(sys.executable, "-m", "jupyter", "lab"),
        f"--ServerApp.root_dir={work}",
        f"--LabApp.workspaces_dir={work / WORKSPACES}",
        f"--LabApp.default_url=/lab/workspaces/{name}",
        *more,
    ]


def workspace(name: str, notebook: str) -> str:
    """JupyterLab's JSON of the layout."""
    left, right = f"notebook:{name}/{notebook}", f"editor:{name}/gpt.cu"
    tabs = [
        {"type": "tab-area", "currentIndex": 0, "widgets": [widget]} for widget in (left, right)
    ]
    layout = {
        "main": {
            "dock": {
                "type": "split-area",
                "orientation": "horizontal",
                "sizes": [0.55, 0.45],
                "children": tabs,
            },
            "current": left,
        },
        "left": {"collapsed": True, "visible": True, "current": "filebrowser", "widgets": []},
        "right": {"collapsed": True, "visible": True, "widgets": []},
        "down": {"size": 0, "widgets": []},
    }
    data = {
        "layout-restorer:data": layout,
        left: {"data": {"path": f"{name}/{notebook}", "factory": "Notebook"}},
        right: {"data": {"path": f"{name}/gpt.cu", "factory": "Editor"}},
        "file-browser-filebrowser:cwd": {"path": name},
    }
    return json.dumps({"data": data, "metadata": {"id": name}})
