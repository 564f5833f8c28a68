# Archives.
import bz2, gzip, lzma, io, tarfile
print([m.decompress(m.compress(b"data" * 9)) == b"data" * 9 for m in (bz2, gzip, lzma)])
with tarfile.open("x.tar", "w") as t: t.add(__file__, "p.py", recursive=False)
print(tarfile.open("x.tar").getnames(), tarfile.open("x.tar").getmember("p.py").size)
