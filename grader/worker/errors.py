"""What went wrong while a submission ran, as plain data that fits in a reply.

kind     "build" (compiler), "kernel" (a launch failed), "submission" (a file or a name is missing),
         "logits" (they aren't finite), "exit" (it called exit) or "exception"
type     the exception's class
message  its text
report   simt's report of a kernel's fault, JSON text, or null
where    {"file", "line", "source", "function"}: the last line of kv_cache.py that ran, or null
"""

import json
import linecache
import traceback
from dataclasses import asdict

MAX_TEXT = 20_000  # characters of any one text


def describe(error: BaseException) -> dict:
    """An exception as the data above."""
    name = type(error).__name__
    kind = {
        "CompileError": "build",
        "BuildError": "build",
        "KernelError": "kernel",
        "SubmissionError": "submission",
        "LogitsError": "logits",
        "SystemExit": "exit",
    }.get(name, "exception")
    text = text_of(error)
    if isinstance(error, RuntimeError) and "CUDA error" in text:
        # torch's, for a kernel that was launched earlier. After its first line comes advice for
        # those who debug torch.
        kind, text = "kernel", f"A kernel failed on the GPU.\n{text.splitlines()[0]}"
    report = getattr(error, "report", None)
    if report is not None and not isinstance(report, str):
        report = json.dumps(asdict(report))
    return {
        "kind": kind,
        "type": name,
        "message": text[:MAX_TEXT],
        "report": report,
        "where": where(error),
    }


def text_of(error: BaseException) -> str:
    """str(error), which a submission's own exception class may break."""
    try:
        return str(error)
    except Exception:
        return ""


def where(error: BaseException) -> dict | None:
    """The innermost line of the student's kv_cache.py in a traceback."""
    if isinstance(error, SyntaxError) and error.filename and error.filename.endswith("kv_cache.py"):
        return {
            "file": "kv_cache.py",
            "line": error.lineno or 0,
            "source": (error.text or "").strip()[:200],
            "function": "",
        }
    found = None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.endswith("kv_cache.py"):
            found = frame
    if found is None:
        return None
    source = (found.line or linecache.getline(found.filename, found.lineno)).strip()
    return {
        "file": "kv_cache.py",
        "line": found.lineno or 0,
        "source": source[:200],
        "function": found.name,
    }
