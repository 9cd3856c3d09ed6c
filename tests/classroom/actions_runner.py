"""Runs a workflow's job as GitHub's runner does: steps, expressions, and the files and commands
that steps speak to it by. What a `uses:` names is played by a function.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml


@dataclass
class Job:
    """workspace: GITHUB_WORKSPACE. uses: "actions/checkout" -> what plays it: (job, inputs, env) ->
    outputs."""

    workspace: Path
    uses: dict[str, Callable[["Job", dict, dict], dict | None]]
    env: dict = field(default_factory=dict)
    outputs: dict[str, dict] = field(default_factory=dict)  # of steps, by id
    log: str = ""
    summary: str = ""
    failed: list[str] = field(default_factory=list)  # names of steps
    notices: list[tuple[str, str]] = field(default_factory=list)  # (title, message)
    stopped: str = ""  # the token that ends "::stop-commands::"

    def run(self, workflow: Path, name: str) -> "Job":
        read = yaml.load(workflow.read_text(), Loader=yaml.BaseLoader)  # "on" is a key
        self.env = read.get("env", {})
        for step in read["jobs"][name]["steps"]:
            if self._is_wanted(step.get("if", "success()")):
                self._step(step)
        return self

    def fail(self, step: dict | str) -> None:
        self.failed.append(step if isinstance(step, str) else step.get("name", step.get("uses")))

    def say(self, text: str) -> None:
        """What a step prints: with commands in it, as the runner understands them."""
        self.log += text
        for line in map(str.strip, text.splitlines()):
            if self.stopped:
                self.stopped = "" if line == f"::{self.stopped}::" else self.stopped
            elif line.startswith("::stop-commands::"):
                self.stopped = line.removeprefix("::stop-commands::")
            elif found := re.fullmatch(r"::notice(?: title=([^:,]*))?[^:]*::(.*)", line):
                self.notices.append((found[1], found[2]))

    def _is_wanted(self, condition: str) -> bool:
        if condition == "always()":
            return True
        if found := re.fullmatch(r"steps\.(\w+)\.outputs\.([\w-]+) != '(\w*)'", condition):
            return not self.failed and self.outputs.get(found[1], {}).get(found[2], "") != found[3]
        assert condition == "success()", condition
        return not self.failed

    def _step(self, step: dict) -> None:
        env = {name: self._filled(value) for name, value in step.get("env", {}).items()}
        if "uses" in step:
            inputs = {name: self._filled(value) for name, value in step.get("with", {}).items()}
            made = self.uses[step["uses"].split("@")[0]](self, inputs, env) or {}
        else:
            made = self._bash(step, env)
        self.outputs.setdefault(step.get("id", ""), {}).update(made)

    def _bash(self, step: dict, env: dict) -> dict:
        files = self.workspace.parent / "runner"
        files.mkdir(exist_ok=True)
        said = {name: files / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in said.values():
            path.write_text("")
        script = files / "step.sh"
        script.write_text(self._filled(step["run"]))
        done = subprocess.run(
            ["bash", "-e", str(script)],
            cwd=self.workspace,
            env={
                **{"PATH": os.environ["PATH"], "HOME": str(files), "LANG": "C.UTF-8"},
                **{"CI": "true", "GITHUB_ACTIONS": "true", "RUNNER_OS": "Linux"},
                **{"GITHUB_WORKSPACE": str(self.workspace), **map_str(said)},
                **self.env,
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
        )
        self.say(done.stdout)
        self.summary += said["GITHUB_STEP_SUMMARY"].read_text()
        if done.returncode:
            self.fail(step)
        lines = said["GITHUB_OUTPUT"].read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _filled(self, text: str) -> str:
        """With the values of its ${{ expressions }}."""
        return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda found: self._value(found[1]), text)

    def _value(self, expression: str) -> str:
        if found := re.fullmatch(r"env\.(\w+)", expression):
            return self.env[found[1]]
        if found := re.fullmatch(r"steps\.(\w+)\.outputs\.([\w-]+)", expression):
            return self.outputs.get(found[1], {}).get(found[2], "")
        if found := re.fullmatch(r"hashFiles\((.*)\)", expression):
            names = re.findall(r"'(.*?)'", found[1])
            assert all((self.workspace / name).is_file() for name in names), names
            return "hash"
        raise AssertionError(f"no expression that this runner knows: {expression}")


def map_str(paths: dict[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in paths.items()}


def reporter(job: Job, inputs: dict, env: dict) -> None:
    """What classroom-resources/autograding-grading-reporter says and notes, of what it is given."""
    total = most = 0
    for runner in inputs["runners"].split(","):
        found = json.loads(base64.b64decode(env[f"{runner.upper()}_RESULTS"], validate=True))
        assert found["status"] in ("pass", "fail", "error") and found["version"] == 1
        for test in found["tests"]:
            assert test["status"] in ("pass", "fail", "error")
            job.say(f"{test['name']}\n{test['message']}\n{test['test_code']}\n")
            total += test["score"]
        most += found["max_score"]
        if found["status"] != "pass":
            job.fail("reporter")
    job.say(f"::notice title=Autograding complete::Points {total}/{most}\n")
    summary = json.dumps({"totalPoints": total, "maxPoints": most})
    job.say(f"::notice title=Autograding report::{summary}\n")
