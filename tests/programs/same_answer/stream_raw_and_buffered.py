# Three layers and the descriptor.
import os, sys
sys.stdout.write("1 text\n")
sys.stdout.buffer.write(b"2 buffered\n")
sys.stdout.buffer.raw.write(b"3 raw\n")
os.write(1, b"4 descriptor\n")
