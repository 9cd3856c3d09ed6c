"""Write text with GPT-2: `python run.py --prompt "Shall I compare thee" --steps 200`.

The text goes to standard output, all else to standard error (mingpt/run.py).
"""

import sys

try:
    from mingpt import cli
    from mingpt.run import main
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    sys.exit("This Python has no torch. Run `make setup`, then use .venv/bin/python.")

if __name__ == "__main__":
    sys.exit(cli.main(main))
