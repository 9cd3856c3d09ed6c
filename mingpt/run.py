"""The command run.py: write text with GPT-2, by torch or with a submission's layers and KV-cache.

The text goes to standard output, all else to standard error.
"""

import argparse
import sys
from collections.abc import Sequence

import torch
from rich.console import Console

from mingpt import cli, cuda_errors
from mingpt.decoder import open_decoder
from mingpt.errors import LabError, LogitsError, SubmissionError
from mingpt.generate import Sampler, Stopwatch, generate
from mingpt.kernels import LAYERS, CustomOps, KernelLibrary, build, load_kv_cache, pick_device
from mingpt.model import GPT
from mingpt.submission import describe
from mingpt.tokenizer import TextStream
from mingpt.weights import BUNDLED, load

SMALL = 30_000_000  # parameters: a decode step of it is not worth sharing out

EXAMPLES = """examples:
  python run.py --prompt "Shall I compare thee" --steps 200
  python run.py --prompt "Shall I compare thee" --steps 200 --use_custom_layers
  python run.py --prompt "ROMEO:" --use_custom_layers gelu,linear --use_kv_cache
  python run.py --prompt "To be" --top_k 1          the likeliest token each time (greedy)
  python run.py --prompt "The meaning of life is" --model gpt2-xl --device cuda
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Write text with GPT-2, by torch or with your own layers and KV-cache.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--prompt", default="\n", help="what the text begins with (default: a new line)")
    add("--steps", type=cli.positive, default=200, help="tokens to write (default: 200)")
    add(
        "--use_custom_layers",
        type=cli.layers,
        nargs="?",
        const=LAYERS,
        default=(),
        metavar="LAYERS",
        help=f"compute these with the submission's gpt.cu: {','.join(LAYERS)} (alone: all three)",
    )
    add("--use_kv_cache", action="store_true", help="decode with the submission's kv_cache.py")
    add(
        "--model",
        default=BUNDLED,
        metavar="NAME_OR_PATH",
        help=f"{BUNDLED} (bundled), gpt2, gpt2-medium, gpt2-large, gpt2-xl, or a folder or "
        f".safetensors file (default: {BUNDLED})",
    )
    cli.add_common_arguments(parser)
    add("--seed", type=int, default=0, help="the same seed writes the same text (default: 0)")
    add("--temperature", type=float, default=1.0, help="0 is greedy (default: 1)")
    add("--top_k", type=cli.positive, help="choose among the k likeliest tokens (default: all)")
    args = parser.parse_args(argv)
    args.prompt = args.prompt.encode("utf-8", errors="replace").decode()
    if not args.prompt:
        parser.error("argument --prompt: it is empty; the model needs something to go on from")
    try:
        args.sample = Sampler(args.temperature, args.top_k, args.seed)
    except ValueError as e:
        parser.error(f"argument --temperature: {e}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    device = pick_device(args.device)
    # The student's code first: if it does not load, nobody should wait for the weights.
    library = cached = None
    if args.use_custom_layers:
        library = KernelLibrary(build(args.submission, device), device)
    if args.use_kv_cache:
        cached = load_kv_cache(args.submission).generate
    model, tokenizer = load(args.model, device)
    if library:
        model.ops = CustomOps(library, args.use_custom_layers)
    if library or (cached and model.num_parameters < SMALL):
        torch.set_num_threads(1)  # little is left to torch: its threads would wait, not work

    ids = torch.tensor([tokenizer.encode(args.prompt)], device=device)  # (1, T)
    decoder = None
    if args.use_kv_cache:  # it may copy, pack and tune: a second of GPT-2 124M's
        with Console(stderr=True).status("gpt.cu makes the weights ready"):
            decoder = open_decoder(model)
    args.cache = "gpt.cu, which decodes by itself" if decoder else "kv_cache.py"
    stopwatch = Stopwatch(model, decoder and decoder.bytes_per_step)
    new_ids = stopwatch.watch(generate(model, ids, args.steps, args.sample, cached, decoder))
    text = TextStream(tokenizer)
    status, error = 0, None
    print(args.prompt, end="", flush=True)
    try:
        for i in new_ids:
            print(text.feed(i), end="", flush=True)
    except KeyboardInterrupt:
        status = cli.INTERRUPTED
    except Exception as e:
        status, error = 1, explain(e, args)
    print(text.close())
    if stopwatch.seconds or not error:
        print(figures(args, model, ids.shape[1], stopwatch), file=sys.stderr)
    if error:
        raise error
    return status


def figures(args: argparse.Namespace, model: GPT, prompt_tokens: int, stopwatch: Stopwatch) -> str:
    """What ran, and how fast."""
    t = stopwatch.timings()
    custom = ", ".join(args.use_custom_layers)
    lines = {
        "model": f"{model.name}, {model.num_parameters / 1e6:.1f}M parameters, "
        f"{str(model.dtype).removeprefix('torch.')}, on {device_name(model)}",
        "layers": f"{custom} by {args.submission.name}/gpt.cu" if custom else "torch",
        "KV-cache": f"{args.submission.name}/{args.cache}" if args.use_kv_cache else "none",
        "tokens": f"{prompt_tokens} in the prompt, {t.tokens} written",
    }
    if t.ttft is not None:
        lines["TTFT"] = f"{1e3 * t.ttft:.2f} ms (time to the first token)"
    if t.tpot is not None:
        lines["TPOT"] = (
            f"{1e3 * t.tpot:.2f} ms (time per output token, median; "
            f"p10 {1e3 * t.tpot_p10:.2f}, p90 {1e3 * t.tpot_p90:.2f})"
        )
        lines["speed"] = (
            f"{t.tokens_per_s:.1f} tokens/s, {t.bandwidth / 1e9:.2f} GB/s "
            f"({stopwatch.bytes_per_step / 1e6:.1f} MB of weights, each read once a token)"
        )
    return "\n" + "\n".join(f"{name:<9} {value}" for name, value in lines.items())


def device_name(model: GPT) -> str:
    return torch.cuda.get_device_name() if model.device.type == "cuda" else "the CPU"


def explain(e: Exception, args: argparse.Namespace) -> Exception:
    """What ended the text, as a LabError that says what to do next; or `e`, if it is our fault."""
    name = args.submission.name
    if isinstance(e, LogitsError) and args.use_custom_layers:
        return LabError(
            f"{e}\nSee which of {', '.join(args.use_custom_layers)} is wrong: "
            f"python test.py --submission {name}"
        )
    if isinstance(e, LabError):
        return e
    if of_cuda := cuda_errors.from_torch(e):
        return of_cuda
    if args.use_kv_cache:
        wrong = "is not written yet" if isinstance(e, NotImplementedError) else "failed"
        return SubmissionError(
            f"{name}/kv_cache.py {wrong}.\n{describe(e, args.submission)}\n"
            f"Check it step by step: python grader/grade.py {name} --only kv_cache\n"
            "Or leave out --use_kv_cache: the whole text is then fed again for each token."
        )
    return e


if __name__ == "__main__":
    sys.exit(cli.main(main))
