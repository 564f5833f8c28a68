# A subclass of KeyboardInterrupt is not an interrupt of the terminal.
class Mine(KeyboardInterrupt):
    pass
raise Mine("x")
