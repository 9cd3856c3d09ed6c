"""The rules of the game: what a submission may stand on. docs/grading.md says them in words.

includes.py   what gpt.cu and its own headers include, and the directives that they use
assembly.py   no inline assembly, unless the rubric allows it
symbols.py    what the built library needs of others
python.py     what kv_cache.py imports and calls

They are read from the text and from the built file; nothing of a submission runs for it. That is
done in a worker (worker/rules.py), for no parser of ours should meet a hostile file in the grader.
verdict.py, the grader's side, makes a Failure of what breaks a rule.

This is not the wall that keeps hostile code in: that is the isolation of the worker.
"""
