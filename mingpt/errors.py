"""What can go wrong and is not our fault. Each message names the cause and the next step."""


class LabError(Exception):
    """The base of them all: commands print its message, with no traceback, and exit with 1."""


class WeightsError(LabError):
    """A model's weights are missing, damaged, or not GPT-2's."""


class BuildError(LabError):
    """A submission's gpt.cu does not compile or cannot be loaded."""


class ToolchainError(BuildError):
    """There is no compiler for it on this machine, or it does not work."""


class KernelError(LabError):
    """A kernel of a submission failed while it ran. `report` is simt's, when there is one."""

    def __init__(self, message: str, report=None):
        super().__init__(message)
        self.report = report


class AsynchronousError(KernelError):
    """A kernel failed on a GPU after its launch had returned: which one isn't known."""


class SubmissionError(LabError):
    """A submission's kv_cache.py cannot be loaded, raised, or broke its contract."""


class LogitsError(LabError):
    """The model's logits are not finite, so that no token can be chosen."""


class DeviceError(LabError):
    """The device asked for is not there."""
