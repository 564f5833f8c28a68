# Suggestions for names and attributes look at what is there.
import sys
import traceback
counter = 1
for code in ("conter", "sys.pth", "import jsn", "print(lenn([]))", "[].appendd"):
    try:
        exec(code)
    except Exception as error:
        print(traceback.format_exception_only(error))
        sys.excepthook(type(error), error, None)
