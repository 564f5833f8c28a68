# The user has no name.
# normalise: 20[0-9]{8} (where the box has no users of its own the user's number is another every time)
import getpass, os, pwd
for call in (lambda: pwd.getpwuid(os.getuid()), getpass.getuser, os.getlogin):
    try:
        print(call())
    except Exception as error:
        print(type(error).__name__, error)
