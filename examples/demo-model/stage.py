# SPDX-License-Identifier: Apache-2.0
"""What every stage of the training has: networks, an optimiser, a loss, a validation and a result."""
import os

import torch


class Stage:
    name = None          # of its files
    bar = None           # score on unseen clips with which the stage is over; None: it never is
    check_every = 200    # steps between validations
    finish_steps = 300   # steps in which the learning rate falls to zero
    finish_rate = 1.0    # where it falls from, as a part of the stage's
    finishing = False
    opt = None

    def loss(self, step):
        """Returns the loss of a step, a function of the step's number, and a dict of numbers for the log."""
        raise NotImplementedError

    def validate(self):
        """Returns a dict of numbers about clips never trained on, with "score" if there is a bar."""
        raise NotImplementedError

    def result(self):
        """Returns what the next stages and the export need."""
        raise NotImplementedError

    def extra(self):
        """Returns what a checkpoint holds beside the optimiser."""
        return {}

    def load_extra(self, state):
        """Takes what `extra` returned back."""


def write(value, path):
    """Whole or not at all."""
    torch.save(value, path + ".part")
    os.replace(path + ".part", path)


def read(path):
    return torch.load(path, map_location=torch.get_default_device())
