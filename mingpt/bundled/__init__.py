"""The bundled model: a small GPT-2 that writes Shakespeare, and the scripts that made it.

`model.safetensors`, `config.json` and `vocab.tiktoken` are all that running it needs; README.md is
its model card. `python -m mingpt.bundled.train` makes them again from the plays.
"""
