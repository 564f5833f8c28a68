# S57: what belongs to an administrator, or has been a way in before
# verdict: accepted
# machine: x86_64
# uses: attempts.py
CALLS = {
    "bpf": (321, 0, ctypes.create_string_buffer(128), 128),
    "perf_event_open": (298, ctypes.create_string_buffer(128), 0, -1, -1, 0),
    "userfaultfd": (323, 1),
    "kcmp": (312, 1, 1, 0, 0, 0),
    "kexec_load": (246, 0, 0, None, 0),
    "kexec_file_load": (320, -1, -1, 0, None, 0),
    "reboot": (169, 0xFEE1DEAD, 672274793, 0, None),
    "init_module": (175, None, 0, b""),
    "finit_module": (313, -1, b"", 0),
    "delete_module": (176, b"x", 0),
    "iopl": (172, 3),
    "ioperm": (173, 0, 1, 1),
    "syslog": (103, 3, ctypes.create_string_buffer(64), 64),
    "acct": (163, None),
    "fanotify_init": (300, 0, 0),
    "lookup_dcookie": (212, 0, None, 0),
    "modify_ldt": (154, 0, ctypes.create_string_buffer(64), 64),
    "vhangup": (153,),
    "sethostname": (170, b"x", 1),
    "setdomainname": (171, b"x", 1),
    "capset": (126, ctypes.create_string_buffer(b"\x22\x05\x08\x20", 8), ctypes.create_string_buffer(24)),
    "setuid": (105, 0),
    "setgid": (106, 0),
    "setreuid": (113, 0, 0),
    "setresuid": (117, 0, 0, 0),
    "setgroups": (116, 0, None),
    "setfsuid": (122, 0),
    "mbind": (237, None, 0, 0, None, 0, 0),
    "set_mempolicy": (238, 0, None, 0),
    "process_mrelease": (448, -1, 0),
    "memfd_secret": (447, 0),
    "landlock_create_ruleset": (444, None, 0, 1),
    "quotactl_fd": (443, 0, 0, 0, None),
    "ustat": (136, 0, None),
    "sysfs": (139, 3),
    "ADDR_NO_RANDOMIZE": (135, 0x0040000),
}
for name, arguments in CALLS.items():
    attempt(name, kernel, *arguments, errors=(errno.EPERM,))
for number in (451, 460, 470, 500, 547, 600, 1 << 20):
    attempt(f"system call {number}", kernel, number, 0, 0, 0, 0, 0, errors=(errno.ENOSYS,))
print("done")
