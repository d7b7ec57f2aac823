"""All errors of training and evaluation.

AffinityError (foundation)
  x TrainerError
    - RunError             a run, or the network that a name means, cannot be used
      · DamagedCheckpoint  a checkpoint cannot be read
    - WeightsError         a file of weights cannot be read, or does not fit the network
    - DataError            images or pairs cannot be used for training or evaluation
    - LossNotFinite        the loss or its gradient became NaN or infinite
  x SettingsError (foundation)
"""

from __future__ import annotations

from foundation.errors import AffinityError


class TrainerError(AffinityError):
    """The root of the package's errors."""


class RunError(TrainerError):
    """A run, or the network that a name means, cannot be used."""


class DamagedCheckpoint(RunError):
    """A checkpoint cannot be read."""


class WeightsError(TrainerError):
    """A file of weights cannot be read, or does not fit the network."""


class DataError(TrainerError):
    """Images or pairs cannot be used for training or evaluation."""


class LossNotFinite(TrainerError):
    """The loss or its gradient became NaN or infinite. The weights were not changed by it.

    `what` is "loss" or "gradient". `checkpoint` is the step of the newest checkpoint, 0 without one.
    """

    def __init__(self, what: str, step: int, position: int, value: float, checkpoint: int) -> None:
        self.step = step
        self.position = position
        self.checkpoint = checkpoint
        if not checkpoint:
            advice = "There is no checkpoint yet"
        elif what == "loss" and checkpoint == step - 1:
            advice = f"The newest checkpoint, of step {checkpoint}, holds the weights that gave it"
        else:
            advice = f"The last good checkpoint is of step {checkpoint}"
        super().__init__(
            f"The {what} of step {step} (pairs from position {position}) is {value}, so training stopped. "
            f"{advice}. Begin another run with a lower --lr."
        )
