# Files and directories.
import os, pathlib, shutil
p = pathlib.Path("a/b"); p.mkdir(parents=True); (p / "f.txt").write_text("hi\n"); shutil.copytree("a", "c"); shutil.make_archive("z", "zip", "a")
print(sorted(str(x) for x in pathlib.Path(".").rglob("*")), pathlib.Path.cwd(), pathlib.Path.home(), pathlib.Path(__file__).name); shutil.rmtree("a")
os.symlink("c", "l"); print(os.readlink("l"), os.path.realpath("l"), sorted(os.listdir("l/b")))
