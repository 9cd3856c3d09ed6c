"""run.py and test.py as a student uses them: what they print, where, and how they end."""

import os
import re
import signal
import subprocess
import sys

import pytest
from checkpoints import SOLUTIONS

from mingpt.paths import ROOT

KV_CACHE = (SOLUTIONS / "kv_cache.py").read_text().splitlines()
IMPORT_LINE = f"kv_cache.py, line {KV_CACHE.index('import torch') + 1},"
KERNELS = ("--use_custom_layers", "--submission", SOLUTIONS)


@pytest.fixture
def write(command, tiny):
    """run.py on the tiny model."""

    def run(*arguments):
        return command("run", "--model", tiny[0], "--device", "cpu", *arguments)

    return run


def figure(err: str, name: str) -> str:
    return re.search(rf"^{name} +(.*)$", err, re.MULTILINE)[1]


# ---------------------------------------------------------------------------- text and figures


def test_the_same_greedy_text_in_every_way(write, tiny):
    """Torch, the kernels (all, some), the KV-cache, and both; as transformers writes it."""
    import torch

    ids = torch.tensor([list(b"To be")])
    expected = tiny[1].generate(
        ids, max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0
    )[0]
    text = bytes(expected.tolist()).decode(errors="replace") + "\n"
    for way in [
        (),
        KERNELS,
        ("--use_custom_layers", "gelu,linear"),
        ("--use_kv_cache",),
        ("--use_kv_cache", *KERNELS),
        ("--temperature", "0"),
    ]:
        status, out, err = write("--prompt", "To be", "--steps", 20, "--top_k", 1, *way)
        assert (status, out) == (0, text), (way, err)


def test_figures(write):
    status, _, err = write("--steps", 5, "--prompt", "To be", "--use_kv_cache", *KERNELS[1:])
    assert status == 0
    assert re.search(r"0\.2M parameters, float32, on the CPU", figure(err, "model"))
    assert figure(err, "layers") == "torch"
    assert figure(err, "KV-cache") == "solutions/kv_cache.py"
    assert figure(err, "tokens") == "5 in the prompt, 5 written"
    assert re.match(r"\d+\.\d\d ms", figure(err, "TTFT"))
    assert re.search(r"median; p10 \d+\.\d\d, p90 \d+\.\d\d", figure(err, "TPOT"))
    assert re.search(r"^\d+\.\d tokens/s, \d+\.\d\d GB/s \(0\.7 MB", figure(err, "speed"))


def test_figures_name_the_custom_layers(write):
    _, _, err = write("--steps", 2, "--use_custom_layers", "linear,gelu", *KERNELS[1:])
    assert figure(err, "layers") == "gelu, linear by solutions/gpt.cu"
    assert figure(err, "KV-cache") == "none"


def test_seed(write):
    def text(seed):
        return write("--steps", 20, "--seed", seed)[1]

    assert text(1) == text(1) != text(2)


def test_longer_than_the_block(write):
    """64 tokens fit."""
    for prompt in ("To be", "x" * 70):
        status, out, err = write("--prompt", prompt, "--steps", 75, "--use_kv_cache")
        assert status == 0
        assert out.startswith(prompt)
        assert "75 written" in figure(err, "tokens")


def test_a_name_of_hugging_faces_without_network(command, tiny, monkeypatch):
    from huggingface_hub import constants

    from mingpt import weights

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/nonexistent")
    monkeypatch.setattr(weights, "BUNDLED_FOLDER", tiny[0])
    status, _, err = command("run", "--model", "gpt2", "--steps", 2, "--device", "cpu")
    assert status == 0
    assert "gpt2 is not on this machine" in err
    assert figure(err, "model").startswith("shakespeare")


# ---------------------------------------------------------------------------- wrong usage: 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--prompt", ""), "argument --prompt: it is empty"),
        (("--steps", "0"), "argument --steps: 0: it must be 1 or more"),
        (("--steps", "-5"), "argument --steps: -5"),
        (("--steps", "many"), "argument --steps: 'many' is not a whole number"),
        (("--top_k", "0"), "argument --top_k: 0"),
        (("--temperature", "-1"), "argument --temperature: temperature = -1.0"),
        (("--temperature", "hot"), "argument --temperature"),
        (("--use_custom_layers", "gelu,softmax"), "there is no layer 'softmax'; choose from gelu"),
        (("--use_custom_layers", ","), "name a layer"),
        (("--submission", "nobody"), "there is no folder 'nobody'"),
        (("--device", "tpu"), "argument --device"),
        (("--color",), "unrecognized arguments: --color"),
    ],
)
def test_wrong_usage(write, arguments, message):
    status, out, err = write(*arguments)
    assert (status, out) == (2, "")
    assert message in err


def test_help(command):
    for name, example in [("run", 'run.py --prompt "Shall I'), ("test", "gelu, layernorm")]:
        status, out, _ = command(name, "--help")
        assert status == 0
        assert "--submission" in out
        assert "--device" in out
        assert example in out


# ---------------------------------------------------------------------------- what fails: 1


def failed(result) -> str:
    """stderr of a run that ended with 1 and no traceback."""
    status, _, err = result
    assert status == 1, err
    assert "Traceback" not in err
    return err


def test_no_such_model(command):
    assert "no model 'gpt-17'" in failed(command("run", "--model", "gpt-17"))


def test_no_gpu(command, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "sees no NVIDIA GPU" in failed(command("run", "--device", "cuda"))


def test_a_compiler_error(write, submission):
    folder = submission(replace=[("float x = in[i];", "float x = inn[i];")])
    err = failed(write("--use_custom_layers", "--submission", folder))
    assert re.search(r"gpt\.cu:\d+:\d+: error: .*inn", err)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("float x = in[i];", "float x = *(volatile float*)nullptr;", "NULL POINTER in kernel gelu"),
        ("float x = in[i];", "volatile int go = 1; while (go) {} float x = 0;", "ENDLESS LOOP"),
        ("const int block = 256;", "const int block = 9999;", "invalid configuration"),
        ("gelu_kernel<<<", "if (!out) gelu_kernel<<<", "gelu wrote nothing"),
    ],
)
def test_a_kernel_that_fails(write, submission, monkeypatch, old, new, message):
    monkeypatch.setenv("SIMT_TIMEOUT", "1")
    err = failed(write("--use_custom_layers", "--submission", submission(replace=[(old, new)])))
    assert "gelu" in err
    assert message in err


def test_logits_that_are_not_finite(write, submission):
    """A gelu that overflows (not NaN, so that only the logits show it)."""
    folder = submission(replace=[("float x = in[i];", "float x = in[i] == in[i] ? 3e38f : 0;")])
    err = failed(write("--use_custom_layers", "gelu", "--submission", folder))
    assert "no next token can be chosen" in err
    assert "python test.py --submission mine" in err


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        (
            "        self.length += T\n",
            '        raise NotImplementedError("KVCache.advance is not written yet")\n',
            ["kv_cache.py is not written yet", "in advance", "KVCache.advance is not written yet"],
        ),
        (
            "return torch.arange(self.length,",
            "return torch.arange(self.lenght,",
            ["kv_cache.py failed", "in positions", "torch.arange(self.lenght", "AttributeError"],
        ),
        (
            "max_len, head_size)\n",
            "max_len - 1, head_size, 1)\n",
            ["kv_cache.py failed", "in update", "RuntimeError"],
        ),
        ("        yield new\n", "        yield new[0, 0, 0]\n", ["in generate", "IndexError"]),
        ("        yield new\n", "        return\n        yield\n", ["stopped after 0 of 4"]),
        ("import torch\n", "import torch, cupy_\n", ["cannot be loaded", IMPORT_LINE]),
    ],
)
def test_a_kv_cache_that_fails(write, submission, old, new, messages):
    folder = submission(replace=[(old, new)])
    err = failed(write("--steps", 4, "--use_kv_cache", "--submission", folder))
    for message in messages:
        assert message in err
    if "in " in messages[0]:
        assert "mine/kv_cache.py, line" in err


def test_the_starter_says_what_to_write(write):
    starter = ROOT / "starter"
    err = failed(write("--use_kv_cache", "--submission", starter))
    assert "is not written yet" in err
    assert "--only kv_cache" in err
    err = failed(write("--use_custom_layers", "--submission", starter))
    assert "layernorm wrote nothing" in err


# ---------------------------------------------------------------------------- real processes


def spawn(*arguments, **kwargs) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "run.py", "--device", "cpu", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **kwargs,
    )


def test_ctrl_c_keeps_what_was_written(tiny):
    process = spawn("--model", tiny[0], "--prompt", "To be", "--steps", 1_000_000)
    first = process.stdout.read(40)  # it streams: the text comes while it is written
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert first.startswith(b"To be")
    assert out.endswith(b"\n")
    assert int(re.search(r"(\d+) written", err.decode())[1]) > 10
    assert b"Traceback" not in err


def test_a_closed_pipe(tiny):
    process = spawn("--model", tiny[0], "--steps", 100_000)
    process.stdout.read(10)
    process.stdout.close()
    err = process.stderr.read().decode()
    process.wait(timeout=60)
    process.stderr.close()
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_a_terminal_without_unicode(tiny):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = spawn("--model", tiny[0], "--prompt", "é", "--steps", 5, env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith(b"?")


# ---------------------------------------------------------------------------- test.py


def lines(out: str) -> dict[str, str]:
    return dict(re.findall(r"^(\w+) +(passed|FAILED)", out, re.MULTILINE))


def test_the_reference_passes(command):
    status, out, _ = command("test", "--submission", SOLUTIONS, "--device", "cpu")
    assert status == 0
    assert lines(out) == dict.fromkeys(["gelu", "layernorm", "linear"], "passed")
    assert len(re.findall(r"max error \d\.\de-\d\d over \d shapes", out)) == 3


@pytest.mark.parametrize(
    ("old", "new", "layer", "message"),
    [
        ("0.044715f", "0.44715f", "gelu", "more than"),
        ("/ num_cols + eps", "/ (num_cols - 1) + eps", "layernorm", "at 1 x 768: max error"),
        ("sum + (bias ? bias[col] : 0.0f)", "sum", "linear", "at 1 x 1 x 1"),
        ("void linear(float* out", "void linaer(float* out", "linear", "defines no function"),
        ("float x = in[i];", "float x = *(volatile float*)nullptr;", "gelu", "NULL POINTER"),
    ],
)
def test_a_wrong_layer_fails_alone(command, submission, old, new, layer, message):
    folder = submission(replace=[(old, new)])
    status, out, err = command("test", "--submission", folder, "--device", "cpu")
    assert status == 1
    assert err == ""
    results = lines(out)
    assert results.pop(layer) == "FAILED"
    assert list(results.values()) == ["passed", "passed"]
    assert message in out


def test_py_shows_compiler_errors(command, submission):
    folder = submission(replace=[("float x = in[i];", "float x = inn[i];")])
    assert "inn" in failed(command("test", "--submission", folder, "--device", "cpu"))
