# S11: fills every directory that it can write to
# verdict: accepted
# uses: attempts.py
written = 0
tops = [line.split()[4] for line in open("/proc/self/mountinfo")]
tops += [".", "~", "/run/lock", "/run/user", "/var/tmp", "/var/lock", "/var/cache", "/var/spool/mail", "/usr/src", "/mnt"]
for top in {os.path.realpath(os.path.expanduser(top)) for top in tops}:
    for number in range(20):
        try:
            with open(f"{top}/fill{number}", "wb", buffering=0) as file:
                while True:
                    written += file.write(b"x" * 65536)
        except OSError as error:
            say("refused", "more in", top, errno.errorcode.get(error.errno))
            if error.errno != errno.EFBIG:
                break
if written > 2 * (4 << 20):
    say("SUCCEEDED", "in writing", written, "bytes")
print("done")
