#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mock_hub.py - a local stand-in for the Hugging Face Hub, standard library only.

It serves a folder tree of repositories over HTTP or HTTPS with the semantics a download client depends on: metadata
headers on HEAD, redirects to a second origin ("CDN") for LFS files, Range requests, gated and private repositories,
revisions, the JSON API. On top of that it can misbehave in a controlled way (see FAULTS) and it records every request
(see LOG), so a test can say "no network access happened" or "the token never reached the CDN".

START
    python3 mock_hub.py --root DIR --port 0 --print-port
prints the hub port on the first line of stdout and serves until it is killed. With --print-json the first line is a
JSON object instead: {"hub": URL, "cdn": URL, "control": URL, "hub_port", "cdn_port", "control_port", "ca_file"}.
--info-file writes the same object to a file (atomically) once the sockets listen. --exit-with-stdin ends the process
when its stdin reaches end of file, --max-seconds N after N seconds: both keep a crashed test from leaving it behind.
Point a client at it with HF_ENDPOINT=http://127.0.0.1:PORT (plus HF_HUB_DISABLE_TELEMETRY=1 for the Python client, which
otherwise sends an extra request to the endpoint once a day).

REPOSITORIES (--root)
    <root>/<org>/<name>/...              files of branch "main" of the model repo <org>/<name>
    <root>/<name>/ + file .mock-repo     legacy one-word repo id
    <root>/<org>/<name>@<ref>/...        the complete tree of another ref; <ref> is percent-encoded: "@v1.0" or
                                         "@refs%2Fpr%2F1". A ref "refs/..." is listed as pull request or convert ref.
The commit hash is a SHA-1 over repo id, paths and contents: same content, same hash. Folders are scanned again on every
request (hashes are cached by mtime and size), so a changed file gives a new commit; commits served before stay valid as
revision as long as their files are at most --keep bytes. Abbreviated commit hashes (7 or more digits) resolve as well.
A file is LFS when its extension is in --lfs-ext or it has at least --lfs-size bytes.

WHAT IS SERVED
    HEAD/GET /<repo>/resolve/<rev>/<path>      regular file: 200, ETag "<git blob sha1>", X-Repo-Commit, Content-Length
                                               LFS file: 302 to the CDN, X-Linked-Etag "<sha256>", X-Linked-Size,
                                               X-Repo-Commit; Content-Length is that of the redirect text
    --resolve-cache                            regular files answer 307 with a RELATIVE Location under
                                               /api/resolve-cache/ first, as the real Hub does today
    HEAD/GET /<repo>/raw/<rev>/<path>          file as git stores it (LFS pointer text)
    GET /api/models/<repo>[/revision/<rev>]    repo info; ?blobs=true adds sizes and hashes to "siblings"
    GET /api/models/<repo>/tree/<rev>[/<dir>]  listing; ?recursive=true; pages of --page-size with Link: rel="next"
    GET /api/models/<repo>/refs                branches, tags, pull requests
    GET /api/whoami-v2                         the user of the token
    CDN: HEAD/GET /repos/...?Signature=...     LFS content; the query is signed and expires; a request that carries an
                                               Authorization header is refused with 400, as S3 does (--cdn-allow-auth
                                               turns that off). The CDN ETag is NOT the sha256 unless --cdn-etag sha256.
    --xet                                      adds X-Xet-Hash and the two xet Link targets to LFS answers
    --gzip                                     compresses regular text files when the client offers gzip

ACCESS (--config FILE, JSON, or POST to /_mock/config; every key optional)
    {"tokens": {"hf_abc": {"name": "joe", "repos": ["org/private*"], "gated": ["org/gated"]}},
     "private": ["org/private*"], "gated": ["org/gated"], "disabled": ["org/off"], "renamed": {"old/x": "org/x"}}
    unknown token -> 401 "Invalid credentials in Authorization header" on every request
    missing or private repo, no token -> 401 (X-Error-Code RepoNotFound unless "anonymous_code": false); token without
    right -> 404 RepoNotFound
    gated repo, no token -> 401 GatedRepo; token not listed -> 403 GatedRepo (files only; the API info stays readable)
    disabled repo -> 403 with X-Error-Message "Access to this resource is disabled."
    renamed repo -> 307 with a relative Location to the new name
Other config keys: "xet", "gzip", "resolve_cache", "cdn_etag", "page_size", "lfs_size", "cdn_allow_auth" as the options;
"down": true closes every hub connection at once; "hub_tls"/"cdn_tls": one of good, selfsigned, expired, wronghost
(only on an origin that was started with TLS).

CONTROL (on the hub port and on the separate plain-HTTP control port; never logged, never faulted)
    GET    /_mock/info               ports, URLs, repos with refs, commits and files (etag, sha256, size)
    GET    /_mock/log[?wait=1]       {"requests": [...]}; wait=1 first waits (2 s at most) for running requests to end
    DELETE /_mock/log                forget the log
    GET    /_mock/faults             rules with their remaining counts
    POST   /_mock/faults             one rule or a list of rules; appended
    DELETE /_mock/faults             remove all rules
    POST   /_mock/config             merge configuration
    POST   /_mock/file               {"repo", "path", "revision"?, CONTENT or "delete": true}: change a file (in memory;
                                     the folder stays as it is)
    DELETE /_mock/file               drop all such changes
    POST   /_mock/shutdown           end the process
CONTENT is one of "text": str, "b64": str, "fill": [byte, count], "seed": [seed, count] (reproducible noise),
"append": str (to the current content), "flip": offset (current content with one byte inverted).

LOG entry: {"n", "origin": "hub"|"cdn", "method", "path" (raw, with query), "kind": "resolve"|"resolve-cache"|"raw"|
"info"|"tree"|"refs"|"whoami"|"cdn"|"other", "repo", "file", "headers" (lower-case names), "status", "body_bytes" (sent),
"fault" (id of the rule that applied or null), "done", "t" (seconds since start), "proxied"}. A failed TLS handshake is
logged with kind "tls-error".

PROXY: a request in absolute form (GET http://any.host/path) is answered as if it had come directly, whatever the host, and
logged with "proxied": true. So http_proxy=http://127.0.0.1:PORT with HF_ENDPOINT=http://hub.invalid tests proxy support.

FAULTS: a rule is {"id"?, "match": {...}, "skip": 0, "times": 1, "do": {...}}. The first rule that matches a request and
still has a count left is used (one rule per request); "skip": n lets the first n matching requests pass; "times": -1 is
for ever. Rules can be given at start with --faults FILE (JSON list).
  match keys (all optional): "origin": hub|cdn; "method": "GET" or a list; "kind": as in the log; "repo", "file", "path":
  shell patterns (path = decoded path without query); "range": true|false (has a Range header); "auth": true|false.
  do keys - instead of the normal answer:
    "status": 500, with "headers": {..}, "body": str      plain error answer (429: add "headers": {"Retry-After": "2"})
    "redirect": {"status": 302, "location": "..."}        {hub}, {cdn}, {self} (path and query) are replaced in location
    "redirect_loop": "relative" | "absolute" | "cdn"      answer 302 to itself (cdn: to the CDN, which sends it back)
    "html": true                                          200 text/html without any hub header (captive portal)
    "garbage": true                                       bytes that are not HTTP, then close
    "expire_url": true                                    CDN: 403, as an expired signed URL
  do keys - timing and connection:
    "delay": seconds before the answer
    "hang": seconds of silence, then close; with "hang_after": k the silence starts after k body bytes
    "drip": bytes per second, in pieces of "chunk" (default drip/5)
    "reset_after": k      TCP reset after k body bytes (k = -1, or a HEAD: before any answer)
    "close_after": k      orderly close after k body bytes although Content-Length promised more
  do keys - body and length:
    "corrupt": {"offset": o, "length": n, "xor": 255} or a list of them (offsets in the whole file)
    "size_delta": d       the answer is d bytes longer (zeros) or shorter, Content-Length fits the wrong size
    "replace": CONTENT    other bytes instead of the file
    "content_length": n   only the header lies
    "chunked": true       no Content-Length
    "gzip": true          Content-Encoding: gzip, chunked, if the client accepts gzip (ignores Range, weak ETag)
  do keys - Range:
    "ignore_range": true  200 with the whole file
    "range_416": true     416 for every Range request
    "range_shift": d      206 that starts d bytes away from what was asked (Content-Range says so)
  do keys - headers and state:
    "set_headers": {..}, "remove_headers": [..]           on the normal answer; values may use {hub} and {cdn}
    "update_file": {"repo", "path", "revision"?, CONTENT}  change a file just before this request is answered
"""

import argparse
import base64
import email.utils
import fcntl
import fnmatch
import gzip
import hashlib
import hmac
import http.client
import http.server
import json
import os
import random
import re
import select
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.parse

LFS_EXT = (".safetensors,.bin,.pth,.pt,.ckpt,.h5,.msgpack,.onnx,.gguf,.model,.npz,.npy,.mp4,.gif,.zip,.tar,.gz,.pkl,.pb")
TEXT_EXT = (".json", ".txt", ".md", ".py", ".jsonl", ".yaml", ".gitattributes")
COMMIT_RE = re.compile(r"^[0-9a-f]{40}$")
SECRET = b"mock-hub"


def quote(text):
    return urllib.parse.quote(text, safe="")


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def make_content(spec, current=b""):
    """Bytes of a CONTENT specification (see the module docstring)."""
    if "text" in spec:
        return spec["text"].encode()
    if "b64" in spec:
        return base64.b64decode(spec["b64"])
    if "fill" in spec:
        byte, count = spec["fill"]
        return bytes([byte]) * count
    if "seed" in spec:
        seed, count = spec["seed"]
        return random.Random(seed).randbytes(count)
    if "append" in spec:
        return current + spec["append"].encode()
    if "flip" in spec:
        data = bytearray(current)
        data[spec["flip"]] ^= 0xFF
        return bytes(data)
    raise ValueError("no content given")


class Blob:
    """One file content: in memory when small, else read from its path."""

    def __init__(self, data=None, path=None, size=None, hashes=None):
        self.data, self.path = data, path
        self.size = len(data) if data is not None else size
        self.sha1, self.sha256, self.md5 = hashes or self.hash_data(data)

    @staticmethod
    def hash_data(data):
        return git_sha1(data), hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest()

    @staticmethod
    def from_path(path, size, keep):
        if size <= keep:
            with open(path, "rb") as f:
                return Blob(data=f.read())
        sha1, sha256, md5 = hashlib.sha1(b"blob %d\0" % size), hashlib.sha256(), hashlib.md5()
        with open(path, "rb") as f:
            while chunk := f.read(1 << 20):
                for h in (sha1, sha256, md5):
                    h.update(chunk)
        return Blob(path=path, size=size, hashes=(sha1.hexdigest(), sha256.hexdigest(), md5.hexdigest()))

    def read(self, start, count):
        if self.data is not None:
            return self.data[start:start + count]
        with open(self.path, "rb") as f:
            f.seek(start)
            return f.read(count)

    def pointer(self):
        return (f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n").encode()


class Entry:
    """A file of a repo at a commit."""

    def __init__(self, blob, lfs):
        self.blob, self.lfs = blob, lfs
        self.oid = git_sha1(blob.pointer()) if lfs else blob.sha1
        self.etag = blob.sha256 if lfs else blob.sha1


class Hub:
    """Repositories, access rules, faults and the request log; shared by both origins."""

    def __init__(self, options):
        self.o = options
        self.root = os.path.abspath(options.root)
        self.lock = threading.RLock()
        self.cache = {}      # file path -> (mtime_ns, size, Blob)
        self.commits = {}    # repo -> {commit: {path: Entry}}
        self.overlay = {}    # (repo, ref) -> {path: Blob or None}
        self.cfg = {"tokens": {}, "private": [], "gated": [], "disabled": [], "renamed": {}, "anonymous_code": True,
                    "xet": options.xet, "gzip": options.gzip, "resolve_cache": options.resolve_cache,
                    "cdn_etag": options.cdn_etag, "page_size": options.page_size, "lfs_size": options.lfs_size,
                    "cdn_allow_auth": options.cdn_allow_auth, "down": False,
                    "hub_tls": options.tls, "cdn_tls": options.cdn_tls or options.tls}
        self.rules, self.log, self.start = [], [], time.monotonic()
        self.urls = {}
        self.contexts = {}
        self.ca_file = None
        self.next_n = 0

    # -- repositories ------------------------------------------------------------------------------------------------
    def blob(self, path):
        st = os.stat(path)
        hit = self.cache.get(path)
        if hit and hit[:2] == (st.st_mtime_ns, st.st_size):
            return hit[2]
        blob = Blob.from_path(path, st.st_size, self.o.keep)
        self.cache[path] = (st.st_mtime_ns, st.st_size, blob)
        return blob

    def is_lfs(self, path, blob):
        if blob.size == 0:       # git-lfs stores an empty file as it is
            return False
        return path.lower().endswith(tuple(self.o.lfs_ext)) or blob.size >= self.cfg["lfs_size"]

    def repo_dirs(self):
        """{repo id: {ref: folder}}"""
        found = {}

        def add(repo, folder):
            base, _, ref = repo.partition("@")
            found.setdefault(base, {})[urllib.parse.unquote(ref) if ref else "main"] = folder

        for first in sorted(os.listdir(self.root)):
            top = os.path.join(self.root, first)
            if not os.path.isdir(top):
                continue
            if os.path.exists(os.path.join(top, ".mock-repo")):
                add(first, top)
                continue
            for second in sorted(os.listdir(top)):
                if os.path.isdir(os.path.join(top, second)):
                    add(f"{first}/{second}", os.path.join(top, second))
        for repo, ref in self.overlay:
            found.setdefault(repo, {}).setdefault(ref, None)
        return found

    def refs(self, repo):
        """{ref: commit} of a repo after a fresh scan, or None."""
        with self.lock:
            folders = self.repo_dirs().get(repo)
            if folders is None:
                return None
            result = {}
            for ref, folder in folders.items():
                tree = {}
                for base, dirs, files in os.walk(folder) if folder else ():
                    dirs[:] = sorted(d for d in dirs if d != ".git")
                    for name in sorted(files):
                        if name != ".mock-repo":
                            full = os.path.join(base, name)
                            tree[os.path.relpath(full, folder).replace(os.sep, "/")] = self.blob(full)
                tree.update(self.overlay.get((repo, ref), {}))
                tree = {p: Entry(b, self.is_lfs(p, b)) for p, b in sorted(tree.items()) if b is not None}
                digest = hashlib.sha1(("mock-commit\0" + repo).encode())
                for path, entry in tree.items():
                    digest.update(f"\0{path}\0{entry.blob.sha256}".encode())
                result[ref] = digest.hexdigest()
                self.commits.setdefault(repo, {})[result[ref]] = tree
            return result

    def resolve(self, repo, revision):
        """(commit, {path: Entry}) or (None, None)."""
        refs = self.refs(repo)
        with self.lock:
            known = self.commits.get(repo, {})
            commit = refs.get(revision) or refs.get("refs/heads/" + revision) if refs else None
            if commit is None and refs and revision.startswith("refs/heads/"):
                commit = refs.get(revision[len("refs/heads/"):])
            if commit is None and re.fullmatch(r"[0-9a-f]{7,40}", revision):
                full = [c for c in known if c.startswith(revision)]
                commit = full[0] if len(full) == 1 else None
            return (commit, known[commit]) if commit else (None, None)

    def set_file(self, spec):
        with self.lock:
            repo, ref, path = spec["repo"], spec.get("revision", "main"), spec["path"]
            commit, tree = self.resolve(repo, ref)
            current = b""
            if tree and path in tree:
                current = tree[path].blob.read(0, tree[path].blob.size)
            blob = None if spec.get("delete") else Blob(data=make_content(spec, current))
            self.overlay.setdefault((repo, ref), {})[path] = blob
            return self.refs(repo)[ref]

    # -- access ------------------------------------------------------------------------------------------------------
    def access(self, repo, headers, files=True):
        """None when allowed, else (status, error code, message)."""
        cfg = self.cfg
        auth = headers.get("authorization")
        user = None
        if auth is not None:
            token = auth[7:] if auth.startswith("Bearer ") else None
            user = cfg["tokens"].get(token)
            if user is None:
                return 401, None, "Invalid credentials in Authorization header"
        match = lambda patterns: any(fnmatch.fnmatchcase(repo, p) for p in patterns)
        exists = self.refs(repo) is not None
        if not exists or (match(cfg["private"]) and not (user and match(user.get("repos", [])))):
            if user is None:
                return 401, "RepoNotFound" if cfg["anonymous_code"] else None, "Invalid username or password."
            return 404, "RepoNotFound", "Repository not found"
        if match(cfg["disabled"]):
            return 403, None, "Access to this resource is disabled."
        if files and match(cfg["gated"]):
            if user is None:
                return 401, "GatedRepo", f"Access to model {repo} is restricted. Please log in with a granted account."
            if not match(user.get("gated", [])):
                return 403, "GatedRepo", (f"Access to model {repo} is restricted. This account is not on its list; ask for "
                                          f"access at {self.urls.get('hub')}/{repo}")
        return None

    # -- signed CDN URLs ---------------------------------------------------------------------------------------------
    def sign(self, path, params):
        text = path + "?" + "&".join(f"{k}={v}" for k, v in sorted(params.items()) if k != "Signature")
        mac = hmac.new(SECRET, text.encode(), hashlib.sha256).digest()
        return base64.b64encode(mac).decode().replace("+", "~").replace("/", "-").replace("=", "_")

    def cdn_url(self, repo, file, blob):
        group = hashlib.sha256(repo.encode()).hexdigest()
        path = f"/repos/{group[:2]}/{group[2:4]}/{group}/{blob.sha256}"
        name = file.rsplit("/", 1)[-1]
        params = {"response-content-disposition": f"inline; filename*=UTF-8''{name}; filename=\"{name}\";",
                  "mock-repo": repo, "mock-file": file, "Expires": str(int(time.time()) + self.o.url_lifetime),
                  "Key-Pair-Id": "MOCKKEY"}
        params["Signature"] = self.sign(path, params)
        query = "&".join(f"{k}={urllib.parse.quote_plus(v, safe='*~')}" for k, v in params.items())
        return f"{self.urls['cdn']}{path}?{query}"

    def find_blob(self, repo, sha256):
        with self.lock:
            for tree in self.commits.get(repo, {}).values():
                for entry in tree.values():
                    if entry.blob.sha256 == sha256:
                        return entry.blob
        return None

    # -- faults and log ----------------------------------------------------------------------------------------------
    def add_rules(self, rules):
        with self.lock:
            for rule in rules if isinstance(rules, list) else [rules]:
                unknown = set(rule.get("do", {})) - DO_KEYS
                if "do" not in rule or unknown or set(rule.get("match", {})) - MATCH_KEYS:
                    raise ValueError(f"bad rule {rule!r} (unknown: {sorted(unknown)})")
                self.rules.append({"id": rule.get("id", f"rule{len(self.rules) + 1}"), "match": rule.get("match", {}),
                                   "skip": rule.get("skip", 0), "times": rule.get("times", 1), "do": rule["do"]})

    def take_rule(self, rec):
        with self.lock:
            for rule in self.rules:
                if rule["times"] == 0 or not self.matches(rule["match"], rec):
                    continue
                if rule["skip"] > 0:
                    rule["skip"] -= 1
                    continue
                if rule["times"] > 0:
                    rule["times"] -= 1
                return rule
        return None

    @staticmethod
    def matches(match, rec):
        for key, want in match.items():
            if key in ("range", "auth"):
                have = ("range" if key == "range" else "authorization") in rec["headers"]
                if have != want:
                    return False
            elif key == "method":
                if rec["method"] not in (want if isinstance(want, list) else [want]):
                    return False
            elif key == "path":
                if not fnmatch.fnmatchcase(urllib.parse.unquote(rec["path"].split("?")[0]), want):
                    return False
            elif key in ("repo", "file"):
                if not fnmatch.fnmatchcase(rec[key] or "", want):
                    return False
            elif rec[key] != want:
                return False
        return True

    def record(self, **fields):
        with self.lock:
            self.next_n += 1
            rec = {"n": self.next_n, "t": round(time.monotonic() - self.start, 3), "repo": None, "file": None,
                   "status": None, "body_bytes": 0, "fault": None, "done": False, **fields}
            self.log.append(rec)
            return rec

    def info(self):
        repos = {}
        with self.lock:
            for repo in self.repo_dirs():
                repos[repo] = {ref: {"commit": commit, "files": {
                    path: {"etag": e.etag, "oid": e.oid, "sha256": e.blob.sha256, "size": e.blob.size, "lfs": e.lfs}
                    for path, e in self.commits[repo][commit].items()}} for ref, commit in self.refs(repo).items()}
        return {**self.address(), "repos": repos}

    def address(self):
        return {**self.urls, **{f"{k}_port": int(v.rsplit(":", 1)[1]) for k, v in self.urls.items()},
                "ca_file": self.ca_file}


MATCH_KEYS = {"origin", "method", "kind", "repo", "file", "path", "range", "auth"}
DO_KEYS = {"status", "headers", "body", "redirect", "redirect_loop", "html", "garbage", "expire_url", "delay", "hang",
           "hang_after", "drip", "chunk", "reset_after", "close_after", "corrupt", "size_delta", "replace",
           "content_length", "chunked", "gzip", "ignore_range", "range_416", "range_shift", "set_headers",
           "remove_headers", "update_file"}


class Abort(Exception):
    """End this connection now; rst: with a TCP reset."""

    def __init__(self, rst):
        self.rst = rst


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "mock-hub", ""
    origin = "hub"
    rst = False

    # -- connection life cycle ---------------------------------------------------------------------------------------
    def setup(self):
        self.hub = self.server.hub
        self.ok = True
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.settimeout(120)
        if self.origin == "hub" and self.hub.cfg["down"]:
            self.ok, self.rst = False, True
        elif self.server.tls:
            context = self.hub.contexts[self.hub.cfg[self.origin + "_tls"]]
            try:
                self.request = context.wrap_socket(self.request, server_side=True)
            except (OSError, ssl.SSLError) as err:
                self.hub.record(origin=self.origin, method="", path="", kind="tls-error", headers={}, done=True,
                                error=str(err))
                self.ok = False
        super().setup()

    def handle(self):
        if not self.ok:
            return
        try:
            super().handle()
        except Abort as abort:
            self.rst = abort.rst
        except (ConnectionError, TimeoutError, ssl.SSLError, OSError):
            pass
        finally:
            if getattr(self, "rec", None):
                self.rec["done"] = True

    def finish(self):
        try:
            if not self.rst:
                super().finish()
        except (OSError, ValueError):
            pass
        sock = self.request
        try:
            if self.rst:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            fd = sock.detach()
            if fd >= 0:
                if not self.rst:
                    try:  # send FIN, then give the client a moment to read, so that no reset overtakes the data
                        raw = socket.socket(fileno=fd)
                        raw.shutdown(socket.SHUT_WR)
                        raw.settimeout(1)
                        while raw.recv(65536):
                            pass
                    except OSError:
                        pass
                    raw.close()
                else:
                    os.close(fd)
        except OSError:
            pass

    def abort(self, rst):
        try:
            self.wfile.flush()
            if rst:
                end = time.monotonic() + 2
                while time.monotonic() < end:  # let the client's kernel take what was sent before the reset
                    left = fcntl.ioctl(self.connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
                    if struct.unpack("I", left)[0] == 0:
                        break
                    time.sleep(0.005)
        except (OSError, ValueError):
            pass
        self.close_connection = True
        raise Abort(rst)

    def sleep(self, seconds):
        """Sleep, but leave when the client goes away."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.connection], [], [], min(left, 0.25))
            if ready:
                try:
                    if not isinstance(self.connection, ssl.SSLSocket):
                        if self.connection.recv(1, socket.MSG_PEEK) == b"":
                            raise Abort(False)
                    time.sleep(min(left, 0.05))
                except OSError:
                    raise Abort(False)

    def log_message(self, *args):
        pass

    # -- dispatch ----------------------------------------------------------------------------------------------------
    def dispatch(self):
        head = {k.lower(): v for k, v in self.headers.items()}
        length = int(head.get("content-length") or 0)
        payload = self.rfile.read(length) if length else b""
        path = self.path.split("?")[0]
        if path.startswith("/_mock/") and self.origin in ("hub", "control"):
            return self.control(path, payload)
        if self.origin == "control":
            return self.plain(404, b"control port: only /_mock/\n")
        proxied = self.path.startswith("http://")
        if proxied:      # absolute-form request: we are used as a forward proxy
            target = urllib.parse.urlsplit(self.path)
            self.origin = "cdn" if f"http://{target.netloc}" == self.hub.urls["cdn"] else "hub"
            self.path = (target.path or "/") + ("?" + target.query if target.query else "")
        kind, repo, file, rest = self.parse_target()
        self.rec = rec = self.hub.record(origin=self.origin, method=self.command, path=self.path, kind=kind, repo=repo,
                                         file=file, headers=head, proxied=proxied)
        if self.hub.o.verbose:
            sys.stderr.write(f"{self.origin} {self.command} {self.path}\n")
        rule = self.hub.take_rule(rec)
        self.do = do = rule["do"] if rule else {}
        rec["fault"] = rule["id"] if rule else None
        if "update_file" in do:
            self.hub.set_file(do["update_file"])
        if "delay" in do:
            self.sleep(do["delay"])
        if "hang" in do and "hang_after" not in do:
            self.sleep(do["hang"])
            self.abort(False)
        if do.get("reset_after") is not None and (do["reset_after"] < 0 or self.command == "HEAD"):
            self.abort(True)
        if do.get("garbage"):
            self.wfile.write(b"\x00\x01 this is not HTTP \xff\xfe\r\n\r\n")
            self.abort(False)
        if "status" in do:
            return self.plain(do["status"], do.get("body", f"error {do['status']}\n").encode(),
                              list(do.get("headers", {}).items()))
        if "redirect" in do:
            target = do["redirect"]
            return self.plain(target.get("status", 302), b"Redirecting\n",
                              [("Location", self.fill(target["location"]))])
        if "redirect_loop" in do:
            where = {"relative": self.path, "absolute": self.hub.urls[self.origin] + self.path,
                     "cdn": self.hub.urls["cdn" if self.origin == "hub" else "hub"] + self.path}
            return self.plain(302, b"Redirecting\n", [("Location", where[do["redirect_loop"]])])
        if do.get("html"):
            return self.plain(200, b"<html><body>Please log in to the network.</body></html>\n",
                              [("Content-Type", "text/html")])
        if self.origin == "cdn":
            return self.serve_cdn(repo, file)
        return self.serve_hub(kind, repo, file, rest)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = dispatch

    def fill(self, text):
        return (text.replace("{hub}", self.hub.urls["hub"]).replace("{cdn}", self.hub.urls["cdn"])
                .replace("{self}", self.path))

    def query(self):
        return dict(urllib.parse.parse_qsl(self.path.partition("?")[2], keep_blank_values=True))

    @staticmethod
    def split_revision(parts):
        """Percent-encoded path segments after 'resolve' -> (revision, file segments)."""
        parts = [urllib.parse.unquote(p) for p in parts]
        if parts and parts[0] == "refs" and len(parts) >= 3:   # refs/pr/1 written without %2F
            return "/".join(parts[:3]), parts[3:]
        return (parts[0] if parts else ""), parts[1:]

    def parse_target(self):
        """(kind, repo, file, rest) of the request path."""
        parts = self.path.split("?")[0].strip("/").split("/")
        if self.origin == "cdn":
            q = self.query()
            return "cdn", q.get("mock-repo"), q.get("mock-file"), None
        if parts[:3] == ["api", "resolve-cache", "models"]:
            words = [urllib.parse.unquote(p) for p in parts[3:]]
            for i, word in enumerate(words):
                if COMMIT_RE.match(word):
                    return "resolve-cache", "/".join(words[:i]), "/".join(words[i + 1:]), word
        if parts[:2] == ["api", "whoami-v2"]:
            return "whoami", None, None, None
        if parts[:2] == ["api", "models"]:
            words = parts[2:]
            for i in (2, 1):
                verb = words[i] if len(words) > i else None
                if verb in ("revision", "tree", "refs", "xet-read-token"):
                    revision, below = self.split_revision(words[i + 1:])
                    kind = {"revision": "info", "xet-read-token": "xet-token"}.get(verb, verb)
                    return kind, "/".join(words[:i]), "/".join(below) or None, revision
            return "info", "/".join(words[:2]), None, None
        for i in (2, 1):
            if len(parts) > i + 1 and parts[i] in ("resolve", "raw"):
                revision, below = self.split_revision(parts[i + 1:])
                return parts[i], "/".join(urllib.parse.unquote(p) for p in parts[:i]), "/".join(below), revision
        return "other", None, None, None

    # -- answers -----------------------------------------------------------------------------------------------------
    def start(self, status, headers):
        drop = {h.lower() for h in self.do.get("remove_headers", [])} if hasattr(self, "do") else set()
        extra = self.do.get("set_headers", {}) if hasattr(self, "do") else {}
        drop |= {k.lower() for k in extra}
        if getattr(self, "rec", None) is not None:
            self.rec["status"] = status
        self.send_response_only(status)
        self.send_header("Date", email.utils.formatdate(usegmt=True))
        for name, value in headers:
            if name.lower() not in drop:
                self.send_header(name, value)
        for name, value in extra.items():
            self.send_header(name, self.fill(str(value)))
        self.end_headers()

    def plain(self, status, body, headers=()):
        headers = list(headers)
        if not any(k.lower() == "content-type" for k, _ in headers):
            headers.append(("Content-Type", "text/plain; charset=utf-8"))
        if not any(k.lower() == "content-length" for k, _ in headers):
            headers.append(("Content-Length", str(len(body))))
        if self.origin == "hub" and not any(k == "X-Request-Id" for k, _ in headers):
            headers.append(("X-Request-Id", f"mock-{self.hub.next_n}"))
        self.start(status, headers)
        if self.command != "HEAD":
            self.wfile.write(body)
            if getattr(self, "rec", None) is not None:
                self.rec["body_bytes"] += len(body)
        if getattr(self, "rec", None) is not None:
            self.rec["done"] = True

    def send_json(self, value, headers=()):
        self.plain(200, json.dumps(value).encode(), [("Content-Type", "application/json; charset=utf-8"), *headers])

    def error_answer(self, status, code, message, headers=()):
        headers = [("X-Error-Message", message), ("Content-Type", "application/json; charset=utf-8"), *headers]
        if code:
            headers.append(("X-Error-Code", code))
        if status == 401:
            headers.append(("WWW-Authenticate", 'Bearer realm="Authentication required", charset="UTF-8"'))
        self.plain(status, json.dumps({"error": message}).encode(), headers)

    def serve_hub(self, kind, repo, file, rest):
        hub = self.hub
        head = self.rec["headers"]
        if kind == "whoami":
            user = hub.cfg["tokens"].get(head.get("authorization", "")[7:])
            return (self.send_json({"type": "user", "name": user.get("name", "user")}) if user
                    else self.error_answer(401, None, "Invalid username or password."))
        if repo in hub.cfg["renamed"]:
            new = self.path.replace("/" + repo, "/" + hub.cfg["renamed"][repo], 1)
            return self.plain(307, b"Temporary Redirect\n", [("Location", new)])
        if repo is None:
            return self.error_answer(404, None, "Sorry, we can't find the page you are looking for.")
        denied = hub.access(repo, head, files=kind in ("resolve", "resolve-cache", "raw", "xet-token"))
        if denied:
            return self.error_answer(*denied)
        if kind == "refs":
            return self.send_refs(repo)
        revision = rest if rest is not None else "main"
        commit, tree = hub.resolve(repo, revision)
        if commit is None:
            return self.error_answer(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if kind == "info":
            return self.send_info(repo, commit, tree)
        if kind == "tree":
            return self.send_tree(repo, commit, tree, file)
        if kind == "xet-token":
            return self.error_answer(501, None, "xet is not available from this mock")
        entry = tree.get(file)
        if entry is None:
            return self.error_answer(404, "EntryNotFound", "Entry not found", [("X-Repo-Commit", commit)])
        common = [("X-Repo-Commit", commit), ("X-Request-Id", f"mock-{self.rec['n']}"),
                  ("Access-Control-Expose-Headers", "X-Repo-Commit,X-Error-Code,X-Error-Message,ETag,X-Linked-Size")]
        if kind == "raw":
            blob = Blob(data=entry.blob.pointer()) if entry.lfs else entry.blob
            return self.send_blob(blob, entry.oid, common, file)
        if entry.lfs:
            where = hub.cdn_url(repo, file, entry.blob)
            headers = common + [("Location", where), ("X-Linked-Size", str(entry.blob.size)),
                                ("X-Linked-ETag", f'"{entry.blob.sha256}"'), ("Accept-Ranges", "bytes")]
            if hub.cfg["xet"]:
                digest = hashlib.sha256(b"xet" + entry.blob.sha256.encode()).hexdigest()
                base = f"{hub.urls['hub']}/api/models/{repo}"
                headers += [("X-Xet-Hash", digest), ("Link", f'<{base}/xet-read-token/{commit}>; rel="xet-auth", '
                                                             f'<{hub.urls["cdn"]}/reconstruction/{digest}>; '
                                                             'rel="xet-reconstruction-info"')]
            return self.plain(302, f"Found. Redirecting to {where}".encode(), headers)
        if hub.cfg["resolve_cache"] and kind == "resolve":
            plain = urllib.parse.quote(f"/{repo}/resolve/{revision}/{file}", safe="")
            where = (f"/api/resolve-cache/models/{repo}/{commit}/{urllib.parse.quote(file)}?{plain}="
                     f"&etag=%22{entry.etag}%22")
            return self.plain(307, f"Temporary Redirect. Redirecting to {where}".encode(), common + [
                ("Location", where), ("X-Linked-Size", str(entry.blob.size)), ("X-Linked-ETag", f'"{entry.etag}"')])
        return self.send_blob(entry.blob, entry.etag, common, file)

    def serve_cdn(self, repo, file):
        hub = self.hub
        path, params = self.path.split("?")[0], self.query()
        if not hub.cfg["cdn_allow_auth"] and "authorization" in self.rec["headers"]:
            return self.plain(400, b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed"
                                   b"</Message></Error>", [("Content-Type", "application/xml")])
        if params.get("Signature") != hub.sign(path, params):
            return self.plain(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>",
                              [("Content-Type", "application/xml")])
        if int(params["Expires"]) < time.time() or self.do.get("expire_url"):
            return self.plain(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
                              [("Content-Type", "application/xml")])
        blob = hub.find_blob(repo, path.rsplit("/", 1)[-1])
        if blob is None:
            return self.plain(404, b"<Error><Code>NoSuchKey</Code></Error>", [("Content-Type", "application/xml")])
        etag = {"md5": f"{blob.md5}-1", "sha256": blob.sha256, "none": None}[hub.cfg["cdn_etag"]]
        return self.send_blob(blob, etag, [("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"),
                                           ("X-Amz-Cf-Id", "mock-cdn")], file)

    def send_blob(self, blob, etag, headers, file):
        """A file answer with Range, If-Range and If-None-Match, bent by the fault rule."""
        do, head = self.do, self.rec["headers"]
        if "replace" in do:
            blob = Blob(data=make_content(do["replace"], blob.read(0, blob.size)))
        size = max(0, blob.size + do.get("size_delta", 0))
        headers = list(headers)
        tag = f'"{etag}"' if etag else None
        name = (file or "file").rsplit("/", 1)[-1]
        text = name.endswith(TEXT_EXT)
        headers += [("Accept-Ranges", "bytes"), ("Content-Type", "text/plain; charset=utf-8" if text
                                                 else "application/octet-stream"),
                    ("Content-Disposition", f"inline; filename*=UTF-8''{quote(name)}; filename=\"{name}\";")]
        if tag and head.get("if-none-match") == tag and self.command in ("GET", "HEAD"):
            self.start(304, headers + [("ETag", tag)])
            self.rec["done"] = True
            return
        wants_gzip = "gzip" in head.get("accept-encoding", "").lower()
        if wants_gzip and (do.get("gzip") or (self.hub.cfg["gzip"] and text and "range" not in head)):
            packed = gzip.compress(blob.read(0, blob.size), 6)
            self.start(200, headers + [("ETag", f"W/{tag}" if tag else 'W/"x"'), ("Content-Encoding", "gzip"),
                                       ("Vary", "Accept-Encoding"), ("Transfer-Encoding", "chunked")])
            if self.command != "HEAD":
                self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed))
                self.rec["body_bytes"] += len(packed)
            self.rec["done"] = True
            return
        if tag:
            headers.append(("ETag", tag))
        first, last, status = 0, size - 1, 200
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", head.get("range", "").replace(" ", ""))
        if asked and (asked[1] or asked[2]) and not do.get("ignore_range") \
                and head.get("if-range", tag) in (tag, "Mon, 01 Jan 2024 00:00:00 GMT"):
            if asked[1]:
                first, last = int(asked[1]), min(int(asked[2]) if asked[2] else size - 1, size - 1)
            else:
                first = max(0, size - int(asked[2]))
            if first > last or first >= size or do.get("range_416"):
                return self.plain(416, b"Range Not Satisfiable\n", headers + [("Content-Range", f"bytes */{size}")])
            first = min(max(0, first + do.get("range_shift", 0)), size - 1)
            status = 206
            headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
        count = last - first + 1 if size else 0
        if do.get("chunked"):
            headers.append(("Transfer-Encoding", "chunked"))
        else:
            headers.append(("Content-Length", str(do.get("content_length", count))))
        if "content_length" in do:
            self.close_connection = True
        self.start(status, headers)
        if self.command != "HEAD":
            self.send_body(blob, first, count)
        self.rec["done"] = True

    def send_body(self, blob, first, count):
        do, sent = self.do, 0
        if not do and blob.path and not isinstance(self.connection, ssl.SSLSocket):
            self.wfile.flush()
            with open(blob.path, "rb") as f:             # as fast as a server can be
                self.rec["body_bytes"] += self.connection.sendfile(f, first, count)
            return
        limits = [do[k] for k in ("reset_after", "close_after", "hang_after") if k in do]
        limit = min(limits) if limits else None
        piece = 65536
        if "drip" in do:
            piece = max(1, int(do.get("chunk", do["drip"] / 5)))
        damage = do.get("corrupt", [])
        while sent < count:
            want = min(piece, count - sent)
            if limit is not None:
                want = min(want, limit - sent)
            if want > 0:
                data = bytearray(blob.read(first + sent, want))
                data += bytes(want - len(data))          # size_delta > 0
                for spot in damage if isinstance(damage, list) else [damage]:
                    for k in range(spot["offset"], spot["offset"] + spot.get("length", 1)):
                        if first + sent <= k < first + sent + want:
                            data[k - first - sent] ^= spot.get("xor", 255)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), bytes(data)) if do.get("chunked") else bytes(data))
                sent += want
                self.rec["body_bytes"] += want
            if limit is not None and sent >= limit:
                if "hang_after" in do:
                    self.wfile.flush()
                    self.sleep(do.get("hang", 30))
                self.abort("reset_after" in do)
            if "drip" in do and sent < count:
                self.wfile.flush()
                self.sleep(want / do["drip"])
        if do.get("chunked"):
            self.wfile.write(b"0\r\n\r\n")

    # -- API answers -------------------------------------------------------------------------------------------------
    def send_info(self, repo, commit, tree):
        cfg = self.hub.cfg
        match = lambda patterns: any(fnmatch.fnmatchcase(repo, p) for p in patterns)
        siblings = []
        for path, entry in tree.items():
            item = {"rfilename": path}
            if self.query().get("blobs", "").lower() in ("true", "1"):
                item.update(blobId=entry.oid, size=entry.blob.size)
                if entry.lfs:
                    item["lfs"] = {"sha256": entry.blob.sha256, "size": entry.blob.size,
                                   "pointerSize": len(entry.blob.pointer())}
            siblings.append(item)
        self.send_json({"_id": hashlib.sha1(repo.encode()).hexdigest()[:24], "id": repo, "modelId": repo,
                        "author": repo.split("/")[0], "sha": commit, "lastModified": "2024-01-01T00:00:00.000Z",
                        "createdAt": "2024-01-01T00:00:00.000Z", "private": match(cfg["private"]),
                        "gated": "manual" if match(cfg["gated"]) else False, "disabled": match(cfg["disabled"]),
                        "downloads": 0, "likes": 0, "tags": [], "siblings": siblings})

    def send_tree(self, repo, commit, tree, below):
        q = self.query()
        recursive = q.get("recursive", "").lower() in ("true", "1")
        prefix = below + "/" if below else ""
        items, folders = [], set()
        for path, entry in tree.items():
            if not path.startswith(prefix):
                continue
            rest = path[len(prefix):].split("/")
            for depth in range(1, len(rest)):
                folder = prefix + "/".join(rest[:depth])
                if folder not in folders and (recursive or depth == 1):
                    folders.add(folder)
                    oid = hashlib.sha1(folder.encode()).hexdigest()
                    items.append({"type": "directory", "oid": oid, "size": 0, "path": folder})
            if recursive or len(rest) == 1:
                item = {"type": "file", "oid": entry.oid, "size": entry.blob.size, "path": path}
                if entry.lfs:
                    item["lfs"] = {"oid": entry.blob.sha256, "size": entry.blob.size,
                                   "pointerSize": len(entry.blob.pointer())}
                    if self.hub.cfg["xet"]:
                        item["xetHash"] = hashlib.sha256(b"xet" + entry.blob.sha256.encode()).hexdigest()
                items.append(item)
        if below and not items:
            return self.error_answer(404, "EntryNotFound", f"{below} does not exist on \"{commit}\"")
        page, at = self.hub.cfg["page_size"], int(q.get("cursor") or 0)
        headers = []
        if at + page < len(items):
            q["cursor"] = str(at + page)
            url = f"{self.hub.urls['hub']}{self.path.split('?')[0]}?{urllib.parse.urlencode(q)}"
            headers.append(("Link", f'<{url}>; rel="next"'))
        self.send_json(items[at:at + page], headers)

    def send_refs(self, repo):
        out = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
        for ref, commit in self.hub.refs(repo).items():
            if ref.startswith("refs/pr/"):
                out["pullRequests"].append({"name": ref.split("/")[-1], "ref": ref, "targetCommit": commit})
            elif ref.startswith("refs/"):
                out["converts"].append({"name": ref.split("/")[-1], "ref": ref, "targetCommit": commit})
            elif ref == "main":
                out["branches"].append({"name": ref, "ref": "refs/heads/" + ref, "targetCommit": commit})
            else:
                out["tags"].append({"name": ref, "ref": "refs/tags/" + ref, "targetCommit": commit})
        self.send_json(out)

    # -- control -----------------------------------------------------------------------------------------------------
    def control(self, path, payload):
        hub, what, verb = self.hub, path[len("/_mock/"):], self.command
        self.rec, self.do = None, {}
        try:
            data = json.loads(payload) if payload else None
            if what == "info":
                return self.send_json(hub.info())
            if what == "log" and verb == "GET":
                end = time.monotonic() + (2 if self.query().get("wait") else 0)
                while time.monotonic() < end and not all(r["done"] for r in list(hub.log)):
                    time.sleep(0.02)
                with hub.lock:
                    return self.send_json({"requests": hub.log})
            with hub.lock:
                if what == "log" and verb == "DELETE":
                    hub.log = []
                elif what == "faults" and verb == "GET":
                    return self.send_json({"rules": hub.rules})
                elif what == "faults" and verb == "POST":
                    hub.add_rules(data)
                elif what == "faults" and verb == "DELETE":
                    hub.rules = []
                elif what == "config" and verb == "POST":
                    configure(hub, data)
                elif what == "file" and verb == "POST":
                    return self.send_json({"commit": hub.set_file(data)})
                elif what == "file" and verb == "DELETE":
                    hub.overlay = {}
                elif what == "shutdown" and verb == "POST":
                    self.send_json({"ok": True})
                    self.wfile.flush()
                    os._exit(0)
                else:
                    return self.plain(404, b"unknown control request\n")
            self.send_json({"ok": True})
        except (ValueError, KeyError, TypeError, IndexError) as err:
            self.plain(400, f"{type(err).__name__}: {err}\n".encode())


class CdnHandler(Handler):
    origin = "cdn"


class ControlHandler(Handler):
    origin = "control"


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, address, handler, hub, tls):
        self.hub, self.tls = hub, tls
        super().__init__(address, handler)

    def server_bind(self):     # HTTPServer would ask the name service for a host name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def shutdown_request(self, request):   # the handler has closed the connection already
        self.close_request(request)

    def handle_error(self, request, client_address):
        if self.hub.o.verbose:
            super().handle_error(request, client_address)


def configure(hub, data):
    unknown = set(data) - set(hub.cfg)
    if unknown:
        raise ValueError(f"unknown configuration keys {sorted(unknown)}")
    for key, value in data.items():
        if key.endswith("_tls") and value not in hub.contexts:
            raise ValueError(f"no TLS mode {value!r} (start with --tls)")
        hub.cfg[key] = value


def make_contexts(folder):
    """A private CA and one server context per TLS mode, made with the openssl command."""

    def run(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    with open(os.path.join(folder, "good.ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    with open(os.path.join(folder, "wronghost.ext"), "w") as f:
        f.write("subjectAltName=DNS:elsewhere.invalid\n")
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650",
        "-subj", "/CN=mock hub test CA", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for kind, days in (("good", "365"), ("wronghost", "365"), ("expired", "-1")):
        name = "elsewhere.invalid" if kind == "wronghost" else "localhost"
        run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{kind}.key", "-out", f"{kind}.csr", "-subj",
            f"/CN={name}")
        run("x509", "-req", "-in", f"{kind}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
            "-extfile", "wronghost.ext" if kind == "wronghost" else "good.ext", "-out", f"{kind}.pem")
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "selfsigned.key", "-out", "selfsigned.pem", "-days",
        "365", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    contexts = {}
    for kind in ("good", "wronghost", "expired", "selfsigned"):
        contexts[kind] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[kind].load_cert_chain(os.path.join(folder, f"{kind}.pem"), os.path.join(folder, f"{kind}.key"))
    return contexts, os.path.join(folder, "ca.pem")


class MockHub:
    """Start mock_hub.py as a child process and talk to its control port; for Python tests.

        with MockHub(root, "--xet") as hub:
            hub.faults({"match": {"origin": "cdn"}, "do": {"reset_after": 1000}})
            ... HF_ENDPOINT=hub.url ...
            assert not hub.log()
    """

    def __init__(self, root, *options):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--root", str(root), "--port", "0", "--print-json",
             "--exit-with-stdin", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("mock_hub.py did not start")
        self.address = json.loads(line)
        self.url, self.cdn, self.ca_file = self.address["hub"], self.address["cdn"], self.address["ca_file"]

    def call(self, verb, what, data=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.address["control_port"], timeout=30)
        conn.request(verb, "/_mock/" + what, json.dumps(data) if data is not None else None)
        answer = conn.getresponse()
        body = answer.read()
        conn.close()
        if answer.status != 200:
            raise RuntimeError(f"{verb} {what}: {answer.status} {body.decode(errors='replace')}")
        return json.loads(body)

    def faults(self, rules):
        return self.call("POST", "faults", rules)

    def config(self, **values):
        return self.call("POST", "config", values)

    def set_file(self, repo, path, **spec):
        return self.call("POST", "file", {"repo": repo, "path": path, **spec})["commit"]

    def info(self):
        return self.call("GET", "info")

    def log(self):
        return self.call("GET", "log?wait=1")["requests"]

    def reset(self):
        """Forget log, rules and file changes; access rules stay."""
        for what in ("faults", "file", "log"):
            self.call("DELETE", what)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def parse_args(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--root", required=True, help="folder of repositories")
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    p.add_argument("--port", type=int, default=0, help="hub port (0: any)")
    p.add_argument("--cdn-host", help="host name used in CDN URLs, e.g. localhost (default: --host)")
    p.add_argument("--cdn-port", type=int, default=0, help="CDN port (0: any)")
    p.add_argument("--control-port", type=int, default=0, help="control port, always plain HTTP (0: any)")
    p.add_argument("--print-port", action="store_true", help="print the hub port on the first line")
    p.add_argument("--print-json", action="store_true", help="print all addresses as JSON on the first line")
    p.add_argument("--info-file", help="write all addresses as JSON to this file when ready")
    p.add_argument("--config", help="JSON file with access rules and options")
    p.add_argument("--faults", help="JSON file with fault rules")
    p.add_argument("--tls", choices=["good", "selfsigned", "expired", "wronghost"],
                   help="serve both origins over HTTPS with this kind of certificate (needs the openssl command)")
    p.add_argument("--cdn-tls", choices=["good", "selfsigned", "expired", "wronghost"],
                   help="HTTPS for the CDN only, or another kind of certificate for it")
    p.add_argument("--tls-dir", help="keep the generated CA and certificates here (default: a temporary folder)")
    p.add_argument("--lfs-ext", default=LFS_EXT, type=lambda s: [e for e in s.split(",") if e],
                   help="comma-separated extensions of LFS files")
    p.add_argument("--lfs-size", type=int, default=10 << 20, help="files of at least this size are LFS (10 MiB)")
    p.add_argument("--keep", type=int, default=32 << 20, help="keep contents up to this size for old commits (32 MiB)")
    p.add_argument("--page-size", type=int, default=1000, help="entries per page of the tree API")
    p.add_argument("--url-lifetime", type=int, default=3600, help="seconds a CDN URL is valid")
    p.add_argument("--cdn-etag", choices=["md5", "sha256", "none"], default="md5", help="ETag the CDN sends")
    p.add_argument("--cdn-allow-auth", action="store_true", help="CDN accepts an Authorization header")
    p.add_argument("--resolve-cache", action="store_true", help="regular files: 307 to a relative URL first")
    p.add_argument("--xet", action="store_true", help="announce xet storage for LFS files")
    p.add_argument("--gzip", action="store_true", help="compress text files for clients that accept gzip")
    p.add_argument("--exit-with-stdin", action="store_true", help="end when stdin is closed")
    p.add_argument("--max-seconds", type=float, help="end after this time")
    p.add_argument("--verbose", action="store_true", help="print requests to stderr")
    return p.parse_args(argv)


def main(argv=None):
    o = parse_args(argv)
    if not os.path.isdir(o.root):
        sys.exit(f"mock_hub: no folder {o.root}")
    hub = Hub(o)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    temp = None
    if o.tls or o.cdn_tls:
        if o.tls_dir:
            os.makedirs(o.tls_dir, exist_ok=True)
        else:
            temp = tempfile.TemporaryDirectory(prefix="mock-hub-tls-")
        hub.contexts, hub.ca_file = make_contexts(o.tls_dir or temp.name)
    servers = {"hub": Server((o.host, o.port), Handler, hub, bool(o.tls)),
               "cdn": Server((o.host, o.cdn_port), CdnHandler, hub, bool(o.tls or o.cdn_tls)),
               "control": Server((o.host, o.control_port), ControlHandler, hub, False)}
    for name, server in servers.items():
        host = o.cdn_host if name == "cdn" and o.cdn_host else o.host
        hub.urls[name] = f"{'https' if server.tls else 'http'}://{host}:{server.server_port}"
    if o.config:
        with open(o.config) as f:
            configure(hub, json.load(f))
    if o.faults:
        with open(o.faults) as f:
            hub.add_rules(json.load(f))
    for server in servers.values():
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    if o.info_file:
        with open(o.info_file + ".tmp", "w") as f:
            json.dump(hub.address(), f)
        os.replace(o.info_file + ".tmp", o.info_file)
    if o.print_json:
        print(json.dumps(hub.address()), flush=True)
    elif o.print_port:
        print(servers["hub"].server_port, flush=True)
    end = time.monotonic() + o.max_seconds if o.max_seconds else None
    try:
        if o.exit_with_stdin:
            threading.Thread(target=lambda: (sys.stdin.read(), os.kill(os.getpid(), signal.SIGINT)),
                             daemon=True).start()
        while end is None or time.monotonic() < end:
            time.sleep(0.5 if end is None else min(0.5, max(0.01, end - time.monotonic())))
    except KeyboardInterrupt:
        pass
    finally:
        if temp:
            temp.cleanup()
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
