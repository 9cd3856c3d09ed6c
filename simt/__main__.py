"""python -m simt run|check|profile|trace prog.cu: CUDA programs on this machine's CPU."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from simt.build import Build, CompileError, build_program
from simt.checking import run_checked
from simt.listing import Sources
from simt.profiling import run_profiled, units
from simt.profiling.roofline import DEFAULT_GPU, GPUS, Gpu, find_gpu
from simt.profiling.text import as_text, shape
from simt.report_text import print_reports
from simt.tracing import run_traced

SUFFIXES = (".cu", ".cpp", ".cc", ".cxx")

HELP = """\
usage: python -m simt run     FILE.cu [FILE ...] [options] [--] [ARGUMENTS ...]
       python -m simt check   FILE.cu [FILE ...] [options] [--] [ARGUMENTS ...]
       python -m simt profile FILE.cu [FILE ...] [options] [--] [ARGUMENTS ...]
       python -m simt trace   FILE.cu [FILE ...] [options] [--] [ARGUMENTS ...]

Compiles a CUDA program for this machine's CPU and runs it; no GPU is needed.

  run              runs it
  check            runs it and reports races, memory errors, reads of what nobody wrote, barriers
                   that not all threads reach, launches that fail unnoticed, with their lines
  profile          runs it and shows, for each line of each kernel, what it asks of memory:
                   requests, sectors, coalescing, bank conflicts; and its arithmetic
  trace            runs it and records its requests one by one, with the way of each lane, and
                   where lanes and warps wait for one another: a summary, or all of it by --json

  FILE             sources, one with a main: .cu, or .cpp/.cc/.cxx for code without kernels
  -I DIR           look for #include files in DIR (those beside a source are found anyway)
  -D NAME[=VALUE]  define a macro
  -std=c++17       the C++ standard (c++17 if left out)
  -o PROGRAM       run: also keep the compiled program, as PROGRAM
  --strict         check: also what GPUs usually let pass (threads that return before a barrier,
                   several threads that write the same value to one place)
  --leaks          check: also memory that is never freed
  --blocks N       profile: trace N blocks of each launch, evenly spread; 0: all of them (if left
                   out: all of a small grid, some of a large one)
  --html FILE      profile: also write a page to look at: the source line by line, pictures of what
                   warps access, the roofline
  --gpu NAME       profile: the GPU whose roof that is: @GPUS@
  --json FILE      check, profile, trace: also write what was found as JSON
  ARGUMENTS        the program's own: everything from the first word on that is none of the above,
                   or after a --

environment:
  CXX              the C++ compiler (g++ or clang++ if not set)
  MINGPT_CACHE     where compiled programs are kept (~/.cache/mingpt-lab if not set)
  SIMT_TIMEOUT     seconds after which a kernel that gets nowhere is stopped (10 if not set)

exit status: the program's own (128 + n if signal n ended it); 1 if it does not compile or if check
found anything, 2 if this command is not understood.

examples:
  python -m simt run vector_add.cu
  python -m simt check -D N=64 reduce.cu 1024     # argv[1] of the program is 1024
  python -m simt profile --blocks 0 transpose.cu
  python -m simt profile --html page.html --gpu A100 transpose.cu
""".replace("@GPUS@", f"{', '.join(GPUS)} ({DEFAULT_GPU.name} if left out)")


class UsageError(Exception):
    """The command line is not understood. str(error) says why."""


@dataclass
class Command:
    """What was asked for."""

    name: str = "run"
    sources: list[Path] = field(default_factory=list)
    include_dirs: list[Path] = field(default_factory=list)
    defines: list[str] = field(default_factory=list)
    std: str = "c++17"
    keep: Path | None = None
    strict: bool = False
    leaks: bool = False
    blocks: int | None = None
    html: Path | None = None
    gpu: Gpu = DEFAULT_GPU
    json: Path | None = None
    arguments: list[str] = field(default_factory=list)  # the program's own


def main(words: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    words = list(sys.argv[1:] if words is None else words)
    if not words or words[0] in ("-h", "--help") or words[1:2] in (["-h"], ["--help"]):
        print(HELP, end="", file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    try:
        if words[0] not in COMMANDS:
            raise UsageError(f"there is no command {words[0]}: it is run, check, profile or trace")
        command = parse(words)
        with _progress(f"compiling {command.sources[0].name}"):
            build = build_program(
                command.sources,
                include_dirs=command.include_dirs,
                defines=command.defines,
                std=command.std,
                mode=MODES[command.name],
            )
        print(build.log, end="", file=sys.stderr)
        return COMMANDS[command.name](build, command)
    except UsageError as error:
        print(f"simt: {error}\n(python -m simt --help tells how it is used)", file=sys.stderr)
        return 2
    except CompileError as error:
        print(str(error).rstrip("\n"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def parse(words: Sequence[str]) -> Command:
    """Reads the command and what follows it. Raises UsageError."""
    command = Command(name=words[0])
    rest = list(words[1:])
    while rest:
        word = rest[0]
        if word == "--":
            del rest[0]
            break
        if word[:2] in ("-I", "-D", "-o") and not word.startswith("--"):
            value = word[2:] or (rest.pop(1) if len(rest) > 1 else "")
            if not value:
                raise UsageError(f"{word} needs a value after it")
            if word[:2] == "-I":
                command.include_dirs.append(Path(value))
            elif word[:2] == "-D":
                command.defines.append(value)
            else:
                command.keep = Path(value)
        elif word in OPTIONS.get(command.name, ()):
            _option(command, word, rest)
        elif word.startswith("-std="):
            command.std = word.removeprefix("-std=")
        elif word.startswith("-") and not command.sources:
            raise UsageError(f"there is no option {word}")
        elif word.endswith(SUFFIXES):
            command.sources.append(Path(word))
        elif command.sources:
            break
        else:
            raise UsageError(f"{word} is no source: its name should end in .cu")
        del rest[0]
    command.arguments = rest
    _check(command)
    return command


def _option(command: Command, word: str, rest: list[str]) -> None:
    """An option of one command; takes its value out of rest[1:]."""
    if word in ("--strict", "--leaks"):
        setattr(command, word[2:], True)
        return
    if len(rest) < 2:
        raise UsageError(f"{word} needs a value after it")
    value = rest.pop(1)
    if word in ("--json", "--html"):
        setattr(command, word[2:], Path(value))
    elif word == "--gpu":
        gpu = find_gpu(value)
        if not gpu:
            raise UsageError(f"there is no roof of {value}: choose one of {', '.join(GPUS)}")
        command.gpu = gpu
    elif value.isdigit():
        command.blocks = int(value)
    else:
        raise UsageError(f"{word} needs a number after it, and {value} is none")


def run(build: Build, command: Command) -> int:
    """Runs the program to its end; returns its exit status."""
    program = build.path
    if command.keep:
        try:
            shutil.copy(program, command.keep)
        except OSError as error:
            raise UsageError(f"{command.keep} cannot be written: {error.strerror}") from None
    environment = {"SIMT_REPORT": "stderr", **os.environ}
    process = subprocess.Popen([program, *command.arguments], env=environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's to handle
    return exit_status(process.wait())


def check(build: Build, command: Command) -> int:
    """Runs a checked program and prints what was found; 1 if anything was."""
    result = run_checked(build.path, command.arguments, strict=command.strict, leaks=command.leaks)
    sys.stdout.flush()
    sources = Sources(command.sources, command.include_dirs)
    print_reports(result.reports, sources, Console(stderr=True))
    _write_json(command.json, [asdict(report) for report in result.reports])
    return 1 if any(report.problem for report in result.reports) else exit_status(result.status)


def profile(build: Build, command: Command) -> int:
    """Runs a profiled program and prints what its kernels asked of memory."""
    result = run_profiled(build, command.arguments, blocks=command.blocks)
    sources = Sources(command.sources, command.include_dirs)
    print(as_text(result.kernels, sources, command.gpu), end="", flush=True)
    if command.html:
        from simt.profiling.page import as_html  # here: the libraries of the page take time to load

        title = ", ".join(source.name for source in command.sources)
        _write(command.html, as_html(result.kernels, sources, command.gpu, title))
    _write_json(command.json, [asdict(kernel) for kernel in result.kernels])
    return exit_status(result.status)


def trace(build: Build, command: Command) -> int:
    """Runs a program and counts the steps of each launch; --json has them one by one."""
    result = run_traced(build, command.arguments)
    for launch in result.launches:
        told = f"{launch.kernel} <<<{shape(launch.grid)}, {shape(launch.block)}>>>"
        for space, unit in (("global", "sectors"), ("shared", "passes over the banks")):
            if (total := launch.total(space)).requests:
                told += f"\n  {space} memory: {units.plural(total.requests, 'request')}, "
                told += f"{total.cost:,} {unit} (at best {total.ideal:,})"
        told += f"\n  {units.plural(launch.barriers(), 'barrier')}"
        if launch.lost:
            told += f"\n  and {units.plural(launch.lost, 'step')} more than a recording holds"
        print(told, flush=True)
    _write_json(command.json, [asdict(launch) for launch in result.launches])
    return exit_status(result.status)


COMMANDS = {"run": run, "check": check, "profile": profile, "trace": trace}
MODES = {"run": "plain", "check": "check", "profile": "profile", "trace": "profile"}
OPTIONS = {
    "check": ("--strict", "--leaks", "--json"),
    "profile": ("--blocks", "--html", "--gpu", "--json"),
    "trace": ("--json",),
}


def exit_status(status: int) -> int:
    """A shell's exit status for a process's; a signal that ended it is named."""
    if status >= 0:
        return status
    with contextlib.suppress(ValueError):
        name = signal.Signals(-status).name
        print(f"simt: the program was ended by {name}", file=sys.stderr)
    return 128 - status


def _write_json(path: Path | None, data: list) -> None:
    if path:
        _write(path, json.dumps(data, indent=1) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def _check(command: Command) -> None:
    if not command.sources:
        raise UsageError("which file? For example: python -m simt run prog.cu")
    for source in command.sources:
        if not source.is_file():
            raise UsageError(f"there is no file {source}")
    for folder in command.include_dirs:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder} (after -I)")
    if command.keep and (command.keep.name.endswith(SUFFIXES) or command.keep.is_dir()):
        raise UsageError(f"-o {command.keep} would overwrite a source or folder: choose another")


@contextlib.contextmanager
def _progress(what: str) -> Iterator[None]:
    """On a terminal, shows what takes longer than a second and for how long it has been."""
    done = threading.Event()

    def show() -> None:
        seconds = 0
        while not done.wait(1):
            seconds += 1
            print(f"\r{what} ... {seconds} s ", end="", file=sys.stderr, flush=True)
        if seconds:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    if sys.stderr.isatty():
        thread.start()
    try:
        yield
    finally:
        done.set()
        if thread.is_alive():
            thread.join()


if __name__ == "__main__":
    sys.exit(main())
