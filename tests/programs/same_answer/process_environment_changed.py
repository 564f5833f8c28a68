# putenv reaches children; the next case does not see it.
# case: {"arguments": ["1"]}
# case: {"arguments": ["2"]}
import os, sys
print(os.environ.get("MARK"))
os.environ["MARK"] = sys.argv[1]
os.system("echo $MARK")
