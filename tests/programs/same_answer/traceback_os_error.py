# OSError with file name and number.
open("no/such/file")
