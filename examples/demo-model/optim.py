# SPDX-License-Identifier: Apache-2.0
"""Muon for hidden matrices, Adam for everything else, and a running average of the weights."""
import torch


def orthogonalize(G, steps=5):
    """Newton-Schulz iteration: a batch of matrices (n, r, c) towards the nearest semi-orthogonal ones."""
    flip = G.shape[1] > G.shape[2]
    X = G.transpose(1, 2) if flip else G
    X = X / (X.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        A = X @ X.transpose(1, 2)
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * (A @ A)) @ X
    return X.transpose(1, 2) if flip else X


class Optim:
    """Muon's update has the RMS of Adam's, so that both take one learning rate. Convolutions are matrices per output."""

    def __init__(self, named, is_matrix, decay=0.0, average=0.999, betas=(0.9, 0.98)):
        self.params = dict(named)
        self.decay, self.average, self.betas, self.step_ = decay, average, betas, 0
        self.groups = {}  # matrices of one shape are orthogonalised together
        self.vectors = []
        for n, p in self.params.items():
            if is_matrix(n, p):
                self.groups.setdefault((p.shape[0], p.numel() // p.shape[0]), []).append(n)
            else:
                self.vectors.append(n)
        zeros = lambda names: {n: torch.zeros_like(self.params[n]) for n in names}
        self.momentum = zeros(n for g in self.groups.values() for n in g)
        self.first, self.second = zeros(self.vectors), zeros(self.vectors)
        self.mean = {n: p.detach().clone() for n, p in self.params.items()}

    def state(self):
        return dict(momentum=self.momentum, first=self.first, second=self.second, mean=self.mean, step=self.step_,
                    params={n: p.detach() for n, p in self.params.items()})

    @torch.no_grad()
    def load(self, state):
        self.step_ = state["step"]
        for name in ("momentum", "first", "second", "mean", "params"):
            for n, v in getattr(self, name).items():
                v.copy_(state[name][n])

    @torch.no_grad()
    def step(self, rate):
        self.step_ += 1
        grads = {n: p.grad if p.grad is not None else torch.zeros_like(p) for n, p in self.params.items()}
        norm = torch.stack([g.norm() for g in grads.values()]).norm()
        clip = (1 / (norm + 1e-6)).clamp(max=1)
        b1, b2 = self.betas
        for n in self.vectors:
            g = grads[n] * clip
            m, v = self.first[n].lerp_(g, 1 - b1), self.second[n].mul_(b2).addcmul_(g, g, value=1 - b2)
            root = (v / (1 - b2 ** self.step_)).sqrt_().add_(1e-8)
            self.params[n].addcdiv_(m, root, value=-rate / (1 - b1 ** self.step_))
        for (r, c), names in self.groups.items():
            G = torch.stack([grads[n].lerp(self.momentum[n].lerp_(grads[n], 0.05), 0.95).reshape(r, c) for n in names])
            for n, u in zip(names, orthogonalize(G) * (0.2 * max(r, c) ** 0.5)):
                self.params[n].mul_(1 - rate * self.decay).add_(u.view_as(self.params[n]), alpha=-rate)
        for p in self.params.values():
            p.grad = None
        keep = min(self.average, (1 + self.step_) / (10 + self.step_))
        torch._foreach_lerp_(list(self.mean.values()), list(self.params.values()), 1 - keep)
        return norm

    @torch.no_grad()
    def swap(self):
        """Exchange the weights and their average: before validation and after it."""
        for n, p in self.params.items():
            q = self.mean[n].clone()
            self.mean[n].copy_(p)
            p.copy_(q)
