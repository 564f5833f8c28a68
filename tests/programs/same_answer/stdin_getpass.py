# getpass without a terminal.
# case: {"stdin": "secret\n"}
import getpass
print(getpass.getpass("pw: "))
