"""Files that want something done: each is refused with a message that says what, and nothing is done."""

import mmap  # noqa: F401, by NumPy when it first maps a file; here, so that no test adds a module
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict

import pytest
from pickle_programs import (
    FLOATS,
    ORDERED,
    REBUILD,
    call,
    name,
    number,
    numbers,
    pair,
    state,
    storage_id,
    stream_storage,
    tensor,
    text,
    write_stream,
    write_zip,
)

from npconformer.checkpoints.torch_file import TorchFile

PLACE = os.path.join(tempfile.gettempdir(), "npconformer-was-here")
TOUCH = text(f"touch {PLACE}")
SYSTEM = name("os", "system")


class Reduced:
    """Pickled as a call of anything."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def python_made(protocol, *call):
    return pickle.dumps(OrderedDict(weight=Reduced(*call)), protocol)


ASKS = "its pickle asks for "
OPCODE = "its pickle has the opcode "
HOSTILE = {
    # commands and code, by every route
    "os.system": (state(call(SYSTEM, TOUCH)), ASKS + "'os.system'"),
    "posix.system": (state(call(name("posix", "system"), TOUCH)), ASKS + "'posix.system'"),
    "nt.system": (state(call(name("nt", "system"), TOUCH)), ASKS + "'nt.system'"),
    "subprocess": (state(call(name("subprocess", "check_output"), TOUCH)), ASKS + "'subprocess.check_output'"),
    "popen": (state(call(name("subprocess", "Popen"), TOUCH)), ASKS + "'subprocess.Popen'"),
    "eval": (state(call(name("builtins", "eval"), text("1"))), ASKS + "'builtins.eval'"),
    "eval of Python 2": (state(call(name("__builtin__", "eval"), text("1"))), ASKS + "'__builtin__.eval'"),
    "exec": (state(call(name("builtins", "exec"), text("import os"))), ASKS + "'builtins.exec'"),
    "__import__": (state(call(name("builtins", "__import__"), text("os"))), ASKS + "'builtins.__import__'"),
    "open": (state(call(name("builtins", "open"), text(PLACE), text("w"))), ASKS + "'builtins.open'"),
    "getattr": (state(call(name("builtins", "getattr"), ORDERED, text("__class__"))), ASKS + "'builtins.getattr'"),
    "runpy": (state(call(name("runpy", "_run_code"), text("1"))), ASKS + "'runpy._run_code'"),
    "webbrowser": (state(call(name("webbrowser", "open"), text("http://x"))), ASKS + "'webbrowser.open'"),
    "codecs": (state(call(name("_codecs", "encode"), text("x"))), ASKS + "'_codecs.encode'"),
    "numpy": (state(call(name("numpy", "fromfile"), text("/etc/passwd"))), ASKS + "'numpy.fromfile'"),
    "torch.load": (state(call(name("torch", "load"), text("other.bin"))), ASKS + "'torch.load'"),
    "torch.hub": (state(call(name("torch.hub", "load"), text("x/y"))), ASKS + "'torch.hub.load'"),
    "storage from bytes": (state(call(name("torch.storage", "_load_from_bytes"), text("x"))), ASKS + "'torch.storage"),
    "jit": (state(call(name("torch.jit._script", "unpackage_script_module"))), ASKS + "'torch.jit"),
    "attribute of an allowed name": (state(text("collections") + text("OrderedDict.__class__") + b"\x93"), ASKS),
    "module above": (state(name("collections.OrderedDict", "__init__.__globals__")), ASKS + "'collections.Ord"),
    "a name in another case": (state(name("torch", "floatstorage")), ASKS + "'torch.floatstorage'"),
    "a global that is not used": (b"\x80\x02" + SYSTEM + b"0}.", ASKS + "'os.system'"),
    "a global after the weights": (state(tensor())[:-1] + SYSTEM + b"0.", ASKS + "'os.system'"),
    "stack global": (b"\x80\x04" + text("os") + text("system") + b"\x93" + TOUCH + b"\x85R.", ASKS + "'os.system'"),
    "stack global through the memo": (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93.", ASKS + "'os.sys"),
    "made by protocol 0": (python_made(0, os.system, ("x",)), ""),
    "made by protocol 2": (python_made(2, os.system, ("x",)), ASKS + "'posix.system'"),
    "made by protocol 5": (python_made(5, os.system, ("x",)), ASKS + "'posix.system'"),
    "nested in arguments": (state(tensor(hooks=call(SYSTEM, TOUCH))), ASKS + "'os.system'"),
    "as the storage's kind": (state(tensor(storage_id(kind=SYSTEM))), ASKS + "'os.system'"),
    "line breaks in a name": (state(b"\x8c\x0dos\nsystem\x1b[2J\x8c\x01x\x93"), r"asks for 'os\\nsystem\\x1b"),
    # opcodes that import or make objects in other ways
    "inst": (b"(" + TOUCH + b"ios\nsystem\n.", OPCODE + "INST"),
    "obj": (b"(" + ORDERED + TOUCH + b"o.", OPCODE + "OBJ"),
    "newobj": (state(ORDERED + b")\x81"), OPCODE + "NEWOBJ"),
    "newobj_ex": (state(ORDERED + b")}\x92"), OPCODE + "NEWOBJ_EX"),
    "extension 1": (state(b"\x82\x01"), OPCODE + "EXT1"),
    "extension 2": (state(b"\x83\x01\x01"), OPCODE + "EXT2"),
    "extension 4": (state(b"\x84\x01\x01\x01\x01"), OPCODE + "EXT4"),
    "text of protocol 0": (state(b"S'a' + __import__('os').getcwd()\n"), OPCODE + "STRING"),
    "persistent line": (state(b"Pstorage\n"), OPCODE + "PERSID"),
    "next buffer": (state(b"\x97"), OPCODE + "NEXT_BUFFER"),
    "bytearray": (state(b"\x96" + b"\xff" * 8), OPCODE + "BYTEARRAY8"),
    "set": (state(b"\x8f"), OPCODE + "EMPTY_SET"),
    # allowed names with arguments that are not theirs
    "OrderedDict of a string": (state(call(ORDERED, text("ab"))), "makes an OrderedDict of 'ab'"),
    "OrderedDict of two": (state(call(ORDERED, b"]", b"]")), "makes an OrderedDict of a list of 0"),
    "OrderedDict of triples": (state(call(ORDERED, b"]" + pair(b"N", b"N", b"N") + b"a")), "with a tuple of 3"),
    "OrderedDict of lists as keys": (state(call(ORDERED, b"]" + pair(b"]", b"N") + b"a")), "with a tuple of 2"),
    "OrderedDict with attributes": (state(call(ORDERED) + TOUCH + b"b"), "gives a dictionary a str as its state"),
    "a tensor with attributes": (state(tensor() + b"}" + text("__class__") + SYSTEM + b"sb"), ASKS),
    "a tensor with a state": (state(tensor() + b"}b"), "BUILD without a dict"),
    "a global with a state": (state(FLOATS + b"}b"), "BUILD without a dict"),
    "a storage class called": (state(call(FLOATS, number(2**40))), "calls torch.FloatStorage, which is only a name"),
    "a dtype called": (state(call(name("torch", "float32"))), "calls torch.float32, which is only a name"),
    "too few arguments": (state(call(REBUILD, storage_id())), "a tensor with 1 arguments; expected 6 to 7"),
    "arguments in a list": (state(REBUILD + b"]R"), "calls a Global with a list"),
    "a tensor of a tensor": (state(tensor(tensor())), "a tensor without a storage: a TensorEntry"),
    "a tensor of a number": (state(tensor(number(5))), "a tensor without a storage: 5"),
    "a parameter of a dict": (
        state(call(name("torch._utils", "_rebuild_parameter"), b"}", b"\x88", b"N")),
        "parameter",
    ),
    "hooks": (state(tensor(hooks=b"}" + text("a") + text("b") + b"s")), "and hooks a dict of 1"),
    "requires_grad is a list": (state(tensor(gradient=b"]")), "requires_grad a list of 0"),
    "one entry that holds itself": (b"\x80\x02}q\x00" + text("a") + b"h\x00s.", "its entry 'a' is a dict"),
}


@pytest.fixture(autouse=True)
def nothing_happens(tmp_path):
    modules, environment = set(sys.modules), set(os.environ.items())
    yield
    assert not os.path.exists(PLACE)
    assert set(sys.modules) == modules
    assert {name for name, _ in environment ^ set(os.environ.items())} <= {"PYTEST_CURRENT_TEST"}


@pytest.mark.parametrize("layout", [write_zip, write_stream])
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile(tmp_path, case, layout):
    program, message = HOSTILE[case]
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"a\.bin cannot be loaded: .*" + message) as caught:
        TorchFile(layout(tmp_path / "a.bin", program))
    assert time.perf_counter() - start < 5
    assert len(str(caught.value)) < 1000 and str(caught.value).isprintable()


def test_there_are_enough():
    assert len(HOSTILE) >= 60


def test_these_are_no_paper_tigers(tmp_path):
    """Python's own reader does run them: in a process of its own, the first of them leaves its mark."""
    (tmp_path / "p").write_bytes(call(SYSTEM, text(f"touch {tmp_path}/mark")) + b".")
    subprocess.run(
        [sys.executable, "-c", f"import pickle; pickle.load(open({str(tmp_path / 'p')!r}, 'rb'))"], check=True
    )
    assert (tmp_path / "mark").exists()


LIES = {
    "no tuple": (text("0") + b"Q", "refers to '0'; expected a storage"),
    "a module": (pair(text("module"), FLOATS, text("a"), text("b"), number(1)) + b"Q", "expected a storage"),
    "a list for the word": (storage_id(start=b"]"), "expected a storage"),
    "too short": (pair(text("storage"), FLOATS, text("0")) + b"Q", "refers to a tuple of 3"),
    "kind is a string": (storage_id(kind=text("FloatStorage")), "of the kind 'FloatStorage'"),
    "kind is a function": (storage_id(kind=REBUILD), "of the kind torch._utils._rebuild_tensor_v2"),
    "key is a number": (storage_id(key=number(0)), "refers to storage 0 on device 'cpu'"),
    "device is a dict": (storage_id(location=b"}"), "on device a dict of 0"),
    "device is a long text": (storage_id(location=text("x" * 1000)), "on device 'xxx"),
    "negative count": (storage_id(count=number(-6)), "of -6 numbers; expected a count"),
    "huge count": (storage_id(count=number(2**60)), f"of {2**60} numbers; expected a count"),
    "count is true": (storage_id(count=b"\x88"), "of True numbers; expected a count"),
    "count is a float": (storage_id(count=number(6.0)), "of 6.0 numbers; expected a count"),
}
ZIP_LIES = {
    "more in the id": (storage_id(more=b"N"), "says more about storage '0' than expected"),
    "not there": (storage_id(key=text("1")), "refers to storage '1', which is not in the file"),
    "outside": (storage_id(key=text("../../../etc/passwd")), "which is not in the file"),
    "absolute": (storage_id(key=text("/etc/passwd")), "which is not in the file"),
    "its own pickle": (storage_id(key=text("../data.pkl")), "which is not in the file"),
    "too large": (storage_id(count=number(7)), "has 24 bytes; expected 28 for 7 numbers of float32"),
    "too small": (storage_id(count=number(5)), "has 24 bytes; expected 20"),
    "overflow": (storage_id(count=number(2**56)), f"has 24 bytes; expected {2**58}"),
}


@pytest.mark.parametrize("case", {**LIES, **ZIP_LIES})
def test_persistent_ids_that_lie(tmp_path, case):
    program, message = {**LIES, **ZIP_LIES}[case]
    with pytest.raises(ValueError, match=message):
        TorchFile(write_zip(tmp_path / "a.bin", state(tensor(program))))


@pytest.mark.parametrize("case", LIES)
def test_persistent_ids_that_lie_in_the_older_layout(tmp_path, case):
    program, message = LIES[case]
    with pytest.raises(ValueError, match=message):
        TorchFile(write_stream(tmp_path / "a.bin", state(tensor(program)), stream_storage()))


SHAPES = {
    "one row too many": (dict(shape=numbers(3, 3)), "in a storage of 6 numbers"),
    "offset": (dict(offset=number(1)), "in a storage of 6 numbers"),
    "offset of an empty tensor": (dict(offset=number(7), shape=numbers(0, 3)), "in a storage of 6 numbers"),
    "stride": (dict(strides=numbers(4, 1)), "in a storage of 6 numbers"),
    "negative stride": (dict(strides=numbers(-3, 1)), "expected counts"),
    "negative offset": (dict(offset=number(-1)), "expected counts"),
    "negative size": (dict(shape=numbers(-2, -3)), "expected counts"),
    "strides too few": (dict(strides=numbers(3)), "a stride for each dimension"),
    "a list": (dict(shape=b"]"), "expected counts"),
    "a float": (dict(shape=numbers(2.0, 3)), "expected counts"),
    "true": (dict(shape=pair(b"\x88", b"\x88")), "expected counts"),
    "64 bits": (dict(offset=number(2**64 - 4)), "expected counts"),
    "huge": (dict(shape=numbers(2**40, 2**40), strides=numbers(0, 0)), "more than an array can have"),
    "huge beside zero": (dict(shape=numbers(0, 2**62)), "more than an array can have"),
    "overflow": (dict(shape=numbers(2, 2), strides=numbers(2**62, 2**62)), "in a storage of 6 numbers"),
    "dimensions": (dict(shape=numbers(*[1] * 40), strides=numbers(*[1] * 40)), "expected counts"),
    "an integer of 255 bytes": (dict(shape=numbers(2**2000)), "expected counts"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_tensors_outside_of_their_storage(tmp_path, case):
    arguments, message = SHAPES[case]
    with pytest.raises(ValueError, match=message):
        TorchFile(write_zip(tmp_path / "a.bin", state(tensor(**arguments))))


def test_the_untyped_storage_is_measured_in_the_tensor_s_dtype(tmp_path):
    untyped = storage_id(kind=name("torch.storage", "UntypedStorage"), count=number(24))

    def program(count, dtype):
        function = name("torch._utils", "_rebuild_tensor_v3")
        rest = (number(0), numbers(count), numbers(1), b"\x89", b"N", name("torch", dtype))
        return state(call(function, untyped, *rest))

    for dtype, count in {"uint16": 12, "uint32": 6, "uint64": 3, "uint8": 24}.items():
        assert TorchFile(write_zip(tmp_path / "a.bin", program(count, dtype))).read("weight").shape == (count,)
        with pytest.raises(ValueError, match=f"in a storage of {count} numbers of {dtype}"):
            TorchFile(write_zip(tmp_path / "a.bin", program(count + 1, dtype)))
    with pytest.raises(ValueError, match=r"with torch\.FloatStorage as dtype; expected float64, float32"):
        TorchFile(write_zip(tmp_path / "a.bin", program(1, "FloatStorage")))


def test_one_storage_of_two_kinds(tmp_path):
    def program(**more):
        other = tensor(storage_id(kind=name("torch", "IntStorage"), **more))
        return b"\x80\x02}" + text("a") + tensor() + b"s" + text("b") + other + b"s."

    with pytest.raises(ValueError, match="is of float32 and of int32 at once"):
        TorchFile(write_zip(tmp_path / "a.bin", program()))
    with pytest.raises(ValueError, match="describes storage '0' in two ways"):
        TorchFile(write_stream(tmp_path / "a.bin", program(more=b"N"), stream_storage()))


def test_a_list_of_pairs_used_again_and_again(tmp_path):
    pairs = b"](" + b"".join(pair(text(f"{i}"), b"N") for i in range(1000)) + b"eq\x00"
    program = b"\x80\x02" + pairs + b"0" + (ORDERED + b"h\x00\x85R0") * 20_000 + b"}."
    start = time.perf_counter()
    with pytest.raises(ValueError, match="OrderedDicts with more than 1000000 pairs"):
        TorchFile(write_zip(tmp_path / "a.bin", program))
    assert time.perf_counter() - start < 5
