"""The two ways in which we, rather than a kernel, can fail.

A kernel that fails is a result and never an exception.
"""


class PipelineError(Exception):
    """What happened (brief), the facts to paste (details) and the next action (hint)."""

    exit_status = 69

    def __init__(self, brief: str, *, details: str = "", hint: str = "") -> None:
        super().__init__(brief)
        self.brief = brief
        self.details = details
        self.hint = hint

    def __str__(self) -> str:
        parts = [self.brief]
        if self.details:
            parts.append(self.details)
        if self.hint:
            parts.append(f"next: {self.hint}")
        return "\n".join(parts)


def defect(error: Exception) -> str:
    """What is told of an exception that nothing foresaw."""
    return f"a defect of this program: {type(error).__name__}: {error}\nnext: HVMATRIX_TRACEBACK=1 shows where"


class UserError(PipelineError):
    """The input is wrong: a file, an option, a name. Exit status 2."""

    exit_status = 2


class HostError(PipelineError):
    """We failed: the host, the engine, the network, the disk. Exit status 69 (EX_UNAVAILABLE)."""

    exit_status = 69
