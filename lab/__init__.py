"""What a lab's notebook imports.

    import lab
    lab.check("gelu")              right or wrong, why, and the points
    lab.race("gelu")               races and stray accesses, by line
    lab.profile("gelu")            what it asks of memory at GPT-2's size
    lab.trace("gelu")              step by step, on a small size
    lab.generate("ROMEO:", layers="gelu")
    lab.ladder()                   your tokens/s so far
    lab.carry_on()                 take your work over from the lab before

All of it works on the notebook's own folder, which holds gpt.cu and kv_cache.py; lab.use(folder)
names another. Your code never runs in the notebook's kernel but in processes of its own, afresh for
each call: save a file and call again. Interrupting a cell ends them at once.
"""

from lab.carrying import carry_on
from lab.checking import check
from lab.looking import profile, race
from lab.outcome import Outcome
from lab.rates import ladder
from lab.submission import use
from lab.trace import trace
from lab.writing import generate

__all__ = [
    "Outcome",
    "carry_on",
    "check",
    "generate",
    "ladder",
    "profile",
    "race",
    "trace",
    "use",
]
