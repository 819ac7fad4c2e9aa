#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Colours for previews: how red, green and blue depend on the latents, by least squares over drawn clips.

  python3 preview_map.py opensora-demo

writes `preview_map` into opensora.json of the folder: for each of the four latent channels the red, green and blue that
it adds, at last those that are there without any; colours are -1 to 1. It belongs to the VAE of the folder: run this
again when that has changed.
"""
import argparse
import json
import os

import numpy as np
import torch

import clips as C
import sampler

SEED = 31  # of the clips
FRAMES = 17


def colours(x, factor):
    """Mean colour of what a latent stands for, (B, 3, T, H, W): 8 x 8 pixels of `factor` frames; of the first alone."""
    x = torch.nn.functional.avg_pool3d(x, (1, 8, 8))
    later = x[:, :, 1:].unflatten(2, (-1, factor)).mean(3)
    return torch.cat([x[:, :, :1], later], 2)


@torch.no_grad()
def fit(folder, n=512):
    """The map, (5, 3), and the deviation of the colours that it gives from the right ones, in levels of 255."""
    model = sampler.Folder(folder)
    size = model.defaults["height"], model.defaults["width"]
    rows, wanted = [], []
    for first in range(0, n, 16):
        scenes, _ = C.make(SEED, range(first, first + 16), FRAMES, *size)
        x = C.draw(scenes, *size)
        z = model.vae.encode(x)
        rows.append(z.transpose(0, 1).flatten(1).T)
        wanted.append(colours(x, model.vae.temporal_vae.factor).transpose(0, 1).flatten(1).T)
    z, rgb = torch.cat(rows).double().numpy(), torch.cat(wanted).double().numpy()
    z = np.concatenate([z, np.ones((len(z), 1))], 1)
    found = np.linalg.lstsq(z, rgb, rcond=None)[0]
    return found, 127.5 * np.sqrt(np.mean((z @ found - rgb) ** 2))


def write(folder):
    found, deviation = fit(folder)
    path = os.path.join(folder, "opensora.json")
    with open(path) as f:
        values = json.load(f)
    values.pop("preview_map", None)
    rows = ",\n    ".join(", ".join(f"{v:.4f}" for v in row) for row in found)
    text = json.dumps(values, indent=2)[:-2] + ',\n  "preview_map": [\n    ' + rows + "\n  ]\n}\n"
    with open(path, "w") as f:
        f.write(text)
    print(f"{path}: colours deviate by {deviation:.1f} of 255")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    write(ap.parse_args().folder)


if __name__ == "__main__":
    main()
