#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The measuring tools themselves: what they print, and how they exit.

    test-tools.py OPENSORA_GOLDEN OPENSORA_BENCH GOLDENS DEMO_MODEL
"""
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

GOLDEN, BENCH = sys.argv[1:3]
GOLDENS, DEMO = map(Path, sys.argv[3:5])
SMALL = ["--height", "32", "--width", "32", "--num-frames", "17", "--runs", "2"]
PASS, FAIL, USAGE, SKIP = 0, 1, 2, 77


def golden(*args):
    run = subprocess.run([GOLDEN, *args], capture_output=True, text=True)
    return run.returncode, run.stdout


def bench(*args):
    run = subprocess.run([BENCH, *args], capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


def copy_case(folder, name, change):
    """A copy of a case, with its case.json and outputs changed."""
    case = folder / name
    if case.exists():
        shutil.rmtree(case)
    shutil.copytree(GOLDENS / "opensora-1.2/op-final-layer", case)
    change(case)
    return str(case)


def spoil_output(case, value):
    path = case / "outputs.safetensors"
    data = bytearray(path.read_bytes())
    data[-4:] = struct.pack("<f", value)
    path.write_bytes(data)


def edit(case, change):
    path = case / "case.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def check_golden(folder):
    code, out = golden(str(GOLDENS / "opensora-1.2/op-final-layer"))
    assert code == PASS, out
    status, name, max_abs, max_rel = out.splitlines()[0].split()
    assert (status, name) == ("PASS", "op-final-layer"), out
    assert 0 <= float(max_abs) < 3e-5 and 0 <= float(max_rel) < 1e-4, out

    for value in (1e3, float("nan")):
        case = copy_case(folder, "spoilt", lambda c: spoil_output(c, value))
        code, out = golden(case)
        assert code == FAIL and out.startswith("FAIL op-final-layer"), out
        assert "unpatchified: element" in out, out

    def add_output(content):
        content["runs"][0]["outputs"]["more"] = {"atol": 1}
    code, out = golden(copy_case(folder, "more", lambda c: edit(c, add_output)))
    assert code == FAIL and "more: not computed" in out, out

    def change_op(content):
        content["runs"][0]["op"] = "unheard_of"
    code, out = golden(copy_case(folder, "op", lambda c: edit(c, change_op)))
    assert code == SKIP and out.startswith("SKIP op-final-layer 0 0"), out

    def drop_inputs(case):
        (case / "inputs.safetensors").unlink()
    code, out = golden(copy_case(folder, "inputs", drop_inputs))
    assert code == FAIL and "input x is missing" in out, out

    code, out = golden(str(folder))
    assert code == FAIL and len(out.splitlines()) == 5, out
    assert golden()[0] == USAGE
    assert golden(str(DEMO))[0] == USAGE


def check_report(report, stage):
    assert report["stage"] == stage and report["precision"] == "f32", report
    assert report["runs"] == 2 and report["threads"] >= 1, report
    assert 0 < report["seconds"]["min"] <= report["seconds"]["median"], report
    assert report["peak_rss_bytes"] > 1 << 20 and report["cpu"], report


def check_bench(folder):
    for stage in ("text", "denoise", "encode", "decode", "load", "pipeline"):
        code, out, err = bench("--model", DEMO, "--stage", stage, *SMALL)
        assert code == 0, err
        report = json.loads(out)
        check_report(report, stage)
        assert report["weights"] == "file", report
        if stage in ("text", "denoise", "encode", "decode"):
            assert report["gflop"] > 0.01, report
    for stage, part in (("text", "text_encoder"), ("denoise", "transformer"),
                        ("decode", "vae")):
        code, out, err = bench(
            "--random-weights", DEMO / part / "config.json", *SMALL)
        assert code == 0, err
        check_report(json.loads(out), stage)
        assert json.loads(out)["weights"] == "random", out

    check_bench_old(folder)
    check_bench_profile()

    result = folder / "denoise.safetensors"
    code, out, err = bench("--transformer", DEMO / "transformer", "--output",
                           result, "--text-length", "7", *SMALL)
    assert code == 0, err
    data = result.read_bytes()
    header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
    assert header["x"]["shape"] == [2, 4, 5, 4, 4], header
    assert header["y"]["shape"] == [2, 1, 7, 128], header
    assert header["out"]["shape"] == [2, 8, 5, 4, 4], header

    assert bench("--stage", "text")[0] == USAGE
    assert bench("--model", DEMO, "--stage", "nap")[0] == USAGE
    assert bench("--model", DEMO, "--stage", "load", "more")[0] == USAGE
    code, out, err = bench("--model", folder, "--stage", "text")
    assert code == 1 and "text_encoder" in err and not out, err


def check_bench_profile():
    """Entries are what was computed; times add up to the fastest run's."""
    for stage, part, op in (("denoise", "temporal attention", "rope"),
                            ("decode", "", "conv")):
        code, out, err = bench("--model", DEMO, "--stage", stage, "--profile",
                               *SMALL)
        assert code == 0, err
        report = json.loads(out)
        profile = report["profile"]
        assert (part, op) in {(e["part"], e["op"]) for e in profile}, out
        assert report["sgemm_gflop_per_second"] > 1, out
        total = sum(entry["seconds"] for entry in profile)
        assert abs(total - report["seconds"]["min"]) < 1e-3, out
        gflop = sum(entry.get("gflop", 0) for entry in profile)
        assert abs(gflop - report["gflop"]) < 1e-6 * gflop, out
        assert len(err.splitlines()) == len(profile) + 3, err
    code, out, err = bench("--model", DEMO, "--stage", "load", "--profile")
    assert code == USAGE and "--profile" in err, err


def check_bench_old(folder):
    """The networks of 1.0 and 1.1, whose latents have a frame for each frame."""
    config = folder / "config.json"
    small = {"hidden_size": 48, "depth": 1, "num_heads": 2,
             "caption_channels": 16, "model_max_length": 9}
    for kind in ("STDiT", "STDiT2"):
        config.write_text(json.dumps({"model_type": kind, **small}))
        code, out, err = bench("--random-weights", config, *SMALL)
        assert code == 0, err
        report = json.loads(out)
        check_report(report, "denoise")
        assert report["shape"]["latents"] == [2, 4, 17, 4, 4], out
        assert report["shape"]["text_length"] == 9, out

    image = {"_class_name": "AutoencoderKL", "norm_num_groups": 4,
             "block_out_channels": [4, 4, 8, 8], "layers_per_block": 1}
    config.write_text(json.dumps(image))
    code, out, err = bench("--random-weights", config, *SMALL)
    assert code == 0, err
    assert json.loads(out)["shape"]["latents"] == [1, 4, 17, 4, 4], out

    # A file alone is told by its tensors, which are not of the published size.
    weights = folder / "small.safetensors"
    shutil.copy(GOLDENS / "opensora-1.1/stdit2-plain/weights.safetensors",
                weights)
    config.unlink()
    code, out, err = bench("--transformer", weights, *SMALL)
    assert code == 1 and "blocks.0.attn_temp.q_norm.weight" in err, err


with tempfile.TemporaryDirectory() as temporary:
    (Path(temporary) / "cases").mkdir()
    check_golden(Path(temporary) / "cases")
    check_bench(Path(temporary))
