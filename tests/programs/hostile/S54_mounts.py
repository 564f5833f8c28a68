# S54: mounts, roots and handles
# verdict: accepted
# machine: x86_64
# uses: attempts.py
CALLS = {
    "mount": (165, b"tmpfs", b"/tmp", b"tmpfs", 0, None),
    "bind": (165, b"/", b"/tmp", None, 4096, None),
    "remount": (165, None, b"/", None, 32 | 4096, None),
    "umount2": (166, b"/tmp", 2),
    "pivot_root": (155, b"/tmp", b"/tmp"),
    "chroot": (161, b"/tmp"),
    "fsopen": (430, b"tmpfs", 0),
    "fsmount": (432, 0, 0, 0),
    "fsconfig": (431, 0, 0, None, None, 0),
    "fspick": (433, -100, b"/", 0),
    "open_tree": (428, -100, b"/", 1),
    "move_mount": (429, -100, b"/tmp", -100, b"/tmp", 0),
    "mount_setattr": (442, -100, b"/", 0, None, 0),
    "name_to_handle_at": (303, -100, b"/", ctypes.create_string_buffer(256), ctypes.create_string_buffer(8), 0),
    "open_by_handle_at": (304, -100, ctypes.create_string_buffer(b"\x08\0\0\0\x01\0\0\0", 64), 0),
    "swapon": (167, b"/tmp/x", 0),
    "quotactl": (179, 0, b"/", 0, None),
    "statmount": (457, None, None, 0, 0),
    "listmount": (458, None, None, 0, 0),
}
for name, arguments in CALLS.items():
    attempt(name, kernel, *arguments, errors=(errno.ENOSYS,) if arguments[0] > 450 else (errno.EPERM,))
print("done")
