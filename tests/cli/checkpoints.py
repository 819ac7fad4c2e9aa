# SPDX-License-Identifier: Apache-2.0
"""Small checkpoints for tests, written without PyTorch."""
import json
import pickle
import struct
import sys
import types
import zipfile


def write_safetensors(path, tensors, metadata=None, sparse=False):
    """tensors: name -> (dtype, shape, bytes); with `sparse` their number
    instead of the bytes, which are then zeros without a place on the disk."""
    header, offset = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, data) in tensors.items():
        size = data if sparse else len(data)
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if sparse:
            file.truncate(8 + len(text) + offset)
        else:
            for _, _, data in tensors.values():
                file.write(data)


def read_safetensors(path):
    """The metadata, and name -> (dtype, shape, bytes)."""
    with open(path, "rb") as file:
        content = file.read()
    length, = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])
    metadata = header.pop("__metadata__", {})
    data = content[8 + length:]
    return metadata, {
        name: (entry["dtype"], entry["shape"],
               data[slice(*entry["data_offsets"])])
        for name, entry in header.items()}


# What torch.save() pickles, under the same names and with the same arguments.

class Storage:
    """A class by name only; `data` are its bytes."""

    def __init__(self, key, data):
        self.key = key
        self.data = data


class Tensor:
    """F32; strides are in elements."""

    def __init__(self, storage, offset, shape, stride):
        self.storage = storage
        self.args = offset, shape, stride

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, *self.args, False, None)


def fake_torch():
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*args):
        raise NotImplementedError
    rebuild.__module__ = utils.__name__
    rebuild.__qualname__ = rebuild.__name__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = rebuild
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    return {"torch": torch, "torch._utils": utils}


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        return ("storage", sys.modules["torch"].FloatStorage, obj.key, "cpu",
                len(obj.data) // 4)


def write_pth(path, obj, storages):
    """obj: dicts, lists and Tensors on these Storages."""
    modules, before = fake_torch(), dict(sys.modules)
    sys.modules.update(modules)
    try:
        with zipfile.ZipFile(path, "w") as archive:
            with archive.open("archive/data.pkl", "w") as file:
                Pickler(file, protocol=2).dump(obj)
            archive.writestr("archive/version", "3\n")
            for storage in storages:
                archive.writestr(f"archive/data/{storage.key}", storage.data)
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(before)
