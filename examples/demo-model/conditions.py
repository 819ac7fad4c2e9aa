#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clips that go on from given frames, drawn by opensorasrc: does the picture stay, does the second clip go on?

  python3 conditions.py --model opensora-demo --prompts 40 [--sheet FILE]

picture: the first frame of a drawn clip is given (reference-path, mask-strategy=0).
shot:    two clips of 34 frames, of which the second begins with the end of the first (loop=2): 51 frames.
"""
import argparse
import os
import tempfile

import numpy as np
from PIL import Image

import clips as C
import judge as J
from evaluate import SEED, contact_sheet, report, run_element

FIRST, SHOT = 34, 51  # frames


def keeps_picture(model, scenes, texts, seed):
    """Clips, and how near their first frames are to the given ones: PSNR in dB."""
    videos, near = [], []
    pictures = C.to_uint8(C.draw(scenes, frames=[[0]] * len(scenes)))[:, 0]
    for i, (picture, text) in enumerate(zip(pictures, texts)):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "first.png")
            Image.fromarray(picture).save(path)
            videos.append(run_element(model, text, seed + i, reference_path=path, mask_strategy="0"))
        error = np.mean((videos[-1][0].astype(float) - picture) ** 2)
        near.append(10 * np.log10(255 ** 2 / error))
    return videos, near


def track(video):
    """Centre of the shape in every frame, in pixels."""
    m, d = J.masks(video.astype(float))
    w = np.where(m, d, 0) + 1e-9
    gy, gx = np.mgrid[0:w.shape[1], 0:w.shape[2]]
    return np.stack([(w * g).sum((1, 2)) / w.sum((1, 2)) for g in (gx, gy)], 1)


def goes_on(video, scene):
    """Is the second clip of a shot of the same shape and colour, moving the same way, without a jump between?"""
    parts = video[:FIRST], video[SHOT - FIRST:]
    step = np.linalg.norm(np.diff(track(video), axis=0), axis=1)
    same = [J.judge(p, scene) for p in parts]
    return dict({k: same[0]["seen"][k] == same[1]["seen"][k] for k in ("color", "shape", "motion")},
                seam=bool(step[FIRST - 1] < 2.5))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", default="opensora-demo")
    ap.add_argument("--prompts", type=int, default=40)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--sheet", help="write a contact sheet of the first 12 clips of both kinds")
    a = ap.parse_args()

    scenes, texts = C.make(SEED + 1, range(a.prompts))
    videos, near = keeps_picture(a.model, scenes, texts, a.seed)
    print(f"picture: {a.prompts} clips, first frame against the given one: median {np.median(near):.1f} dB, "
          f"worst {min(near):.1f}")
    report([J.judge(v, s) for v, s in zip(videos, scenes)], scenes)

    shots = [run_element(a.model, t, a.seed + i, num_frames=FIRST, loop=2) for i, t in enumerate(texts)]
    print(f"shot: {a.prompts} of {len(shots[0])} frames, as a whole")
    report([J.judge(v, s) for v, s in zip(shots, scenes)], scenes)
    found = [goes_on(v, s) for v, s in zip(shots, scenes)]
    print("the second clip against the first: "
          + ", ".join(f"{k} {sum(f[k] for f in found) / len(found):.3f}" for k in found[0]))
    if a.sheet:
        contact_sheet(a.sheet, [t for pair in zip(texts[:12], texts[:12]) for t in pair],
                      [v for pair in zip(videos[:12], shots[:12]) for v in pair])


if __name__ == "__main__":
    main()
