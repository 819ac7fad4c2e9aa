# SPDX-License-Identifier: Apache-2.0
"""The two VAE stages of the training: the image VAE on single frames, then the temporal VAE and the frame decoder."""
import os

import numpy as np
import torch
import torch.nn.functional as F

import clips as C
import model as M
from optim import Optim
from stage import Stage, read

C2D = dict(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=[16, 16, 32, 64], layers_per_block=1,
           norm_num_groups=4)
C3D = dict(in_out_channels=4, latent_embed_dim=4, embed_dim=4, filters=24, num_res_blocks=1,
           channel_multipliers=[1, 1, 2, 2], temporal_downsample=[False, True, True], num_groups=4)
SEED, UNSEEN = 21, 99  # of the clips to train on and of those to validate with
SIZES = [(64, 64)] * 18 + [(64, 112), (112, 64)]  # height, width


def psnr(a, b):
    return (10 * torch.log10(4 / (a.clamp(-1, 1) - b).pow(2).mean())).item()


def is_matrix(n, p):
    return p.ndim >= 2 and not any(k in n for k in ("conv_in", "conv_out", "quant_conv", "decoder.conv1", "encoder.conv2"))


def pixel_loss(y, x):
    return F.mse_loss(y, x) + 0.1 * F.l1_loss(y, x)


def divergence(mean, logvar):
    return 0.5 * (mean.pow(2) + logvar.exp() - 1 - logvar).mean()


def sample(mean, logvar):
    return mean + (0.5 * logvar).exp() * torch.randn_like(mean)


def last(x):
    return x.contiguous(memory_format=torch.channels_last)


class Image(Stage):
    """Stage 1: the image VAE on fresh frames."""
    name, bar, check_every, finish_steps = "image", 32.0, 200, 100

    def __init__(self, work, batch):
        torch.manual_seed(1)
        self.batch = batch or 32
        self.net = M.AutoencoderKL(C2D).to(memory_format=torch.channels_last)
        self.opt = Optim(self.net.named_parameters(), is_matrix, average=0.995)

    def loss(self, step):
        rng = np.random.default_rng([SEED, 1, step])
        height, width = SIZES[rng.integers(len(SIZES))]
        scenes, _ = C.make(SEED, rng.integers(1 << 40, size=self.batch), 17, height, width)
        x = last(C.draw(scenes, height, width, rng.integers(17, size=(self.batch, 1)))[:, :, 0])
        mean, logvar = self.net.encode(x)
        y = self.net.decode(sample(mean, logvar))
        return pixel_loss(y, x) + 1e-4 * divergence(mean, logvar), dict(psnr=psnr(y, x))

    @torch.no_grad()
    def validate(self):
        scenes, _ = C.make(UNSEEN, range(128))
        x = C.draw(scenes, frames=np.arange(128)[:, None] % 17)[:, :, 0]
        mean, logvar = self.net.encode(last(x))
        y = self.net.decode(mean)
        return dict(score=psnr(y, x), latent=mean.std().item(), sigma=(0.5 * logvar).exp().mean().item())

    def result(self):
        return self.net.state_dict()


class Video(Stage):
    """Stage 2: the temporal VAE on the frames' latents; in the end, with the frame decoder, on pixels."""
    name, bar, check_every, finish_steps = "video", 30.0, 100, 400
    finish_rate = 0.2  # the frame decoder is good already; pixels at the full rate, or too early, spoil it

    def __init__(self, work, batch):
        torch.manual_seed(2)
        self.batch = batch or 8
        self.vae = vae = M.VideoVAE(C2D, C3D)
        image = read(os.path.join(work, "image-final.pt"))
        vae.spatial_vae.module.load_state_dict(image)
        vae.spatial_vae.module.to(memory_format=torch.channels_last)
        vae.spatial_vae.module.encoder.requires_grad_(False)
        vae.spatial_vae.module.quant_conv.requires_grad_(False)
        self.opt = Optim([(n, p) for n, p in vae.named_parameters() if p.requires_grad], is_matrix, average=0.995)
        with torch.no_grad():
            z = vae.frames_to_z(C.draw(C.make(UNSEEN, range(32))[0]))
        self.std = z.std(dim=(0, 2, 3, 4)).view(1, 4, 1, 1, 1)
        self.store = []  # spatial latents of some batches, each used a few times

    def clips(self, rng):
        if len(self.store) < 40 or rng.random() < 0.2:
            height, width = SIZES[rng.integers(len(SIZES))]
            scenes, _ = C.make(SEED, rng.integers(1 << 40, size=self.batch), 17, height, width)
            with torch.no_grad():
                self.store.append((scenes, height, width, self.vae.frames_to_z(C.draw(scenes, height, width))))
            self.store = self.store[-200:]
            return self.store[-1]
        return self.store[rng.integers(len(self.store))]

    def loss(self, step):
        rng = np.random.default_rng([SEED, 2, step])
        scenes, height, width, z = self.clips(rng)
        at = np.full((self.batch, 1), rng.integers(17))
        picture = rng.random() < 0.08
        if picture:
            z = z[:, :, at[0]]
        mean, logvar = self.vae.temporal_vae.encode(z)
        r = self.vae.temporal_vae.decode(sample(mean, logvar), z.shape[2])
        error, kl = ((r - z) / self.std).pow(2).mean(), divergence(mean, logvar)
        if not self.finishing:
            return error + 1e-3 * kl, dict(error=error.item(), kl=kl.item())
        if not picture:
            at = np.tile(np.sort(rng.choice(17, 3, replace=False)), (self.batch, 1))
            r = r[:, :, at[0]]
        x = C.draw(scenes, height, width, at)
        y = self.vae.z_to_frames(r)
        return 0.02 * error + pixel_loss(y, x) + 2e-4 * kl, dict(psnr=psnr(y, x), error=error.item(), kl=kl.item())

    @torch.no_grad()
    def validate(self):
        self.vae.scale.fill_(1)
        self.vae.shift.fill_(0)
        x = C.draw(C.make(UNSEEN, range(48))[0])
        z = self.vae.encode(x)
        return dict(score=psnr(self.vae.decode(z, 17), x), latent=[round(s, 3) for s in z.std(dim=(0, 2, 3, 4)).tolist()])

    def result(self):
        """With the latents' statistics: the transformer sees channels of mean 0 and, if the encoder uses them, variance 1."""
        with torch.no_grad():
            self.vae.scale.fill_(1)
            self.vae.shift.fill_(0)
            z = torch.cat([self.vae.encode(C.draw(C.make(SEED, range(i, i + 64))[0])) for i in range(0, 512, 64)])
            std = z.std(dim=(0, 2, 3, 4))
            self.vae.scale.copy_(torch.maximum(std, 0.3 * std.max()).view(1, 4, 1, 1, 1))
            self.vae.shift.copy_(z.mean(dim=(0, 2, 3, 4)).view(1, 4, 1, 1, 1))
        return self.vae.state_dict()
