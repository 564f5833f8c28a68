# os.system and popen keep what subprocess resets.
import os
print(os.popen("grep -E '^Sig(Ign|Blk|Cgt)' /proc/self/status").read())
