# A write that fails at exit: no room on the device.
import sys
sys.stdout = open("/dev/full", "w")
print("x")
