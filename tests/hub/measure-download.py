#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long `opensora download` and curl take for one large file from a hub on
this machine, in turn. No test: machines differ and have other things to do.

    measure-download.py TOOL [--size BYTES] [--runs N] [--folder FOLDER]

FOLDER is on the disk to measure. curl neither hashes nor waits for the disk, so
its row is given twice: until it ends, and until fsync() of its file has ended
too, which is what `opensora download` waits for. As root and in a session of its
own (setsid -w ...), all of this runs before other programs of the machine."""
import argparse
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import mock_hub

BLOCK = random.Random(1).randbytes(1 << 20)


def write_file(path, size):
    path.parent.mkdir(parents=True)
    with open(path, "wb") as file:
        for i in range(0, size, len(BLOCK)):
            file.write(i.to_bytes(8, "little") + BLOCK[8:])
        file.truncate(size)


def hurry():
    """nice counts among the processes of a session, autogroup among those."""
    if os.geteuid() != 0:
        return
    os.nice(-20)
    group = Path("/proc/self/autogroup")
    if group.exists() and os.getsid(0) == os.getpid():
        group.write_text("-20")


def run(args, environment=None):
    """Seconds, processor time and peak memory; the disk is idle before."""
    os.sync()
    begin = time.monotonic()
    process = subprocess.Popen(args, env=environment,
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    if status != 0:
        raise SystemExit(f"{args[0]} failed")
    return seconds, usage


def curl(url, folder):
    path = folder / "curl"
    seconds, usage = run(["curl", "-sS", "-L", "-o", path, url])
    begin = time.monotonic()
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    seconds_synced = seconds + time.monotonic() - begin
    path.unlink()
    return seconds, seconds_synced, usage


def opensora(tool, url, folder):
    cache = folder / "cache"
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HUB_OFFLINE": "0",
                   "HF_HUB_CACHE": str(cache)}
    seconds, usage = run([tool, "download", "-q", "org/m", "w.safetensors"],
                         environment)
    shutil.rmtree(cache)
    return seconds, usage


def cpu(usage):
    return f"{usage.ru_utime + usage.ru_stime:.1f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--size", type=int, default=2 * 10**9)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", default=".")
    options = parser.parse_args()
    hurry()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root, work = Path(folder, "root"), Path(folder, "work")
        work.mkdir()
        write_file(root / "org/m/w.safetensors", options.size)
        with mock_hub.MockHub(root) as hub:
            url = f"{hub.url}/org/m/resolve/main/w.safetensors"
            subprocess.run(["curl", "-sSI", url], stdout=subprocess.DEVNULL,
                           check=True)  # the hub hashes its file
            rows = []
            for i in range(options.runs):
                ended, synced, theirs = curl(url, work)
                seconds, ours = opensora(options.tool, hub.url, work)
                rows.append((ended, synced, seconds))
                print(f"{i + 1}: curl {ended:.2f} s, synced {synced:.2f} s, "
                      f"CPU {cpu(theirs)} s; opensora {seconds:.2f} s, CPU "
                      f"{cpu(ours)} s, {ours.ru_maxrss} kB", flush=True)
    medians = [statistics.median(column) for column in zip(*rows)]
    print("medians: curl {:.2f} s, synced {:.2f} s; opensora {:.2f} s".format(
        *medians))


if __name__ == "__main__":
    main()
