#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of the documentation with opensorasrc: DIR/demo.gif and DIR/demo-prompts.png.

  python3 pictures.py --model opensora-demo ../../docs/images
"""
import argparse
import os

import numpy as np
from PIL import Image

import clips as C
from evaluate import SEED, contact_sheet, run_element

PROMPTS = (
    "a red circle moving right on a blue background", "a white star moving left on a red background",
    "a green triangle growing in the sky", "a green square moving up at sunset",
    "a yellow star falling at night", "a blue circle shrinking on a white background",
    "a purple square spinning on a white background", "a white triangle moving right at sunset",
)
COLUMNS, SCALE, GAP, PER_FRAME = 4, 2, 6, 125  # clips, times, pixels, milliseconds


def mosaic(videos):
    """Clips (T, H, W, 3) beside and above each other: pictures."""
    T, H, W, _ = videos[0].shape
    rows, step = -(-len(videos) // COLUMNS), np.array([H, W]) * SCALE + GAP
    for t in range(T):
        sheet = Image.new("RGB", (COLUMNS * int(step[1]) - GAP, rows * int(step[0]) - GAP), (255, 255, 255))
        for i, video in enumerate(videos):
            frame = Image.fromarray(video[t]).resize((W * SCALE, H * SCALE), Image.BICUBIC)
            sheet.paste(frame, (i % COLUMNS * int(step[1]), i // COLUMNS * int(step[0])))
        yield sheet


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", default="opensora-demo")
    ap.add_argument("folder")
    a = ap.parse_args()
    first, *others = mosaic([run_element(a.model, text, 42) for text in PROMPTS])
    first.save(os.path.join(a.folder, "demo.gif"), save_all=True, append_images=others, duration=PER_FRAME, loop=0)
    _, texts = C.make(SEED, range(24))
    contact_sheet(os.path.join(a.folder, "demo-prompts.png"), texts,
                  [run_element(a.model, text, i) for i, text in enumerate(texts)])


if __name__ == "__main__":
    main()
