"""Does a submission keep to the rules of the game (grader/rules/)? Nothing of it runs for this.

The grader asks before the first line of a submission runs in this process. The replies: {"rule",
"broken"}, as broken.told makes them.
"""

from pathlib import Path

from grader.rules.broken import told


def inspect_sources(submission: str, inline_assembly: bool) -> tuple[dict, list]:
    """gpt.cu and what it includes of its own folder."""
    from grader.rules import assembly, includes
    from grader.rules.sources import Sources

    sources = Sources(Path(submission))
    return told(includes.check(sources) or assembly.check(sources, inline_assembly)), []


def inspect_library(path: str) -> tuple[dict, list]:
    """What was built of it. Raises ValueError where that is no library of ours."""
    from grader.rules import symbols

    return told(symbols.check(Path(path))), []


def inspect_python(
    submission: str, torch_compile: bool, fused_attention: bool
) -> tuple[dict, list]:
    """kv_cache.py."""
    from grader.rules import python

    path = Path(submission) / "kv_cache.py"
    allowed = {"compile": torch_compile, "fused_attention": fused_attention}
    return told(python.check(path, **allowed)), []
