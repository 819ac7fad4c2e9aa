# SPDX-License-Identifier: Apache-2.0
"""The last stage of the training: the diffusion transformer and its text encoder, jointly, on the latents of fresh clips."""
import os

import numpy as np
import torch

import clips as C
import judge as J
import model as M
import sampler
import tokens
from optim import Optim
from stage import Stage, read
from vae_stages import C2D, C3D, UNSEEN

SEED, MAX_LENGTH, FPS = 31, 64, 8.0
DIT = dict(in_channels=4, hidden_size=144, depth=4, num_heads=4, mlp_ratio=4.0, patch_size=[1, 2, 2], pred_sigma=True,
           caption_channels=128, model_max_length=MAX_LENGTH, input_sq_size=512, qk_norm=True)
T5 = dict(d_model=128, d_kv=32, d_ff=256, num_layers=2, num_heads=4, relative_attention_num_buckets=32,
          relative_attention_max_distance=128)
KINDS = {  # frames, height, width, share of the steps, clips of a step as a part of the batch, latents kept
    "square": (17, 64, 64, 0.25, 1, 20000), "wide": (17, 64, 112, 0.19, 4 / 7, 6000), "tall": (17, 112, 64, 0.19, 4 / 7, 6000),
    "first": (34, 64, 64, 0.14, 1 / 2, 2000), "second": (34, 64, 64, 0.1, 1 / 2, 2000),
    "longer": (51, 64, 64, 0.03, 1 / 3, 500), "picture": (1, 64, 64, 0.1, 2, 8000),
}
# Two clips of 34 frames, of which the second begins with the end of the first, are one shot of 51.
PART_OF_SHOT = {"first": (51, slice(0, 34)), "second": (51, slice(17, 51))}
CHUNK = 5  # latents of 17 frames, which the VAE codes by themselves


def is_matrix(n, p):
    return p.ndim == 2 and not any(k in n for k in (
        "shared", "relative_attention_bias", "scale_shift_table", "final_layer", "x_embedder"))


class Pool:
    """Latents of drawn clips. New ones take the place of the oldest all the time, so that none is learned by heart."""

    def __init__(self, vae, kind):
        self.vae, self.kind = vae, kind
        self.frames, self.height, self.width, _, self.part, self.size = KINDS[kind]
        self.seed, self.made, self.z, self.texts = SEED + list(KINDS).index(kind), 0, [], []

    def renew(self, n):
        frames, part = PART_OF_SHOT.get(self.kind, (self.frames, slice(None)))
        scenes, texts = C.make(self.seed, range(self.made, self.made + n), frames, self.height, self.width)
        scenes = [dict(s, path=s["path"][part]) for s in scenes]
        z = self.vae.encode(C.draw(scenes, self.height, self.width)).half()
        for latent, text in zip(z, texts):
            if self.made < self.size:
                self.z.append(latent)
                self.texts.append(text)
            else:
                self.z[self.made % self.size], self.texts[self.made % self.size] = latent, text
            self.made += 1

    def pick(self, rng, n, fresh):
        self.renew(max(1, round(n * fresh)))
        while self.made < min(4 * n, self.size):
            self.renew(n)
        of = rng.integers(len(self.z), size=n)
        return torch.stack([self.z[i] for i in of]).float(), [self.texts[i] for i in of]

    def state(self):
        return dict(z=torch.stack(self.z) if self.z else None, texts=self.texts, made=self.made)

    def load(self, state):
        self.z, self.texts, self.made = list(state["z"]) if state["made"] else [], state["texts"], state["made"]


class Transformer(Stage):
    """Rectified flow: at time t the latent is (1 - t) x + t noise, the network tells x - noise."""
    name, check_every, finish_steps = "transformer", 500, 600
    guidance = 5.0

    def __init__(self, work, batch, fresh=0.1):
        torch.manual_seed(3)
        self.batch, self.fresh = batch or 64, fresh
        self.sp = tokens.load(work)
        self.vae = M.VideoVAE(C2D, C3D)
        self.vae.load_state_dict(read(os.path.join(work, "video-final.pt")))
        self.vae.spatial_vae.module.to(memory_format=torch.channels_last)
        self.vae.eval().requires_grad_(False)
        self.dit, self.t5 = M.STDiT3(DIT), M.T5Encoder(dict(T5, vocab_size=self.sp.get_piece_size()))
        null = np.random.default_rng(3).normal(size=(MAX_LENGTH, T5["d_model"])) / T5["d_model"] ** 0.5
        self.dit.y_embedder.y_embedding.copy_(torch.as_tensor(null))
        named = list(self.dit.named_parameters("dit")) + list(self.t5.named_parameters("t5"))
        self.opt = Optim([(n, p) for n, p in named if p.requires_grad], is_matrix, decay=0.02, average=0.999)
        self.pools = {k: Pool(self.vae, k) for k in KINDS}
        self.unseen = None

    def extra(self):
        return {k: p.state() for k, p in self.pools.items()}

    def load_extra(self, state):
        for k, p in self.pools.items():
            if k in state:
                p.load(state[k])

    def flow_error(self, x, texts, t, kind, drop, given=None):
        """Squared error of the velocity; `drop` tells which captions are the null caption, `given` which frames are
        conditions."""
        _, height, width = KINDS[kind][:3]
        ids, mask = tokens.encode(self.sp, texts, MAX_LENGTH)
        y = self.t5(ids, mask)
        y = torch.where(drop[:, None, None], self.dit.y_embedder.y_embedding[None, :y.shape[1]], y)
        noise, at = torch.randn_like(x), t.view(-1, 1, 1, 1, 1)
        fps = torch.full_like(t, 120.0 if kind == "picture" else FPS)
        noisy = (1 - at) * x + at * noise
        if given is not None:
            noisy = torch.where(given[:, None, :, None, None], x, noisy)
        v = self.dit(noisy, t * 1000, y, mask, fps, height, width, given)[:, :4]
        error = (v - (x - noise)).pow(2).mean((1, 3, 4))
        return error.mean() if given is None else error[~given].mean()

    def conditions(self, kind, n, frames):
        """The frames of each clip that are given: the first, as a picture to go on from, or the end of the last clip."""
        given = torch.zeros(n, frames, dtype=torch.bool)
        if kind == "second":
            given[:, :CHUNK] = True
        elif kind != "picture":
            given[:, 0] = torch.rand(n) < 0.15
        return given if given.any() else None

    def loss(self, step):
        rng = np.random.default_rng([SEED, step])
        kind = list(KINDS)[rng.choice(len(KINDS), p=[k[3] for k in KINDS.values()])]
        n = max(1, round(self.batch * self.pools[kind].part))
        with torch.no_grad():
            x, texts = self.pools[kind].pick(rng, n, self.fresh)
        x = x + 0.03 * torch.randn_like(x)
        u = (torch.arange(n) + torch.rand(n)) / n  # evenly spread; half of them drawn towards the middle
        t = torch.where(torch.rand(n) < 0.5, u, torch.sigmoid(torch.special.ndtri(u.clamp(1e-4, 1 - 1e-4))))
        loss = self.flow_error(x, texts, t, kind, torch.rand(n) < 0.1, self.conditions(kind, n, x.shape[2]))
        return loss, {"loss_" + kind: loss.item()}

    @torch.no_grad()
    def validate(self, n=256, prompts=24):
        if self.unseen is None:
            scenes, texts = C.make(UNSEEN, range(n))
            z = torch.cat([self.vae.encode(C.draw(scenes[i:i + 32])) for i in range(0, n, 32)])
            self.unseen = z, texts
        z, texts = self.unseen
        torch.manual_seed(4)
        parts = zip(z.split(64), [texts[i:i + 64] for i in range(0, n, 64)])
        t = (torch.arange(64) + 0.5) / 64
        never = torch.zeros(64, dtype=torch.bool)
        loss = np.mean([self.flow_error(a, b, t, "square", never).item() for a, b in parts])
        scenes, texts = C.make(UNSEEN + 1, range(prompts))
        clips = sampler.sample(self.dit, self.t5, self.vae, *tokens.encode(self.sp, texts, MAX_LENGTH),
                               guidance=self.guidance)
        found = [J.judge(c, s) for c, s in zip(C.to_uint8(clips), scenes)]
        return dict({k: sum(f[k] for f in found) / prompts for k in ("color", "shape", "motion", "all")}, loss=float(loss))

    def result(self):
        return dict(dit=self.dit.state_dict(), t5=self.t5.state_dict())
