# Children that are executed have Python's ignored signals reset, as subprocess does it.
import subprocess, sys
code = "print([line.split()[1] for line in open('/proc/self/status') if line.startswith(('SigIgn', 'SigBlk', 'SigCgt'))])"
subprocess.run([sys.executable, "-S", "-c", code])
subprocess.run(["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"])
