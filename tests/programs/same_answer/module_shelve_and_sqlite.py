# Files in the working directory.
import os, shelve, sqlite3
with shelve.open("data") as s: s["a"] = [1, 2]
with shelve.open("data") as s: print(dict(s))
db = sqlite3.connect("x.db")
db.execute("create table t (a, b)"); db.execute("insert into t values (1, 'x')"); db.commit()
print(db.execute("select * from t").fetchall(), sqlite3.connect(":memory:").execute("select 1+1").fetchone())
