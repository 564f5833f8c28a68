# sqlite3 calls functions and authorisers of the program from C.
import sqlite3
db = sqlite3.connect(":memory:")
db.create_function("double", 1, lambda n: n * 2)
db.set_trace_callback(print)
print(db.execute("select double(21)").fetchone())
