"""What the tests of the rewriter share."""

import re

from simt.rewrite import rewrite


def rewritten(text: str) -> str:
    """Rewrites text; checks that the lines keep their number; leaves out extra spaces."""
    result = rewrite(text, "prog.cu")
    first, body = result.split("\n", 1)
    assert first == '#line 1 "prog.cu"'
    assert body.count("\n") == text.count("\n")
    return re.sub(r"[^\S\n]+", " ", body).strip()
