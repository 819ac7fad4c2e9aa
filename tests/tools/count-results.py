#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints how many tests passed and failed in a meson test log (JSON lines).

A program that speaks TAP counts once for every case it reports; one that ends
badly without a failed case counts as one failure.
"""
import json
import re
import sys

passed = failed = 0
with open(sys.argv[1], encoding="utf-8") as log:
    for line in log:
        test = json.loads(line)
        output = test.get("stdout") or ""
        good = len(re.findall(r"^ok\b(?!.*# SKIP)", output, re.M))
        bad = len(re.findall(r"^not ok\b", output, re.M))
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            passed += good or 1
        elif test["result"] != "SKIP":
            passed += good
            failed += bad or 1
print(passed, failed)
