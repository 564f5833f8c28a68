# An interrupt that nobody catches ends the process by SIGINT, after the traceback.
print("before")
raise KeyboardInterrupt
