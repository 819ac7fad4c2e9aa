#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a denoising step grows with the tokens, and what a second thread costs.

    step-scaling.py measure OPENSORA-BENCH CONFIG.json > MEASURED.json
    step-scaling.py draw MEASURED.json PICTURE.png

Measuring takes a config.json of a transformer, whose weights are random; one
block of each kind is enough ("depth": 1). Drawing needs matplotlib."""
import json
import subprocess
import sys

SIZES = {'144p': (144, 256), '240p': (240, 426), '360p': (360, 640)}
FRAMES = 51
THREADS = (1, 2)


def measure_one(bench, config, size, threads):
    height, width = SIZES[size]
    report = json.loads(subprocess.run(
        [bench, '--stage', 'denoise', '--random-weights', config,
         '--height', str(height), '--width', str(width),
         '--num-frames', str(FRAMES), '--threads', str(threads),
         '--runs', '1', '--profile'],
        check=True, stdout=subprocess.PIPE).stdout)
    frames, rows, columns = report['shape']['latents'][2:]
    by_op = {}
    for entry in report['profile']:
        by_op[entry['op']] = by_op.get(entry['op'], 0) + entry['busy_seconds']
    return {'size': size, 'threads': threads,
            'tokens': 2 * frames * -(-rows // 2) * -(-columns // 2),
            'gflop': report['gflop'], 'cpu': report['cpu'],
            'seconds': report['seconds']['min'],
            'busy_seconds': sum(by_op.values()), 'busy_by_op': by_op}


def measure(bench, config):
    json.dump([measure_one(bench, config, size, threads)
               for size in SIZES for threads in THREADS],
              sys.stdout, indent=1)
    print()


def draw_tokens(axes, rows):
    tokens = [row['tokens'] for row in rows]
    base = [0] * len(rows)
    parts = {'linear layers': ('linear',), 'attention': ('attention',)}
    named = sum(parts.values(), ())
    parts['all else'] = tuple({op for row in rows for op in row['busy_by_op']}
                              - set(named))
    for label, ops in parts.items():
        top = [b + sum(row['busy_by_op'].get(op, 0) for op in ops)
               for b, row in zip(base, rows)]
        axes.fill_between(tokens, base, top, label=label, alpha=0.7)
        base = top
    for row, top in zip(rows, base):
        axes.annotate(row['size'], (row['tokens'], top), ha='right',
                      va='bottom')
    axes.set(xlabel='tokens, both halves of guidance',
             ylabel='seconds of processor time', xlim=(0, None), ylim=(0, None),
             title='A step by its tokens, 1 thread')
    axes.legend(loc='upper left')


def draw_threads(axes, rows):
    for i, size in enumerate(SIZES):
        for j, threads in enumerate(THREADS):
            row = next(r for r in rows
                       if (r['size'], r['threads']) == (size, threads))
            axes.bar(i + 0.4 * j, row['busy_seconds'], 0.35, color=f'C{j}',
                     label=f'{threads} thread{"s" * (j > 0)}' if i == 0 else '')
    axes.set(title='The same by threads: all of them together')
    axes.set_xticks([i + 0.2 for i in range(len(SIZES))], list(SIZES))
    axes.legend(loc='upper left')


def draw(measured, picture):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    with open(measured, encoding='utf-8') as file:
        rows = json.load(file)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6),
                                         layout='constrained')
    draw_tokens(left, [row for row in rows if row['threads'] == 1])
    draw_threads(right, rows)
    figure.savefig(picture, dpi=110)


def main():
    commands = {'measure': measure, 'draw': draw}
    if len(sys.argv) != 4 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


main()
