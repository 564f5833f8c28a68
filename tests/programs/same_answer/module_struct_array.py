# Bytes.
import array, struct
print(struct.pack(">IhB", 1, -2, 3), struct.unpack("<d", struct.pack("<d", 1.5)), array.array("i", [1, 2]), memoryview(b"abc")[1:].tobytes(), int.from_bytes(b"\1\0", "big"))
